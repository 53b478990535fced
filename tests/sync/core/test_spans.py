"""The parts of one span are stored together: what a link that ended in the middle leaves behind, and what does not wait for it."""

from __future__ import annotations

import pytest

from sync.core import receiving
from sync.core.messages import Data
from sync.core.poison import POISON_TRIES
from sync.core.ready import InboundJob, InboundResult, Job, JobResult, LinkBroken
from sync.model import Direction, Fate, Lane, Level, State, Stream
from tests.sync.core.rig import VERSION, Rig, RigGate, Station, newer

LINGER = 3.0
RESOURCES = ("air-quality", "traffic-flow")


def in_two_parts(*, lost: int) -> Rig:
    """A grid whose frames make spans of two parts, of which one never arrives."""
    rig = Rig(Station("grid", Level.GRID, "street"), Station("street", Level.STREET))
    rig.connect("grid", "street")
    rig.drop = lambda source, target, message: isinstance(message, Data) and message.frame.parts > 1 and message.frame.part == lost
    for resource in RESOURCES:
        rig.offer("grid", [2.0], resource=resource)
    rig.settle(seconds=LINGER)
    return rig


def begin_anew(rig: Rig) -> None:
    rig.drop = lambda source, target, message: False
    rig.disconnect("grid", "street")
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)


def held(rig: Rig, name: str) -> list[list[float]]:
    return [rig.values(name, resource) for resource in RESOURCES]


def books(rig: Rig, resource: str) -> dict[Fate, int]:
    stream = Stream("grid", rig.stations["grid"].incarnation, Lane.EVENT, resource)
    known = rig.stations["street"].journal.recover().streams.get(stream)
    return {fate: count for fate in Fate if (count := known.count(fate) if known else 0)}


@pytest.mark.parametrize("lost", [0, 1])
def test_a_span_that_was_lost_in_part_is_not_stored_and_comes_again_whole(lost: int) -> None:
    rig = in_two_parts(lost=lost)
    assert held(rig, "street") == [[], []]
    begin_anew(rig)
    assert held(rig, "street") == [[2.0], [2.0]]


def test_what_was_sent_in_part_and_then_held_back_is_not_at_the_receiver() -> None:
    rig = in_two_parts(lost=1)
    grid = rig.stations["grid"]
    grid.gate = RigGate("grid", version=newer(VERSION), held=frozenset({2.0}))
    grid.engine.policy_changed(grid.gate.version, rig.now)
    begin_anew(rig)
    assert held(rig, "street") == [[], []]
    assert [books(rig, resource) for resource in RESOURCES] == [{Fate.WITHHELD: 1}, {Fate.WITHHELD: 1}]


def test_an_alarm_does_not_wait_for_the_rest_of_a_span_of_another_lane() -> None:
    rig = in_two_parts(lost=1)
    rig.offer("grid", [9.0], resource="incidents", lane=Lane.ALARM)
    rig.settle()
    assert (rig.values("street", "incidents"), held(rig, "street")) == ([9.0], [[], []])


def test_a_span_of_more_parts_than_may_wait_is_stored_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "SPAN_BYTES_MAX", 1)
    rig = in_two_parts(lost=1)
    assert held(rig, "street") == [[2.0], []]
    begin_anew(rig)
    assert held(rig, "street") == [[2.0], [2.0]]


def test_a_damaged_part_is_asked_for_again_with_its_whole_span_and_is_quarantined_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = in_two_parts(lost=1)
    street = rig.stations["street"]
    run = street.pipeline.run

    def judge(job: Job) -> JobResult:
        outcome = run(job)
        is_bad = isinstance(job, InboundJob) and job.frame.part == 1
        return InboundResult(job.id, outcome.version, "torn", quarantine=True) if is_bad else outcome

    monkeypatch.setattr(street.pipeline, "run", judge)
    for _ in range(POISON_TRIES - 1):
        begin_anew(rig)
        assert held(rig, "street") == [[], []]
    begin_anew(rig)
    assert [books(rig, resource) for resource in RESOURCES] == [{Fate.DELIVERED: 1}, {Fate.WITHHELD: 1}]
    assert sum(isinstance(event, LinkBroken) for event in street.events) == POISON_TRIES - 1
    mark = rig.stations["grid"].engine.out_mark("street", Direction.UP, Lane.EVENT)
    assert mark.stored == rig.stations["grid"].engine.last_lsn
    assert State.QUARANTINED in {run.state for stored in rig.batches("street") for run in stored.batch.header.runs}
