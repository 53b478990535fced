"""The engine in a hand-wired rig: delivery, acknowledgement, duplicates, loss, withholding, closing, return, refusal, forks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.store.journal import open_journal
from sync.core import receiving
from sync.core.messages import Ack, Data, Refused
from sync.core.ready import InboundJob, InboundResult, LinkBroken, Moved
from sync.model import Direction, Fate, Lane, Level, RunMap, State, Stream
from sync.model.writes import AppendRefusal, StoreBatch
from sync.wire.codec import decode
from tests.sync.core.rig import VERSION, Rig, RigGate, Station, newer

LINGER = 3.0
"""Longer than any lane waits for more."""


def chain_of_three() -> Rig:
    return Rig(Station("grid", Level.GRID, "street"), Station("street", Level.STREET, "city"), Station("city", Level.MUNICIPAL))


def linked() -> Rig:
    rig = chain_of_three()
    rig.connect("grid", "street")
    rig.connect("street", "city")
    return rig


def map_of(rig: Rig, name: str, origin: str, resource: str = "air-quality", lane: Lane = Lane.EVENT) -> RunMap:
    station = rig.stations[origin]
    return rig.stations[name].journal.recover().streams.get(Stream(origin, station.incarnation, lane, resource), RunMap())


def test_records_reach_the_top_once_and_in_order() -> None:
    rig = linked()
    rig.offer("grid", [1.0, 2.0, 3.0])
    rig.settle(seconds=LINGER)
    rig.offer("grid", [4.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == rig.values("street") == [1.0, 2.0, 3.0, 4.0]


def test_small_batches_are_coalesced_into_one_frame() -> None:
    rig = linked()
    for value in range(10):
        rig.offer("grid", [float(value)])
    rig.settle(seconds=LINGER)
    assert [stored.batch.header.row_count for stored in rig.batches("street")] == [10]


def test_secured_mark_follows_the_parent_of_the_parent() -> None:
    rig = linked()
    rig.disconnect("street", "city")
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    mark = rig.stations["grid"].engine.out_mark("street", Direction.UP, Lane.EVENT)
    assert (mark.stored, mark.secured) == (1, 0)
    rig.connect("street", "city")
    rig.settle(seconds=LINGER)
    mark = rig.stations["grid"].engine.out_mark("street", Direction.UP, Lane.EVENT)
    assert (mark.stored, mark.secured) == (1, 1)


def test_lost_acks_lead_to_a_new_session_without_duplicates() -> None:
    rig = linked()
    rig.drop = lambda source, target, message: isinstance(message, Ack)
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    rig.settle(seconds=60.0)
    assert any(isinstance(event, LinkBroken) for event in rig.stations["grid"].events)
    rig.drop = lambda source, target, message: False
    rig.connect("grid", "street")
    rig.connect("street", "city")
    rig.offer("grid", [3.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [1.0, 2.0, 3.0]


def test_lost_frames_are_noticed_as_a_gap_and_sent_again() -> None:
    rig = linked()
    rig.drop = lambda source, target, message: isinstance(message, Data) and source == "grid"
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    rig.drop = lambda source, target, message: False
    rig.offer("grid", [2.0])
    rig.settle(seconds=LINGER)
    assert rig.values("street") == []
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    assert rig.values("street") == [1.0, 2.0]


@pytest.mark.parametrize("victim", ["grid", "street", "city"])
def test_a_crashed_node_goes_on_from_its_journal(victim: str) -> None:
    rig = linked()
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    rig.crash(victim)
    rig.offer("grid", [3.0])
    rig.connect("grid", "street")
    rig.connect("street", "city")
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [1.0, 2.0, 3.0]


def test_withheld_records_travel_as_runs_and_relays_forward_them() -> None:
    rig = linked()
    rig.stations["grid"].gate = RigGate("grid", forbidden=frozenset({2.0}))
    rig.offer("grid", [1.0, 2.0, 3.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [1.0, 3.0]
    books = map_of(rig, "city", "grid")
    assert (books.mark, books.count(Fate.DELIVERED), books.count(Fate.WITHHELD)) == (3, 2, 1)
    assert {run.decider for stored in rig.batches("city") for run in stored.batch.header.runs if not run.state.has_rows} == {"grid"}


def test_a_closed_resource_sends_nothing_and_is_closed_in_the_books() -> None:
    rig = linked()
    rig.stations["street"].gate = RigGate("street", closed=frozenset({"air-quality"}))
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    assert rig.values("street") == [1.0, 2.0]
    assert rig.batches("city") == []
    mark = rig.stations["street"].engine.out_mark("city", Direction.UP, Lane.EVENT)
    assert (mark.stored, mark.secured, mark.wire) == (1, 1, 0)
    assert rig.stations["grid"].engine.out_mark("street", Direction.UP, Lane.EVENT).secured == 1


def test_closed_stretches_are_not_read_again_after_a_reconnect() -> None:
    rig = linked()
    rig.stations["street"].gate = RigGate("street", closed=frozenset({"air-quality"}))
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    rig.disconnect("street", "city")
    rig.connect("street", "city")
    assert rig.stations["street"].engine._desk.links["city"].outbox.lanes[Lane.EVENT].cursor == 1
    rig.offer("grid", [2.0], resource="traffic-flow")
    rig.settle(seconds=LINGER)
    assert rig.values("city", "traffic-flow") == [2.0]


def test_a_frame_looser_than_the_receivers_plan_is_refused_whole_and_accounted_as_held() -> None:
    rig = linked()
    rig.stations["city"].gate = RigGate("city", refused=frozenset({2.0}))
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == []
    assert map_of(rig, "city", "grid").count(Fate.WITHHELD) == 2
    rig.offer("grid", [3.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [3.0]


def test_held_records_are_decided_again_under_a_newer_policy() -> None:
    rig = linked()
    rig.stations["grid"].gate = RigGate("grid", held=frozenset({2.0}))
    rig.offer("grid", [1.0, 2.0, 3.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [1.0, 3.0]
    for station in rig.stations.values():
        station.gate = RigGate(station.name, version=newer(station.gate.version))
        station.engine.policy_changed(station.gate.version, rig.now)
    rig.settle(seconds=LINGER)
    rig.settle(seconds=LINGER)
    assert sorted(rig.values("city")) == [1.0, 2.0, 3.0]
    assert map_of(rig, "city", "grid").count(Fate.DELIVERED) == 3


def test_records_held_for_a_date_go_once_the_date_has_passed_under_the_same_version() -> None:
    rig = linked()
    rig.stations["grid"].gate = RigGate("grid", held=frozenset({2.0}))
    rig.offer("grid", [1.0, 2.0, 3.0])
    rig.settle(seconds=LINGER)
    rig.stations["grid"].gate.held = frozenset()
    rig.stations["grid"].engine.dates_moved(frozenset({"stale-policy"}), rig.now)
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [1.0, 3.0], "they are held for another reason"
    rig.stations["grid"].engine.dates_moved(frozenset({"unclassified"}), rig.now)
    rig.settle(seconds=LINGER)
    rig.settle(seconds=LINGER)
    assert sorted(rig.values("city")) == [1.0, 2.0, 3.0]
    assert map_of(rig, "city", "grid").count(Fate.DELIVERED) == 3


def test_what_no_date_mends_is_put_back_once_and_no_more() -> None:
    rig = linked()
    rig.stations["grid"].gate = RigGate("grid", held=frozenset({2.0}))
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    before = rig.stations["grid"].engine.last_lsn
    rig.stations["grid"].engine.dates_moved(frozenset({"unclassified"}), rig.now)
    for _ in range(5):
        rig.settle(seconds=LINGER)
    assert rig.stations["grid"].engine.last_lsn == before + 1
    assert rig.values("city") == [1.0]


def test_a_date_that_passes_while_the_link_is_down_counts_on_the_next_one() -> None:
    rig = linked()
    rig.stations["grid"].gate = RigGate("grid", held=frozenset({2.0}))
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    rig.disconnect("grid", "street")
    rig.stations["grid"].gate.held = frozenset()
    rig.stations["grid"].engine.dates_moved(frozenset({"unclassified"}), rig.now)
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    rig.settle(seconds=LINGER)
    assert sorted(rig.values("city")) == [1.0, 2.0]


def test_returned_records_come_down_and_are_never_offered_upward() -> None:
    rig = linked()
    rig.offer("city", [7.0], resource="enterprises", lane=Lane.STATE)
    rig.settle(seconds=LINGER)
    assert rig.values("street", "enterprises") == rig.values("grid", "enterprises") == [7.0]
    assert [stored.batch.header.direction for stored in rig.batches("grid")] == [Direction.RETURN]
    assert rig.values("city", "enterprises") == [7.0]


def test_what_a_child_brought_is_not_returned_to_it() -> None:
    rig = linked()
    rig.offer("grid", [5.0], resource="enterprises", lane=Lane.STATE)
    rig.settle(seconds=LINGER)
    assert rig.values("grid", "enterprises") == rig.values("city", "enterprises") == [5.0]
    assert len(rig.batches("grid")) == 1


def test_a_journal_that_lost_its_end_is_a_fork() -> None:
    rig = linked()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    rig.disconnect("grid", "street")
    restored = Station("grid", Level.GRID, "street")
    rig.stations["grid"] = restored
    rig.connect("grid", "street")
    rig.turn("grid")
    broken = [event for event in restored.events if isinstance(event, LinkBroken)]
    assert broken[0].fatal
    assert "restored or replaced" in broken[0].reason


def test_a_clone_that_wrote_other_records_is_a_fork() -> None:
    rig = linked()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    rig.disconnect("grid", "street")
    clone = Station("grid", Level.GRID, "street")
    rig.stations["grid"] = clone
    rig.offer("grid", [9.0])
    rig.turn("grid")
    rig.connect("grid", "street")
    rig.turn("grid")
    broken = [event for event in clone.events if isinstance(event, LinkBroken)]
    assert broken[0].fatal
    assert "two copies" in broken[0].reason


def test_marks_are_reported_when_they_move() -> None:
    rig = linked()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    moved = [event for event in rig.stations["grid"].events if isinstance(event, Moved)]
    assert (moved[-1].stored, moved[-1].secured) == (1, 1)


def test_state_of_withheld_records_is_in_the_run_table() -> None:
    rig = linked()
    rig.stations["grid"].gate = RigGate("grid", forbidden=frozenset({1.0}))
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    (stored,) = rig.batches("street")
    assert [(run.state, run.reason) for run in stored.batch.header.runs] == [(State.DENIED, "negative-list")]
    assert stored.batch.payload == b""


def refused_lately(rig: Rig) -> None:
    """The street refuses a frame of the grid, and the word of it is lost with the session."""
    rig.stations["street"].gate.refused = frozenset({2.0})
    rig.drop = lambda source, target, message: isinstance(message, Refused)
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    rig.drop = lambda source, target, message: False


@pytest.mark.parametrize("crashes", [False, True])
def test_a_refusal_that_was_lost_is_told_again_on_the_next_link(tmp_path: Path, *, crashes: bool) -> None:
    journal = open_journal(tmp_path / "journal.db", node="street", incarnation=1)
    rig = Rig(Station("grid", Level.GRID, "street"), Station("street", Level.STREET, incarnation=1, journal=journal))
    rig.connect("grid", "street")
    refused_lately(rig)
    if crashes:
        rig.crash("street")
    rig.disconnect("grid", "street") if not crashes else None
    rig.stations["street"].gate.refused = frozenset()
    for station in rig.stations.values():
        station.gate.version = newer(VERSION)
        station.engine.policy_changed(newer(VERSION), rig.now)
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    assert rig.values("street") == [1.0, 2.0]
    journal.close()


def test_a_refusal_that_comes_after_the_newer_policy_is_decided_again_at_once() -> None:
    rig = linked()
    rig.stations["street"].gate.refused = frozenset({2.0})
    rig.offer("grid", [1.0, 2.0])
    rig.now = rig.now.plus(LINGER)
    while not any(rig.queues[("grid", "street")]):
        rig.turn("grid")
    rig.stations["grid"].gate.version = newer(VERSION)
    rig.stations["grid"].engine.policy_changed(newer(VERSION), rig.now)
    while rig.turn("grid"):
        pass
    rig.drop = lambda source, target, message: source == "grid" and isinstance(message, Data)
    street = rig.stations["street"]
    street.engine.receive("grid", decode(rig.queues[("grid", "street")].popleft()), rig.now)  # type: ignore[arg-type]
    while rig.turn("street"):
        pass
    rig.drop = lambda source, target, message: False
    street.gate.refused = frozenset()
    street.gate.version = newer(VERSION)
    street.engine.policy_changed(newer(VERSION), rig.now)
    rig.settle(seconds=LINGER)
    assert rig.values("street") == [1.0, 2.0]


def verifying(rig: Rig, *values: float) -> list[InboundJob]:
    """The jobs of a street that has frames of its grid to verify, none answered yet."""
    street = rig.stations["street"].engine
    for value in values:
        rig.offer("grid", [value])
        rig.now = rig.now.plus(LINGER)
        rig.turn("grid")
        rig.turn("grid")
    for data in list(rig.queues[("grid", "street")]):
        street.receive("grid", decode(data), rig.now)  # type: ignore[arg-type]
    rig.queues[("grid", "street")].clear()
    ready = street.ready(rig.now)
    street.advance()
    return [job for job in ready.jobs if isinstance(job, InboundJob)]


def test_a_frame_verified_again_under_a_newer_policy_is_not_overtaken() -> None:
    rig = linked()
    rig.settle(seconds=LINGER)
    street = rig.stations["street"].engine
    first, second = verifying(rig, 1.0, 2.0)
    after = newer(street.version)
    street.policy_changed(after, rig.now)
    street.gated(InboundResult(first.id, first.version), rig.now)
    street.gated(InboundResult(second.id, after), rig.now)
    ready = street.ready(rig.now)
    street.advance()
    assert [write for write in ready.writes if isinstance(write, StoreBatch)] == []
    (again,) = (job for job in ready.jobs if isinstance(job, InboundJob))
    street.gated(InboundResult(again.id, after), rig.now)
    stored = [write.stored.batch.header.runs[0].first for write in street.ready(rig.now).writes if isinstance(write, StoreBatch)]
    assert stored == [1, 2]


def test_a_verdict_that_waits_in_line_while_the_policy_changes_is_asked_for_again() -> None:
    rig = linked()
    rig.settle(seconds=LINGER)
    street = rig.stations["street"].engine
    first, second = verifying(rig, 1.0, 2.0)
    street.gated(InboundResult(second.id, second.version), rig.now)
    after = newer(street.version)
    street.policy_changed(after, rig.now)
    street.gated(InboundResult(first.id, after), rig.now)
    ready = street.ready(rig.now)
    street.advance()
    assert [write.stored.batch.header.runs[0].first for write in ready.writes if isinstance(write, StoreBatch)] == [1]
    (again,) = (job for job in ready.jobs if isinstance(job, InboundJob))
    assert (again.frame, again.version) == (second.frame, after)
    street.gated(InboundResult(again.id, after, "no longer allowed"), rig.now)
    (refusal,) = (write for write in street.ready(rig.now).writes if isinstance(write, AppendRefusal))
    assert refusal.policy_version == after.digest


def test_records_in_the_receivers_own_name_break_the_link() -> None:
    rig = linked()
    rig.settle(seconds=LINGER)
    rig.offer("grid", [1.0])
    rig.now = rig.now.plus(LINGER)
    rig.turn("grid")
    rig.turn("grid")
    (data,) = (message for raw in rig.queues[("grid", "street")] if isinstance(message := decode(raw), Data))
    street = rig.stations["street"]
    run = replace(data.frame.batch.header.runs[0], origin="street", incarnation=street.incarnation, first=1 << 62, last=1 << 62)
    header = replace(data.frame.batch.header, runs=(run,))
    street.engine.receive("grid", Data(replace(data.frame, batch=replace(data.frame.batch, header=header))), rig.now)
    rig.turn("street")
    (broken,) = (event for event in street.events if isinstance(event, LinkBroken))
    assert "in the name of this node street" in broken.reason
    rig.offer("street", [2.0])
    assert map_of(rig, "street", "street").top <= 1


def test_records_that_a_lost_span_had_accounted_for_come_as_backfill_and_pass_on_in_one_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "SPAN_PARTS_MAX", 1)  # as older programs do, and as any does with a span of very many parts
    rig = chain_of_three()
    grid = rig.stations["grid"]
    grid.gate = RigGate("grid", held=frozenset({2.0}))
    rig.connect("grid", "street")
    rig.drop = lambda source, target, message: isinstance(message, Data) and message.frame.part == 1
    for resource in ("air-quality", "traffic-flow"):
        rig.offer("grid", [2.0], resource=resource)
    rig.settle(seconds=LINGER)
    assert map_of(rig, "street", "grid").count(Fate.WITHHELD) == 1
    rig.drop = lambda source, target, message: False
    rig.disconnect("grid", "street")
    for station in rig.stations.values():
        station.gate = RigGate(station.name, version=newer(VERSION))
        station.engine.policy_changed(station.gate.version, rig.now)
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    headers = [stored.batch.header for stored in rig.batches("street") if stored.batch.header.resource == "air-quality"]
    assert [header.backfill for header in headers] == [False, True]
    rig.connect("street", "city")
    rig.settle(seconds=LINGER)
    assert (rig.values("city"), rig.values("city", "traffic-flow")) == ([2.0], [2.0])
