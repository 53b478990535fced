"""A question on its way: yes, no, and no for who is not there; counted, entered first, unreadable to nodes between."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from node.requests.envelope import Paper
from node.requests.errors import FetchRefused
from node.tree.routes import RouteRefused
from node.verify import book, telling
from node.verify.errors import VerifyRefused
from node.verify.letters import Front, answer_letter, ask_letter, read_answer, read_asked, recipient_key
from node.verify.telling import VERIFY
from policies.errors import PolicyError
from policies.verifying import Answer
from tests.node.requests.borough import ARBITER, ASKER, DAY_US, PROVIDER
from tests.node.verify.conftest import Counterparts, asked

pytestmark = pytest.mark.slow


async def test_the_asker_hears_yes_and_no_and_no_for_who_is_not_there(both: Counterparts) -> None:
    assert [await both.ask(), await both.ask(expected="y"), await both.ask(value="nobody")] == ["yes", "no", "no"]
    assert both.told() == [(ASKER, "yes"), (ASKER, "no"), (ASKER, "no")]
    assert [one.answer for one in both.noted] == ["yes", "no", "no"]


async def test_under_a_grant_the_asker_hears_also_that_nothing_is_known(both: Counterparts) -> None:
    case = await both.borough.granted({}, fields=("resident_id", "category"))
    said = {"case_id": case.id, "purpose": "city-management"}
    assert [await both.ask(**said), await both.ask(value="nobody", **said)] == ["yes", "absent"]
    with pytest.raises(PolicyError, match="does not grant field birth_year"):
        await both.ask(field="birth_year", expected="1821", **said)
    await both.borough.desks[PROVIDER].say(case.id, "revoke", {"why": "misused"}, by="zhao")
    with pytest.raises(RouteRefused, match="revoked"):
        await both.ask(**said)


async def test_a_purpose_that_needs_a_grant_is_refused_at_both_ends_and_counted_at_the_provider(both: Counterparts) -> None:
    with pytest.raises(PolicyError, match=r"hold \(no-grant\)"):
        await both.ask(purpose="statistics")
    letter = await _letter(both, purpose="statistics")
    with pytest.raises(RouteRefused, match=r"liaoyuan: residents is not told.*hold \(no-grant\)"):
        await both.borough.routes[ASKER].ask(PROVIDER, VERIFY, letter, timeout_s=30.0)
    assert both.told() == [(ASKER, "refused")]


async def test_an_id_space_cannot_be_walked_through(both: Counterparts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "_LIMITS", tuple((*one[:3], 7, one[4]) if one[1] == "asker" else one for one in book._LIMITS))
    for year in range(1820, 1825):
        await both.ask(field="birth_year", expected=str(year))
    with pytest.raises(RouteRefused, match="5 times in a day about this subject"):
        await both.ask(field="birth_year", expected="1821")
    assert [await both.ask(value="r2"), await both.ask(value="r3")] == ["no", "yes"]
    with pytest.raises(RouteRefused, match="badaguan asked 7 times"):
        await both.ask(value="r4")
    assert await both.ask(asker="shinan") == "yes"
    assert both.telling[PROVIDER].book.turned_away() == {ASKER: 2}
    assert len(both.told()) == 8


async def test_several_askers_together_learn_no_more_of_one_subject(both: Counterparts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "_LIMITS", tuple((*one[:3], 3, one[4]) if one[1] == "subject" else one for one in book._LIMITS))
    for asker in (ASKER, "shinan", "qingdao"):
        await both.ask(asker=asker)
    with pytest.raises(RouteRefused, match="this subject was asked about 3 times"):
        await both.ask(asker="shandong")


async def test_the_limits_hold_over_a_restart_and_end_with_their_day(both: Counterparts) -> None:
    for _ in range(5):
        await both.ask()
    path = both.telling[PROVIDER].book.path
    both.telling[PROVIDER].book.close()
    both.telling[PROVIDER].book = book.Book(path)
    with pytest.raises(RouteRefused, match="5 times in a day"):
        await both.ask()
    both.borough.town.clock.wall += DAY_US
    assert await both.ask() == "yes"


async def test_nothing_is_told_that_could_not_be_entered(both: Counterparts) -> None:
    both.telling[PROVIDER].book.close()
    with pytest.raises(RouteRefused, match=r"verify\.db is closed"):
        await both.ask()


async def test_the_book_holds_no_person_and_nodes_between_read_neither_question_nor_answer(both: Counterparts) -> None:
    await both.ask(key="id_number", value="370203182002290013", expected="x")
    with sqlite3.connect(both.telling[PROVIDER].book.path) as db:
        row = " ".join(map(str, db.execute("SELECT * FROM told").fetchone()))
    assert "370203182002290013" not in row
    assert "yes" in row
    passed = b"".join(both.borough.taps[ARBITER])
    assert b"badaguan" in passed
    assert b"370203182002290013" not in passed
    assert b"residents" not in passed


async def test_yes_and_no_and_any_value_have_letters_of_one_length(both: Counterparts) -> None:
    await both.ask()
    await both.ask(value="nobody", expected="z" * 200)
    sizes = [len(one) for one in both.borough.taps[ARBITER]]
    half = len(sizes) // 2
    assert max(abs(one - other) for one, other in zip(sizes[:half], sizes[half:], strict=True)) <= 4


async def test_a_letter_is_answered_once_and_only_by_whom_it_is_for(both: Counterparts) -> None:
    letter = await _letter(both)
    await both.borough.routes[ASKER].ask(PROVIDER, VERIFY, letter, timeout_s=30.0)
    with pytest.raises(RouteRefused, match="answered already"):
        await both.borough.routes[ASKER].ask(PROVIDER, VERIFY, letter, timeout_s=30.0)
    with pytest.raises(RouteRefused, match="came to qingdao"):
        await both.borough.routes[ASKER].ask(ARBITER, VERIFY, letter, timeout_s=30.0)


async def test_too_many_at_once_are_told_to_come_again(both: Counterparts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "WAITING_MAX", 0)
    with pytest.raises(RouteRefused, match="busy"):
        await both.ask()


async def test_what_is_no_letter_is_refused_in_words(both: Counterparts) -> None:
    letter = await _letter(both)
    paper = msgspec.msgpack.decode(letter, type=Paper)
    changed = [
        (b"", "does not parse"),
        (b"\xc1" * 40, "does not parse"),
        (b"x" * (65 << 10), "at most"),
        (letter[:-1], "does not parse"),
        (msgspec.msgpack.encode(msgspec.structs.replace(paper, signature=bytes(64))), "not as badaguan signed it"),
        (msgspec.msgpack.encode(msgspec.structs.replace(paper, body=paper.body[:-1])), "not as badaguan signed it"),
        (msgspec.msgpack.encode(msgspec.structs.replace(paper, chain_pem="-")), "proves nobody"),
    ]
    seal = both.telling[PROVIDER].seal
    for data, why in changed:
        with pytest.raises((FetchRefused, VerifyRefused), match=why):
            read_asked(data, me=PROVIDER, seal=seal)
    assert both.told() == []


async def test_an_answer_of_another_node_or_to_another_question_is_not_taken(both: Counterparts) -> None:
    seals = {node: one.seal for node, one in both.telling.items()}
    _, front, signer = read_asked(await _letter(both), me=PROVIDER, seal=seals[PROVIDER])
    good = answer_letter(Answer.YES, front, signer.key, seals[PROVIDER])
    assert read_answer(good, me=ASKER, provider=PROVIDER, nonce=front.nonce, seal=seals[ASKER]) is Answer.YES
    with pytest.raises(VerifyRefused, match="is none to what"):
        read_answer(good, me=ASKER, provider=PROVIDER, nonce=b"m" * 16, seal=seals[ASKER])
    forged = answer_letter(Answer.YES, front, signer.key, seals[ARBITER])
    with pytest.raises(VerifyRefused, match="was signed by qingdao"):
        read_answer(forged, me=ASKER, provider=PROVIDER, nonce=front.nonce, seal=seals[ASKER])
    other = answer_letter(
        Answer.YES, Front(sender=ASKER, recipient="shinan", nonce=front.nonce, ephemeral=front.ephemeral), signer.key, seals["shinan"]
    )
    with pytest.raises(VerifyRefused, match="is none to what"):
        read_answer(other, me=ASKER, provider=PROVIDER, nonce=front.nonce, seal=seals[ASKER])


async def test_a_key_is_only_that_of_the_node_it_is_asked_of(both: Counterparts) -> None:
    seal = both.asking[ASKER].seal
    with pytest.raises(VerifyRefused, match="what answered for liaoyuan is qingdao"):
        recipient_key(both.borough.files[ARBITER].tls().chain_pem, PROVIDER, seal)
    with pytest.raises(VerifyRefused, match="proves nobody"):
        recipient_key(b"-", PROVIDER, seal)
    with pytest.raises(VerifyRefused, match="is this node"):
        await both.ask(provider=ASKER)


async def _letter(both: Counterparts, **change: str) -> bytes:
    seal = both.asking[ASKER].seal
    target = recipient_key(both.borough.files[PROVIDER].tls().chain_pem, PROVIDER, seal)
    return ask_letter(asked(**change), sender=ASKER, recipient=PROVIDER, nonce=b"n" * 16, target=target, seal=seal)
