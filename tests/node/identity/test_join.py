"""Joining over real loopback TLS: what is issued, and that every refusal says which."""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.identity import admissions as admissions_module
from node.identity import join_server
from node.identity.admissions import Admissions, Stage
from node.identity.errors import ForeignCa, IdentityError, JoinError, JoinRefused, JoinUnreachable, Refusal
from node.identity.facts import NodeFacts
from node.identity.join_client import ask_time, join_parent, renew
from node.identity.join_wire import LINE_BYTES_MAX, Chain, encode_line
from node.identity.token import JoinToken
from node.identity.verify import verify_chain
from sync.model import Level, Territory
from tests.node.identity.family import CITY, DAY_US, DISTRICT, NOW_US, PROVINCE, STREET, make_node
from tests.node.identity.join_parent import Parent, serving_city


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[Parent]:
    async with serving_city(tmp_path) as parent:
        yield parent


async def refusal_of(joining: object) -> tuple[Refusal, str]:
    with pytest.raises(JoinRefused) as caught:
        await joining  # type: ignore[misc]
    return caught.value.refusal, str(caught.value)


async def test_child_with_a_token_is_certified_and_both_ends_verify(city: Parent, tmp_path: Path) -> None:
    child = make_node(tmp_path, DISTRICT)
    outcome = await city.join(child, DISTRICT, city.token())
    assert (outcome.parent.node, outcome.link_address) == ("qingdao", "127.0.0.1:9000")
    seen_by_parent = verify_chain(child.tls().chain_pem, root_pem=city.files.root_pem(), now_us=NOW_US)
    seen_by_child = child.parent(now_us=NOW_US)
    assert seen_by_parent.path == ("shandong", "qingdao", "shinan")
    assert seen_by_child.manifest_key == city.files.own(now_us=NOW_US).manifest_key
    assert city.admissions.is_admitted("shinan")


async def test_node_waits_until_the_operator_accepts_the_fingerprint(city: Parent, tmp_path: Path) -> None:
    child, token = make_node(tmp_path, DISTRICT), city.token(auto_accept=False)
    shown: list[str] = []

    def accept(print_of_key: str) -> None:
        shown.append(print_of_key)
        assert [entry.fingerprint for entry in city.admissions.pending()] == [print_of_key]
        city.admissions.accept("shinan", now_us=NOW_US)

    outcome = await city.join(child, DISTRICT, token, on_pending=accept, poll_interval_s=0.01)
    assert shown == [outcome.fingerprint]


async def test_operator_may_refuse(city: Parent, tmp_path: Path) -> None:
    child, token = make_node(tmp_path, DISTRICT), city.token(auto_accept=False)
    joining = city.join(child, DISTRICT, token, on_pending=lambda _: city.admissions.refuse("shinan"), poll_interval_s=0.01)
    assert (await refusal_of(joining))[0] is Refusal.BY_OPERATOR
    assert not child.is_certified


async def test_undecided_join_ends_and_goes_on_with_the_same_token(city: Parent, tmp_path: Path) -> None:
    child, token = make_node(tmp_path, DISTRICT), city.token(auto_accept=False)
    with pytest.raises(JoinError, match="did not decide"):
        await city.join(child, DISTRICT, token, wait_s=0.02, poll_interval_s=0.01)
    city.admissions.accept("shinan", now_us=NOW_US)
    assert (await city.join(child, DISTRICT, token)).node == "shinan"


async def test_used_token_is_refused_for_another_node(city: Parent, tmp_path: Path) -> None:
    token = city.token()
    await city.join(make_node(tmp_path, DISTRICT), DISTRICT, token)
    other = NodeFacts("shibei", Level.DISTRICT, Territory("370203"))
    refusal, words = await refusal_of(city.join(make_node(tmp_path, other), other, token))
    assert (refusal, "used already" in words) == (Refusal.USED, True)


async def test_expired_token_is_refused(city: Parent, tmp_path: Path) -> None:
    token = city.token(ttl_s=60)
    city.clock.us += 61_000_000
    refusal, words = await refusal_of(city.join(make_node(tmp_path, DISTRICT), DISTRICT, token))
    assert (refusal, "ended 1 s ago" in words) == (Refusal.EXPIRED, True)


@pytest.mark.parametrize("spoil", [lambda token: token[:-4] + "AAAA", lambda token: token.replace("::", "::0000")[:86] + token[82:]])
async def test_wrong_secret_and_unreadable_token_are_refused(city: Parent, tmp_path: Path, spoil: object) -> None:
    token = spoil(city.token())  # type: ignore[operator]
    assert (await refusal_of(city.join(make_node(tmp_path, DISTRICT), DISTRICT, token)))[0] is Refusal.WRONG_TOKEN


async def test_refused_request_does_not_use_up_the_token(city: Parent, tmp_path: Path) -> None:
    token = city.token(Level.DISTRICT, "370202")
    outside = NodeFacts("shibei", Level.DISTRICT, Territory("370203"))
    refusal, words = await refusal_of(city.join(make_node(tmp_path, outside), outside, token))
    assert (refusal, "370203" in words) == (Refusal.OUTSIDE_TERRITORY, True)
    assert (await city.join(make_node(tmp_path, DISTRICT), DISTRICT, token)).node == "shinan"


async def test_territory_outside_the_parent_and_level_not_below_are_refused(city: Parent, tmp_path: Path) -> None:
    outside = NodeFacts("jinan-lixia", Level.DISTRICT, Territory("370102"))
    twin = NodeFacts("qingdao-2", Level.MUNICIPAL, Territory("3702"))
    assert (await refusal_of(city.join(make_node(tmp_path, outside), outside, city.token())))[0] is Refusal.OUTSIDE_TERRITORY
    assert (await refusal_of(city.join(make_node(tmp_path, twin), twin, city.token())))[0] is Refusal.LEVEL


async def test_token_of_a_street_does_not_admit_a_district(city: Parent, tmp_path: Path) -> None:
    token = city.token(Level.STREET)
    assert (await refusal_of(city.join(make_node(tmp_path, DISTRICT), DISTRICT, token)))[0] is Refusal.LEVEL
    assert (await city.join(make_node(tmp_path, STREET), STREET, token)).node == "badaguan"


async def test_taken_node_id_is_refused_until_the_other_is_dismissed(city: Parent, tmp_path: Path) -> None:
    await city.join(make_node(tmp_path, DISTRICT), DISTRICT, city.token())
    token, replacement = city.token(), make_node(tmp_path / "new-disk", DISTRICT)
    refusal, words = await refusal_of(city.join(replacement, DISTRICT, token))
    assert (refusal, "--refuse" in words) == (Refusal.NODE_TAKEN, True)
    city.admissions.refuse("shinan")
    assert (await city.join(replacement, DISTRICT, token)).node == "shinan"


async def test_own_ancestors_names_are_taken(city: Parent, tmp_path: Path) -> None:
    impostor = NodeFacts("shandong", Level.DISTRICT, Territory("370202"))
    assert (await refusal_of(city.join(make_node(tmp_path / "fake", impostor), impostor, city.token())))[0] is Refusal.NODE_TAKEN


async def test_token_of_another_ca_is_a_foreign_ca(city: Parent, tmp_path: Path) -> None:
    foreign = make_node(tmp_path / "foreign", PROVINCE)
    token = foreign.ca_sha256() + city.token()[64:]
    with pytest.raises(ForeignCa, match="is not the one the token names"):
        await city.join(make_node(tmp_path, DISTRICT), DISTRICT, token)


async def test_listener_that_replays_the_chain_without_its_key_is_a_foreign_ca(city: Parent, tmp_path: Path) -> None:
    child, impostor = make_node(tmp_path, DISTRICT), make_node(tmp_path / "foreign", PROVINCE)
    chain = city.files.read(city.files.certificate("tls")) + city.files.root_pem()

    async def replay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(encode_line(Chain(chain.decode())))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(impostor.certificate("tls"), impostor.key("tls"))
    server = await asyncio.start_server(replay, "127.0.0.1", 0, ssl=context)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(ForeignCa, match="does not hold the pinned CA's key"):
        await join_parent(address, city.token(), files=child, facts=DISTRICT, clock=city.clock)
    server.close()
    await server.wait_closed()


async def test_nobody_at_the_address_is_unreachable(city: Parent, tmp_path: Path) -> None:
    await city.server.stop()
    with pytest.raises(JoinUnreachable, match="cannot be reached"):
        await city.join(make_node(tmp_path, DISTRICT), DISTRICT, city.token())
    with pytest.raises(JoinUnreachable, match="host:port"):
        await join_parent("nowhere", city.token(), files=city.files, facts=CITY, clock=city.clock)


async def test_expired_child_renews_with_its_old_key(city: Parent, tmp_path: Path) -> None:
    child = make_node(tmp_path, DISTRICT)
    await city.join(child, DISTRICT, city.token())
    late_us = NOW_US + 720 * DAY_US
    city.clock.us = late_us
    await renew(city.address, files=child, facts=DISTRICT, clock=city.clock)
    assert child.own(now_us=late_us).node == "shinan"


async def test_dismissed_child_is_not_renewed(city: Parent, tmp_path: Path) -> None:
    child = make_node(tmp_path, DISTRICT)
    await city.join(child, DISTRICT, city.token())
    city.admissions.refuse("shinan")
    city.clock.us = NOW_US + 400 * DAY_US
    refusal, _ = await refusal_of(renew(city.address, files=child, facts=DISTRICT, clock=city.clock))
    assert refusal is Refusal.UNKNOWN_NODE


async def test_parent_signs_its_time_and_the_floor_never_goes_back(city: Parent, tmp_path: Path) -> None:
    child = make_node(tmp_path, DISTRICT)
    await city.join(child, DISTRICT, city.token())
    city.clock.us += 5
    time_us = (await ask_time(city.address, files=child, clock=city.clock)).time_us
    city.admissions.keep_signed_time(time_us)
    city.admissions.keep_signed_time(time_us - 5)
    assert city.admissions.newest_signed_time_us() == NOW_US + 5


NONSENSE = [b"nonsense\n", b'{"op":"join"}\n', b"\xff\xfe\n", b'{"op":"join","token_id":"x","proof":"\xc3\xa9","csr":"x"}\n']


@pytest.mark.parametrize("line", NONSENSE)
async def test_nonsense_is_answered_and_the_next_child_is_served(city: Parent, tmp_path: Path, line: bytes) -> None:
    assert b'"refused"' in await say(city.address, line)
    assert (await city.join(make_node(tmp_path, DISTRICT), DISTRICT, city.token())).node == "shinan"


async def test_renewed_leaf_is_shown_without_a_restart(city: Parent) -> None:
    before = await leaf_shown(city.address)
    city.files.renew_leaf(CITY, now_us=NOW_US + 50 * DAY_US)
    await say(city.address, b"\n")
    assert await leaf_shown(city.address) != before


async def leaf_shown(address: str) -> bytes | None:
    """The certificate the service shows, DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.write(b"\n")
    await reader.read()
    writer.transport.abort()
    return shown


async def test_line_over_the_cap_is_cut_off(city: Parent) -> None:
    assert await say(city.address, b"x" * (2 * LINE_BYTES_MAX)) == b""


async def test_more_connections_than_the_bound_are_told_to_come_back(city: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(join_server, "CONNECTIONS_MAX", 0)
    assert b'"busy"' in await say(city.address, b"")


async def say(address: str, line: bytes) -> bytes:
    """What the service answers to raw bytes over unverified TLS; empty when it closes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        writer.write(line)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


async def test_token_is_stored_hashed_and_consumed_once_by_two_connections(city: Parent, tmp_path: Path) -> None:
    token = city.token(auto_accept=False)
    assert token.rpartition(".")[2].encode() not in city.files.database.read_bytes()
    second = Admissions(city.files.database, city.files.authority())
    first_child, second_child = make_node(tmp_path, DISTRICT), make_node(tmp_path / "b", STREET)
    with pytest.raises(JoinError, match="did not decide"):
        await city.join(first_child, DISTRICT, token, wait_s=0.01)
    assert [entry.stage for entry in second.all()] == [Stage.PENDING]
    assert (await refusal_of(city.join(second_child, STREET, token)))[0] is Refusal.USED
    second.close()


def test_token_never_shows_its_secret_when_printed_for_debugging() -> None:
    token = JoinToken.new("0" * 64)
    assert token.secret not in repr(token)
    assert JoinToken.parse(str(token)) == token


async def test_store_that_another_writer_holds_is_an_answer_and_not_a_crash(
    city: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admissions_module, "BUSY_TIMEOUT_S", 0.01)
    impatient = Admissions(city.files.database, city.files.authority())
    holder = sqlite3.connect(city.files.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(IdentityError, match="locked"):
        impatient.keep_signed_time(1)
    holder.execute("ROLLBACK")
    holder.close()
    impatient.keep_signed_time(1)
    impatient.close()


def test_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    files.database.write_bytes(b"nonsense" * 1_000)
    with pytest.raises(IdentityError, match=r"identity\.db cannot be opened"):
        Admissions(files.database, files.authority())


def test_learned_manifest_keys_survive_a_restart(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    first = Admissions(files.database, files.authority())
    first.keep_key("qingdao", b"a" * 32, now_us=2)
    first.keep_key("qingdao", b"b" * 32, now_us=3)
    first.keep_key("qingdao", b"a" * 32, now_us=4)
    first.close()
    second = Admissions(files.database, files.authority())
    assert second.learned_keys() == {"qingdao": (b"a" * 32, b"b" * 32)}
    second.close()


def test_token_life_is_bounded(tmp_path: Path) -> None:
    files = make_node(tmp_path, PROVINCE)
    admissions = Admissions(files.database, files.authority())
    for ttl_s in (0.0, 31 * 86_400.0):
        with pytest.raises(IdentityError, match="cannot live"):
            admissions.create_token(
                ca_sha256="", level=Level.GRID, territory=Territory("37"), ttl_s=ttl_s, auto_accept=False, now_us=NOW_US
            )
    admissions.close()


async def test_stop_leaves_no_handler_behind(city: Parent, tmp_path: Path) -> None:
    child = make_node(tmp_path, DISTRICT)
    others = asyncio.all_tasks()
    await city.join(child, DISTRICT, city.token())
    await city.server.stop()
    assert asyncio.all_tasks() - others == set()
