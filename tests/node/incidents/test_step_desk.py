"""Steps said above the node of an incident: taken there once, refused in words, waiting while it is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from node.cases.kind import Party
from node.incidents.errors import IncidentRefused, IncidentUnknown
from node.incidents.rows import INCIDENTS, said_in
from node.incidents.states import Step, Verdict
from node.incidents.step_case import KEEPER, STEP_CASE, WAITS_US_MAX
from node.incidents.step_desk import UNHEARD_US
from node.incidents.step_views import NEWS_US, is_news, line_of
from node.ingest.handing_in import NoRoom
from node.store.records import rows_at
from sync.model import HybridTime
from tests.node.incidents.steps_town import StepsTown

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[StepsTown]:
    """A district and its street."""
    made = StepsTown(tmp_path)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def wide(tmp_path: Path) -> AsyncIterator[StepsTown]:
    """With the city above them and another district."""
    made = StepsTown(tmp_path, ("city", "district", "street", "other"))
    yield made
    await made.close()


async def test_a_step_said_above_is_the_keepers_own_row_and_one_history_everywhere(wide: StepsTown) -> None:
    name = await wide.opened("e1")
    assert await wide.say("city", name, Step.DISMISS) == "open", "nothing changes until the keeper took it"
    said_us = wide.town.clock.wall
    await wide.settle()
    assert wide.states(name) == dict.fromkeys(("city", "district", "street"), "dismissed")
    for node, desk in wide.desks.items():
        if node == "other":
            continue
        history = desk.incidents.following.book.history(name)
        assert [(step.state, step.origin) for step in history] == [("open", "street"), ("dismissed", "street")]
        assert said_us <= history[-1].at_us < said_us + 1_000
    known = wide.desks["city"].incidents.known(name)
    assert known is not None
    (row,) = rows_at(wide.town.offices["city"].shelf.journal, INCIDENTS, known.lsn)
    assert said_in(row["summary"]) == ("li@city", "a flag")
    assert (wide.noted, wide.judged) == ([("street", name, "li@city")], [("street", "e1", Verdict.FALSE)])
    assert [wide.became(node, name) for node in ("city", "district", "street")] == [["applied"]] * 3


async def test_the_verdict_counts_at_the_rule_of_the_keeper(town: StepsTown) -> None:
    town.saw("event-01")
    name = await town.opened("event-01")
    await town.say("district", name, Step.DISMISS)
    await town.settle()
    (count,) = town.desks["street"].incidents.events.counts(0)
    assert (count.rule, count.false, count.true) == ("line", 1, 0)


async def test_an_event_without_incident_is_judged_at_the_node_that_is_named(town: StepsTown) -> None:
    town.saw("crossing-1")
    with pytest.raises(IncidentUnknown, match="with --node"):
        await town.say("district", "crossing-1", Step.DISMISS)
    await town.say("district", "crossing-1", Step.DISMISS, node="street")
    await town.say("district", "crossing-2", Step.DISMISS, node="street")
    await town.settle()
    event = town.desks["street"].incidents.events.find("crossing-1")
    assert event is not None
    assert event.verdict is Verdict.FALSE
    assert town.desks["district"].verdicts(["crossing-1", "crossing-2", "crossing-3"]) == {"crossing-1": Verdict.FALSE}
    (refused,) = town.desks["district"].steps_about(["crossing-2"])
    assert "'crossing-2' is not known at street" in line_of(refused)["answer"]


async def test_a_step_waits_for_a_keeper_that_is_away_and_is_taken_once(town: StepsTown) -> None:
    name = await town.opened("e1")
    town.away = {"street"}
    await town.say("district", name, Step.RESOLVE)
    await town.settle()
    assert (town.states(name)["district"], town.became("district", name)) == ("open", ["waits"])
    town.away = set()
    await town.settle()
    assert town.states(name)["district"] == "resolved"
    assert [step.state for step in town.desks["street"].incidents.following.book.history(name)] == ["open", "resolved"]


async def test_a_step_from_a_clock_far_ahead_waits_in_silence_and_is_taken_once_the_clock_is_set(town: StepsTown) -> None:
    name = await town.opened("e1")
    await town.say("district", name, Step.RESOLVE)
    street = town.desks["street"].cases
    right, street.observe = street.observe, lambda at: HybridTime(0)
    await town.settle()
    stored = len(town.town.offices["street"].shelf.batches)
    await town.settle()
    assert (len(town.town.offices["street"].shelf.batches), town.became("district", name)) == (stored, ["waits"])
    street.observe = right
    await town.settle()
    assert (town.became("district", name), town.states(name)["district"]) == (["applied"], "resolved")
    assert [step.state for step in town.desks["district"].incidents.following.book.history(name)] == ["open", "resolved"]


async def test_a_crash_between_the_row_and_its_fact_makes_no_second_row(town: StepsTown, monkeypatch: pytest.MonkeyPatch) -> None:
    name = await town.opened("e1")
    await town.say("district", name, Step.ACKNOWLEDGE)
    await town.carry()

    async def crash(*args: object, **how: object) -> None:
        raise NoRoom("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(type(town.desks["street"].cases), "say", crash)
        with pytest.raises(NoRoom):
            await town.desks["street"].look()
    assert (town.states(name)["street"], town.became("street", name)) == ("acknowledged", ["waits"])
    await town.desks["street"].incidents.stop()
    await town.open("street").load()
    await town.settle()
    assert (town.became("district", name), town.states(name)["district"]) == (["applied"], "acknowledged")
    assert [step.state for step in town.desks["district"].incidents.following.book.history(name)] == ["open", "acknowledged"]


async def test_who_spoke_without_knowing_how_it_ended_is_refused_and_may_say_it_again(town: StepsTown) -> None:
    name = await town.opened("e1")
    town.away = {"street"}
    await town.say("district", name, Step.DISMISS)
    await town.say("street", name, Step.RESOLVE, by="chen")
    town.away = set()
    await town.settle()
    assert set(town.states(name).values()) == {"resolved"}
    (case,) = town.desks["district"].steps_about([name])
    known = town.desks["district"].incidents.known(name)
    assert known is not None
    assert (case.state, is_news(case, known, case.since_us)) == ("refused", True)
    assert not is_news(case, known, case.since_us + NEWS_US)
    assert "has been resolved meanwhile" in line_of(case)["answer"]
    await town.say("district", name, Step.DISMISS)
    await town.settle()
    assert set(town.states(name).values()) == {"dismissed"}


async def test_an_acknowledgement_below_does_not_hinder_a_word_from_above(town: StepsTown) -> None:
    name = await town.opened("e1")
    town.away = {"street"}
    await town.say("district", name, Step.DISMISS)
    await town.say("street", name, Step.ACKNOWLEDGE, by="chen")
    town.away = set()
    await town.settle()
    assert set(town.states(name).values()) == {"dismissed"}


async def test_a_later_word_of_the_same_node_stands_for_one_that_waits(town: StepsTown) -> None:
    name = await town.opened("e1")
    town.away = {"street"}
    await town.say("district", name, Step.DISMISS)
    await town.settle()
    await town.say("district", name, Step.RESOLVE)
    town.away = set()
    await town.settle()
    assert (town.states(name)["district"], town.became("district", name)) == ("resolved", ["withdrawn", "applied"])


async def test_of_two_nodes_above_the_one_that_the_keeper_hears_first_counts(wide: StepsTown) -> None:
    name = await wide.opened("e1")
    wide.away = {"street"}
    await wide.say("city", name, Step.RESOLVE)
    await wide.say("district", name, Step.DISMISS)
    wide.away = set()
    await wide.settle()
    assert (wide.states(name)["city"], wide.became("district", name)) == ("resolved", ["applied", "refused"])


async def test_a_step_that_nobody_took_expires_and_is_not_taken_later(town: StepsTown) -> None:
    name = await town.opened("e1")
    town.away = {"street"}
    await town.say("district", name, Step.DISMISS)
    town.town.clock.wall += WAITS_US_MAX + UNHEARD_US
    await town.settle()
    assert town.became("district", name) == ["expired"]
    town.away = set()
    await town.settle()
    assert (town.states(name)["street"], town.became("street", name)) == ("open", ["expired"])


async def test_a_keeper_with_an_unsure_clock_takes_what_seems_too_late(town: StepsTown) -> None:
    name = await town.opened("e1")
    await town.say("district", name, Step.DISMISS)
    town.unsure = {"street", "district"}
    town.town.clock.wall += 2 * WAITS_US_MAX
    await town.settle()
    assert set(town.states(name).values()) == {"dismissed"}


async def test_a_node_that_is_not_above_is_refused(wide: StepsTown) -> None:
    name = await wide.opened("e1")
    body = {"about": name, "step": "dismiss", "seen": "open", "expires_us": wide.town.clock.wall + 1_000_000}
    await wide.desks["other"].cases.open(STEP_CASE, body, by="eve", parties={KEEPER: Party("street", "370202001")})
    await wide.settle()
    assert (set(wide.states(name).values()), wide.noted) == ({"open"}, [])
    (case,) = wide.desks["street"].steps_about([name])
    assert (case.state, line_of(case)["answer"]) == ("refused", "other is not above street, which keeps the incident")


async def test_what_is_not_below_is_said_with_the_way_out(wide: StepsTown) -> None:
    name = await wide.opened("e1")
    for node in ("other", "nowhere"):
        with pytest.raises(IncidentRefused, match=f"{node} is not below this node.*--here"):
            await wide.say("district", name, Step.DISMISS, node=node)
    assert await wide.say("district", name, Step.DISMISS, is_for_here=True) == "dismissed"
    await wide.settle()
    assert wide.states(name) == {"city": "dismissed", "district": "dismissed", "street": "open"}


async def test_a_step_that_the_state_does_not_take_is_refused_where_it_is_said(town: StepsTown) -> None:
    name = await town.opened("e1")
    with pytest.raises(IncidentRefused, match="does not take reopen"):
        await town.say("district", name, Step.REOPEN)
    assert town.became("district", name) == []


async def test_without_room_at_the_keeper_it_is_tried_again_and_entered_once(town: StepsTown) -> None:
    name = await town.opened("e1")
    await town.say("district", name, Step.DISMISS)
    await town.carry()
    town.full = {"street"}
    for _ in range(2):
        with pytest.raises(NoRoom):
            await town.desks["street"].look()
    town.full = set()
    await town.settle()
    assert (town.states(name)["district"], len(town.noted)) == ("dismissed", 1)


async def test_so_many_wait_and_no_more(town: StepsTown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.incidents.step_desk.WAITING_MAX", 1)
    names = [await town.opened(cause) for cause in ("e1", "e2")]
    town.away = {"street"}
    await town.say("district", names[0], Step.DISMISS)
    await town.settle()
    with pytest.raises(IncidentRefused, match="1 steps wait for nodes below already"):
        await town.say("district", names[1], Step.DISMISS)
