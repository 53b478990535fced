"""What people say about incidents, what ends by itself, and what is refused."""

from __future__ import annotations

import pytest

from node.incidents.desk import DAY_US
from node.incidents.errors import IncidentRefused, IncidentUnknown
from node.incidents.states import Step
from node.ingest.handing_in import NoRoom
from node.store.records import rows_at
from tests.node.incidents.watch import NOON_US, Watch

pytestmark = pytest.mark.asyncio


async def said(watch: Watch, event_id: str, *steps: Step) -> str:
    for step in steps:
        watch.clock.wall += 1_000_000
        await watch.desk.step(f"inc-{event_id}", step, by="王伟", why="seen")
    return watch.state(event_id)


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ((Step.ACKNOWLEDGE,), "acknowledged"),
        ((Step.ACKNOWLEDGE, Step.RESOLVE), "resolved"),
        ((Step.DISMISS,), "dismissed"),
        ((Step.DISMISS, Step.RESOLVE), "resolved"),
        ((Step.RESOLVE, Step.REOPEN, Step.ACKNOWLEDGE), "acknowledged"),
    ],
)
async def test_steps_lead_through_the_states(watch: Watch, steps: tuple[Step, ...], state: str) -> None:
    watch.opened("e1")
    assert await said(watch, "e1", *steps) == state


@pytest.mark.parametrize("steps", [(Step.REOPEN,), (Step.ACKNOWLEDGE, Step.ACKNOWLEDGE), (Step.DISMISS, Step.ACKNOWLEDGE)])
async def test_a_step_that_the_state_does_not_take_is_refused_and_stores_nothing(watch: Watch, steps: tuple[Step, ...]) -> None:
    watch.opened("e1")
    with pytest.raises(IncidentRefused, match="does not take"):
        await said(watch, "e1", *steps)
    assert len(watch.shelf.batches) == len(steps)


async def test_who_said_it_and_why_travels_in_the_row(watch: Watch) -> None:
    watch.opened("e1")
    await watch.desk.step("inc-e1", Step.DISMISS, by="王伟: x", why="a flag")
    (known,) = watch.known()
    (row,) = rows_at(watch.shelf.journal, "incidents", known.lsn)
    assert (row["summary"], row["state"], row["territory"]) == ("王伟 x: a flag", "dismissed", "370202001001001")


async def test_an_event_names_its_incident_and_eight_characters_are_enough(watch: Watch) -> None:
    watch.opened("0123456789ab")
    assert await watch.desk.step("01234567", Step.ACKNOWLEDGE, by="a", why="") == "acknowledged"
    with pytest.raises(IncidentUnknown, match="not known at street"):
        await watch.desk.step("0123456x", Step.ACKNOWLEDGE, by="a", why="")


async def test_an_event_without_incident_takes_a_verdict_and_no_acknowledgement(watch: Watch) -> None:
    watch.saw("line-crossing", rule="line", ended=True)
    assert await watch.desk.step("line-crossing", Step.DISMISS, by="a", why="") == "dismissed"
    with pytest.raises(IncidentRefused, match="opened no incident"):
        await watch.desk.step("line-crossing", Step.ACKNOWLEDGE, by="a", why="")
    event = watch.desk.events.find("line-crossing")
    assert event is not None
    assert event.verdict == "false"


async def test_no_room_is_said_and_the_state_stays(watch: Watch) -> None:
    watch.opened("e1")
    watch.has_room = False
    with pytest.raises(NoRoom):
        await watch.desk.step("inc-e1", Step.DISMISS, by="a", why="")
    assert watch.state("e1") == "open"


async def test_what_nobody_touched_for_thirty_days_expires_once_its_event_has_ended(watch: Watch) -> None:
    for name in ("over", "goes-on", "young", "touched", "elsewhere"):
        origin = "other" if name == "elsewhere" else "street"
        watch.opened(name, at_us=NOON_US + 2 * DAY_US if name == "young" else NOON_US, origin=origin)
    watch.over = {"over", "young", "touched", "elsewhere"}
    watch.clock.wall = NOON_US + 5 * DAY_US
    await watch.desk.step("inc-touched", Step.ACKNOWLEDGE, by="a", why="")
    watch.clock.wall = NOON_US + 31 * DAY_US
    await watch.desk.settle()
    assert {known.event_id: known.state for known in watch.known()} == {
        "over": "expired", "goes-on": "open", "young": "open", "touched": "acknowledged", "elsewhere": "open",
    }  # fmt: skip
    assert watch.noted == [{"expired": 1, "days": 30}]
    await watch.desk.settle()
    assert len(watch.noted) == 1


async def test_an_unsure_clock_and_zero_days_close_nothing(watch: Watch) -> None:
    watch.opened("e1")
    watch.over = {"e1"}
    watch.clock.wall = NOON_US + 400 * DAY_US
    watch.sure = False
    await watch.desk.settle()
    watch.sure, watch.desk.expire_us = True, 0
    await watch.desk.settle()
    assert watch.state("e1") == "open"


async def test_what_cannot_be_closed_for_want_of_room_is_said_and_closed_later(watch: Watch) -> None:
    watch.opened("e1")
    watch.over, watch.has_room = {"e1"}, False
    watch.clock.wall = NOON_US + 31 * DAY_US
    await watch.desk.settle()
    assert "no room" in watch.desk.fault
    watch.has_room = True
    await watch.desk.settle()
    assert (watch.state("e1"), watch.desk.fault) == ("expired", "")


async def test_many_expire_in_steps(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.incidents.desk.EXPIRED_AT_ONCE", 2)
    for number in range(5):
        watch.opened(f"event-{number}")
        watch.over.add(f"event-{number}")
    watch.clock.wall = NOON_US + 31 * DAY_US
    await watch.desk.settle()
    assert {known.state for known in watch.known()} == {"expired"}
