"""A grant's data on its way: only to the asker, only what was granted, only while it is, and nothing that is not entered first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from node.cases.errors import CaseError
from node.cases.kind import Case
from node.requests import giving
from node.requests.envelope import Cursor, PageBody, Question, ask_paper, page_paper, read_page, read_question
from node.requests.errors import FetchRefused
from node.requests.fetched import Fetched
from node.requests.giving import FETCH
from node.requests.kind import grant_of
from node.tree.routes import Routed, RouteRefused
from policies import PolicyError
from policies.grant import Grant
from sync.model import ClockQuality
from tests.node.requests.borough import ASKER, DAY_US, PROVIDER, WALL_US, Borough

pytestmark = pytest.mark.slow

CANARY = "小鸟甲"
ROWS = [(f"r{n}", f"{CANARY}{n}", "370203182002290011", "10000000000", 1820 + n, "x" if n % 2 else "y") for n in range(40)]


async def question_of(borough: Borough, about: str, **change: object) -> Question:
    said: dict[str, object] = {"case_id": about, "provider": PROVIDER, "asker": ASKER, "by": "li", "nonce": b"n" * 16, "cursor": Cursor()}
    return Question(**(said | change))  # type: ignore[arg-type]


async def test_the_asker_gets_what_was_granted_and_no_other_column_or_row(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted({"filter": "birth_year < 1850"}, filter="category = 'x'")
    found = await borough.fetched(case.id)
    assert sorted(str(row["name"]) for row in found) == sorted(f"{CANARY}{n}" for n in range(1, 30, 2))
    assert {tuple(row) for row in found} == {("grade", "name", "category")}
    assert {row["grade"] for row in found} == {3}


async def test_a_fetch_of_many_pages_gives_each_row_once(borough: Borough, monkeypatch: pytest.MonkeyPatch) -> None:
    for begin in range(0, 40, 8):
        borough.store(ROWS[begin : begin + 8])
    case = await borough.granted()
    monkeypatch.setattr(giving, "PAGE_ROWS_MAX", 3)
    found = await borough.fetched(case.id)
    assert sorted(str(row["name"]) for row in found) == sorted(row[1] for row in ROWS)
    shared = borough.desks[PROVIDER].shown(case.id)["shares"]
    assert (shared["rows"], shared["pages"] > 10) == (40, True)


async def test_a_page_of_heavy_rows_keeps_its_bound_and_a_row_beyond_it_has_a_page_of_its_own(borough: Borough) -> None:
    heavy = [(f"r{n}", chr(0x4E00 + n) * 10_000, "1", "1", 1820, "x") for n in range(20)]
    huge = [("r99", "丙" * 100_000, "1", "1", 1820, "x")]
    borough.store(heavy + huge + ROWS)
    case = await borough.granted()
    cursor, sizes, is_last = Cursor(), [], False
    while not is_last:
        rows, facts = await borough.taking[ASKER].page(case.id, cursor, by="li")
        assert rows is not None
        sizes.append((rows.num_rows, rows.nbytes))
        cursor, is_last = Cursor(facts["after_lsn"], facts["skip_rows"], facts["upto_lsn"]), facts["is_last"]
    assert sum(count for count, _ in sizes) == 61
    assert all(size <= giving.PAGE_BYTES_MAX or count == 1 for count, size in sizes)
    assert max(size for _, size in sizes) > 300_000


async def test_rows_that_come_during_a_fetch_are_not_part_of_it(borough: Borough, monkeypatch: pytest.MonkeyPatch) -> None:
    borough.store(ROWS[:6])
    case = await borough.granted()
    monkeypatch.setattr(giving, "PAGE_ROWS_MAX", 4)
    rows, facts = await borough.taking[ASKER].page(case.id, Cursor(), by="li")
    borough.store(ROWS[6:])
    more, _ = await borough.taking[ASKER].page(case.id, Cursor(facts["after_lsn"], facts["skip_rows"], facts["upto_lsn"]), by="li")
    assert rows is not None
    assert more is not None
    assert rows.num_rows + more.num_rows == 6


@pytest.mark.parametrize("end", ["revoke", "withdraw", "expire", "clock"])
async def test_nothing_is_given_from_the_next_page_on(borough: Borough, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    monkeypatch.setattr(giving, "PAGE_ROWS_MAX", 5)
    _, facts = await borough.taking[ASKER].page(case.id, Cursor(), by="li")
    if end == "revoke":
        # Not carried: the asker has not heard of it, and the provider refuses all the same.
        await borough.desks[PROVIDER].say(case.id, "revoke", {"why": "misused"}, by="zhao")
    elif end == "withdraw":
        await borough.desks[ASKER].say(case.id, "withdraw", {}, by="li")
        await borough.town.carry()
    elif end == "expire":
        borough.town.clock.wall = WALL_US + 61 * DAY_US
    else:
        borough.quality = replace(ClockQuality(), uncertainty_us=600_000_000)
    cursor = Cursor(facts["after_lsn"], facts["skip_rows"], facts["upto_lsn"])
    paper = ask_paper(await question_of(borough, case.id, cursor=cursor), borough.taking[ASKER].seal)
    with pytest.raises(RouteRefused, match=r"liaoyuan: .*(revoked|withdrawn|expired|unsure)"):
        await borough.routes[ASKER].ask(PROVIDER, FETCH, paper, timeout_s=30.0)
    with pytest.raises((CaseError, RouteRefused), match=r"revoked|withdrawn|expired|unsure"):
        await borough.taking[ASKER].page(case.id, cursor, by="li")
    assert borough.desks[PROVIDER].shown(case.id)["shares"]["rows"] == 5


async def test_what_has_arrived_counts_before_anybody_looked_at_it(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    await borough.desks[ASKER].say(case.id, "withdraw", {}, by="li")
    desk = borough.town.offices[PROVIDER].desk
    later, desk.register.catch_up = desk.register.catch_up, lambda journal: set()  # type: ignore[method-assign]
    await borough.town.carry()
    desk.register.catch_up = later  # type: ignore[method-assign]
    assert borough.desks[PROVIDER].shown(case.id)["state"] == "granted"
    paper = ask_paper(await question_of(borough, case.id), borough.taking[ASKER].seal)
    with pytest.raises(RouteRefused, match="withdrawn"):
        await borough.routes[ASKER].ask(PROVIDER, FETCH, paper, timeout_s=30.0)


async def test_a_page_is_entered_before_it_leaves(borough: Borough, monkeypatch: pytest.MonkeyPatch) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    monkeypatch.setattr(giving, "page_paper", lambda *_: (_ for _ in ()).throw(FetchRefused("the power is cut")))
    with pytest.raises(RouteRefused, match="the power is cut"):
        await borough.fetched(case.id)
    shares = borough.desks[PROVIDER].shares.of(case.id)
    assert (shares["rows"], shares["newest"][0]["asker"], shares["newest"][0]["by"]) == (40, ASKER, "li")
    assert (shares["newest"][0]["purpose"], shares["newest"][0]["fields"]) == ("city-management", "name,category")


async def test_a_page_that_cannot_be_entered_does_not_leave(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    borough.desks[PROVIDER].shares.close()
    with pytest.raises(RouteRefused, match=r"shares\.db is closed"):
        await borough.fetched(case.id)
    assert not any(CANARY.encode() in body for body in borough.taps["qingdao"])


# ---- who


async def test_nobody_but_the_asker_is_given_anything(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    for signer, asker, why in (
        ("shinan", "shinan", "not of shinan"),
        ("shinan", ASKER, "question of badaguan was signed by shinan"),
        (ASKER, "shinan", "question of shinan was signed by badaguan"),
    ):
        paper = ask_paper(await question_of(borough, case.id, asker=asker), borough.taking[signer].seal)
        with pytest.raises(RouteRefused, match=why):
            await borough.routes["shinan"].ask(PROVIDER, FETCH, paper, timeout_s=30.0)


async def test_a_namesake_certified_elsewhere_is_given_nothing(borough: Borough) -> None:
    from node.identity.facts import NodeFacts
    from sync.model import Level, Territory
    from tests.node.identity.family import make_node
    from tests.node.requests.borough import seal_of

    borough.store(ROWS)
    case = await borough.granted()
    (borough.folder / "forged").mkdir()
    forger = NodeFacts(ASKER, Level.STREET, Territory("370203099"))
    files = make_node(borough.folder / "forged", forger, parent=borough.files["shibei"], now_us=WALL_US)
    paper = ask_paper(await question_of(borough, case.id), seal_of(files, borough.town.clock.wall_us))
    with pytest.raises(RouteRefused, match=r"is of badaguan \(370202006\), not of badaguan"):
        await borough.routes["shibei"].ask(PROVIDER, FETCH, paper, timeout_s=30.0)


async def test_a_question_sent_again_by_somebody_between_is_not_answered(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    paper = ask_paper(await question_of(borough, case.id), borough.taking[ASKER].seal)
    await borough.routes["qingdao"].ask(PROVIDER, FETCH, paper, timeout_s=30.0)
    with pytest.raises(RouteRefused, match="answered already"):
        await borough.routes["qingdao"].ask(PROVIDER, FETCH, paper, timeout_s=30.0)


@pytest.mark.parametrize("change", [{"provider": "qingdao"}, {"case_id": "nothing"}, {"format": 9}], ids=str)
async def test_a_question_that_fits_nothing_is_refused(borough: Borough, change: dict[str, object]) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    paper = ask_paper(await question_of(borough, case.id, **change), borough.taking[ASKER].seal)
    with pytest.raises(RouteRefused, match=r"not for|is not here|format 9"):
        await borough.routes[ASKER].ask(PROVIDER, FETCH, paper, timeout_s=30.0)


def read_or_refused(read: Callable[[], object]) -> object:
    """What is read; None when it is refused. White space between the lines of a certificate may change, nothing else."""
    try:
        return read()
    except FetchRefused:
        return None


def asked_in(paper: bytes, borough: Borough) -> object:
    return read_question(paper, borough.giving[PROVIDER].seal)[0]


def given_in(paper: bytes, question: Question, borough: Borough) -> object:
    return read_page(paper, question, borough.taking[ASKER].seal)[0]


async def test_no_damaged_paper_gets_through(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    question = await question_of(borough, case.id)
    paper = ask_paper(question, borough.taking[ASKER].seal)
    for place in range(0, len(paper), 97):
        bad = bytearray(paper)
        bad[place] ^= 1
        assert read_or_refused(partial(asked_in, bytes(bad), borough)) in [None, question]
    page = await borough.giving[PROVIDER].answer(paper)
    whole = read_page(page, question, borough.taking[ASKER].seal)[0]
    for place in range(0, len(page), 97):
        bad = bytearray(page)
        bad[place] ^= 1
        assert read_or_refused(partial(given_in, bytes(bad), question, borough)) in [None, whole]


async def test_a_page_of_another_question_or_of_somebody_else_is_refused(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    question = await question_of(borough, case.id)
    seal = borough.taking[ASKER].seal
    _, signer = read_question(ask_paper(question, seal), seal)
    made = PageBody(payload=b"", withheld={}, following=Cursor(), is_last=True)
    forged = page_paper(made, question, signer.key, borough.taking["qingdao"].seal)
    with pytest.raises(FetchRefused, match="page of qingdao"):
        read_page(forged, question, seal)
    old = page_paper(made, question, signer.key, borough.taking[PROVIDER].seal)
    with pytest.raises(FetchRefused, match="is no answer"):
        read_page(old, await question_of(borough, case.id, nonce=b"m" * 16), seal)


# ---- what relays see


def texts_in(value: object) -> Iterator[bytes]:
    """Every text and byte string inside a decoded message, those that are messages themselves opened in turn."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for item in value:
            yield from texts_in(item)
    elif isinstance(value, str):
        yield value.encode()
    elif isinstance(value, bytes):
        yield value
        try:
            inner = msgspec.msgpack.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        yield from texts_in(inner) if isinstance(inner, dict | list) else ()


async def test_a_relay_that_reads_all_that_passes_finds_no_value(borough: Borough, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "encode_payload", lambda rows, compression: giving_plain(rows))
    borough.store(ROWS)
    case = await borough.granted()
    assert len(await borough.fetched(case.id)) == 40
    for relay in ("shinan", "qingdao", "shibei"):
        seen = [text for body in borough.taps[relay] for text in texts_in(msgspec.msgpack.decode(body))]
        assert any(case.id.encode() in text for text in seen), "the relay sees whose question it is"
        assert not any(CANARY.encode() in text for text in seen)
        for body in borough.taps[relay]:
            reply = msgspec.msgpack.decode(body)
            if reply.get("at") == PROVIDER:
                question = await question_of(borough, case.id)
                with pytest.raises(FetchRefused):
                    read_page(reply["body"], question, borough.taking[relay].seal)


async def test_the_same_search_finds_the_values_where_pages_are_not_sealed(borough: Borough, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "encode_payload", lambda rows, compression: giving_plain(rows))
    monkeypatch.setattr(giving, "page_paper", lambda made, *_: msgspec.msgpack.encode(made))
    borough.store(ROWS)
    case = await borough.granted()
    with pytest.raises(FetchRefused, match="does not parse"):
        await borough.fetched(case.id)
    seen = [text for body in borough.taps["qingdao"] for text in texts_in(msgspec.msgpack.decode(body))]
    assert any(CANARY.encode() in text for text in seen)


def giving_plain(rows: object) -> bytes:
    """Rows without compression, in which a search would find a word."""
    from sync.wire.payload import encode_payload

    return encode_payload(rows, compression=None)  # type: ignore[arg-type]


# ---- both ends


async def test_the_asker_refuses_more_than_was_granted(borough: Borough, monkeypatch: pytest.MonkeyPatch) -> None:
    borough.store(ROWS)
    case = await borough.granted()

    def loose(found: Case) -> Grant | None:
        grant = grant_of(found)
        return replace(grant, fields=(*grant.fields, "phone")) if grant else None

    monkeypatch.setattr(giving, "grant_of", loose)
    with pytest.raises(PolicyError, match="are not those granted"):
        await borough.fetched(case.id)


async def test_a_node_that_is_away_is_named(borough: Borough) -> None:
    case = await borough.granted()
    borough.down = {"liaoyuan"}
    with pytest.raises(RouteRefused, match="shibei: liaoyuan cannot be reached, liaoyuan is away"):
        await borough.fetched(case.id)
    borough.down = {"shinan"}
    with pytest.raises(RouteRefused, match="badaguan: liaoyuan cannot be reached, shinan is away"):
        await borough.fetched(case.id)


async def test_others_cannot_fetch_at_their_own_node(borough: Borough) -> None:
    case = await borough.granted()
    with pytest.raises(FetchRefused, match="asked by badaguan: fetch it there"):
        await borough.taking["qingdao"].page(case.id, Cursor(), by="x")
    other = await borough.asked()
    with pytest.raises(FetchRefused, match="is asked: nothing can be fetched"):
        await borough.taking[ASKER].page(other.id, Cursor(), by="x")


async def test_pages_are_made_one_at_a_time(borough: Borough) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    found = await asyncio.gather(*(borough.taking[ASKER].page(case.id, Cursor(), by="li") for _ in range(4)))
    assert [rows.num_rows for rows, _ in found if rows is not None] == [40] * 4


def test_a_routed_question_is_bounded() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(Routed("a", "b", 99, 1, b"")), type=Routed)


async def test_a_page_is_entered_at_the_asker_and_no_file_of_the_node_keeps_a_value(borough: Borough, tmp_path: Path) -> None:
    borough.store([(f"r{n}", f"canary-{n}-name", "3702", "139", 1990, "x") for n in range(5)])
    case = await borough.granted()
    (tmp_path / "books").mkdir()
    fetched = Fetched(tmp_path / "books" / "fetched.db")
    taking = replace(borough.taking[ASKER], fetched=fetched)
    rows, _ = await taking.page(case.id, Cursor(), by="li")
    assert rows is not None
    assert {"canary-3-name"} <= set(rows.column("name").to_pylist())
    assert fetched.of(["residents"]) == (1, [case.id])
    fetched.close()
    files = files_below(tmp_path / "town" / ASKER) + files_below(tmp_path / "books")
    assert len(files) > 1
    assert not any(b"canary-" in data for data in files)
    assert "residents" not in borough.town.offices[ASKER].shelf.journal.counts(), "what is compressed there would not be seen"


def files_below(folder: Path) -> list[bytes]:
    """Every file of a node."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def test_a_page_that_cannot_be_entered_is_not_handed_on(borough: Borough, tmp_path: Path) -> None:
    borough.store(ROWS)
    case = await borough.granted()
    fetched = Fetched(tmp_path / "fetched.db")
    fetched.close()
    with pytest.raises(FetchRefused, match=r"fetched\.db is closed"):
        await replace(borough.taking[ASKER], fetched=fetched).page(case.id, Cursor(), by="li")
