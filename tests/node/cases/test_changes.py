"""Cases that changed: each is taken once as it is now, none is lost to a register that fails, and who waits hears of the end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from node.cases.changes import ChangedCases
from node.cases.desk import CaseDesk
from node.cases.errors import CaseError
from node.cases.kind import Case, Kind, Party
from tests.node.cases.loans import LOAN, RESOURCE, TERRITORIES
from tests.node.cases.town import Town


@pytest.fixture
def desk(tmp_path: Path) -> CaseDesk:
    """The desk of a lender that is its own reader."""
    return Town(tmp_path, [LOAN], [RESOURCE]).add("m1", TERRITORIES["m1"])


async def lent(desk: CaseDesk, title: str = "Faust") -> Case:
    """A loan that the lender gave out."""
    asked = await desk.open(LOAN, {"title": title}, by="li", parties={"lender": Party("m1", TERRITORIES["m1"])})
    return await desk.say(LOAN, asked.id, "lend", {}, by="wang")


def fail(kind: Kind, case_id: str) -> Case | None:
    raise CaseError("the register is locked")


async def test_a_case_that_changed_twice_is_taken_once_as_it_is_now(desk: CaseDesk) -> None:
    roused: list[bool] = []
    changed, taken = ChangedCases(desk, LOAN, lambda: roused.append(True)), list[Case]()
    case = await lent(desk)
    assert (bool(changed), len(roused)) == (True, 2)
    await changed.take(taken.append)
    assert [(one.id, one.state) for one in taken] == [(case.id, "lent")]
    assert not changed
    await changed.take(taken.append)
    assert len(taken) == 1


async def test_cases_are_taken_in_the_order_in_which_they_were_heard_of(desk: CaseDesk) -> None:
    changed, taken = ChangedCases(desk, LOAN, lambda: None), list[Case]()
    cases = [await lent(desk, title) for title in ("Faust", "Egmont", "Iphigenie")]
    await changed.take(taken.append)
    assert [one.id for one in taken] == [one.id for one in cases]


async def test_a_case_that_cannot_be_read_stays_for_the_next_look(desk: CaseDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    changed, taken = ChangedCases(desk, LOAN, lambda: None), list[Case]()
    case = await lent(desk)
    with monkeypatch.context() as broken:
        broken.setattr(desk.register, "case", fail)
        with pytest.raises(CaseError, match="locked"):
            await changed.take(taken.append)
    assert changed
    await changed.take(taken.append)
    assert [one.id for one in taken] == [case.id]


async def test_a_case_as_it_was_is_not_taken_after_the_case_as_it_is(desk: CaseDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two look at once, as the background of a desk and a person do; the first reads slowly."""
    changed, states = ChangedCases(desk, LOAN, lambda: None), list[str]()
    case, read = await lent(desk), desk.register.case
    entered, go_on = threading.Event(), threading.Event()

    def slow_once(kind: Kind, case_id: str) -> Case | None:
        found = read(kind, case_id)
        monkeypatch.setattr(desk.register, "case", read)
        entered.set()
        assert go_on.wait(10.0)
        return found

    monkeypatch.setattr(desk.register, "case", slow_once)
    first = asyncio.create_task(changed.take(lambda one: states.append(one.state)))
    assert await asyncio.to_thread(entered.wait, 10.0)
    await desk.say(LOAN, case.id, "give-back", {}, by="li")
    second = asyncio.create_task(changed.take(lambda one: states.append(one.state)))
    await asyncio.wait([second], timeout=0.05)
    go_on.set()
    await asyncio.gather(first, second)
    assert states == ["lent", "over"]


async def test_who_waits_hears_of_the_end_after_it_was_taken(desk: CaseDesk) -> None:
    changed, taken = ChangedCases(desk, LOAN, lambda: None), list[str]()
    case = await lent(desk)
    waiting = [asyncio.create_task(changed.wait_settled(case, 10.0)) for _ in range(2)]
    await asyncio.sleep(0)
    await changed.take(lambda one: taken.append(one.state))
    assert not any(each.done() for each in waiting)
    await desk.say(LOAN, case.id, "give-back", {}, by="li")
    await changed.take(lambda one: taken.append(one.state))
    assert [(await each).state for each in waiting] == ["over", "over"]
    assert taken == ["lent", "over"]


async def test_a_case_that_is_settled_already_is_not_waited_for(desk: CaseDesk) -> None:
    roused = asyncio.Event()
    changed = ChangedCases(desk, LOAN, roused.set)
    case = await lent(desk)
    await desk.say(LOAN, case.id, "give-back", {}, by="li")
    await changed.take(lambda _: None)
    roused.clear()
    waiting = asyncio.create_task(changed.wait_settled(case, 10.0))
    await roused.wait()
    await changed.take(lambda _: None)
    assert (await waiting).state == "over"


async def test_who_waits_too_long_gets_the_case_as_it_is_and_is_forgotten(desk: CaseDesk) -> None:
    changed = ChangedCases(desk, LOAN, lambda: None)
    case = await lent(desk)
    assert (await changed.wait_settled(case, 0.0)).state == "lent"
    gone = asyncio.create_task(changed.wait_settled(case, 10.0))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert changed._waiters == {}
