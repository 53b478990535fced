"""Hard days of a hop: a new parent, a replaced parent, a restored one, a child that was silent for a month."""

from __future__ import annotations

import pytest

from sync.core.messages import Data
from sync.core.ready import InboundJob, Job, JobResult, LinkBroken
from sync.model import Direction, Fate, Lane, Level, RunMap, State, Stream
from sync.model.writes import AppendLedger
from tests.contracts.memory_journal import MemoryJournal
from tests.sync.core.rig import Rig, RigGate, Station, newer

LINGER = 3.0
EVENT = Lane.EVENT


def two_streets() -> Rig:
    """A grid below the old street; the old and the new street below one city."""
    rig = Rig(
        Station("grid", Level.GRID, "old"),
        Station("old", Level.STREET, "city"),
        Station("new", Level.STREET, "city"),
        Station("city", Level.MUNICIPAL),
    )
    for child, parent in (("grid", "old"), ("old", "city"), ("new", "city")):
        rig.connect(child, parent)
    return rig


def move(rig: Rig) -> None:
    rig.disconnect("grid", "old")
    rig.former["grid"] = "old"
    rig.connect("grid", "new")


def books(rig: Rig, name: str, origin: str = "grid") -> RunMap:
    stream = Stream(origin, rig.stations[origin].incarnation, EVENT, "air-quality")
    return rig.stations[name].journal.recover().streams.get(stream, RunMap())


def states(rig: Rig, name: str) -> list[tuple[int, int, State]]:
    return [(entry.first, entry.last, entry.state) for entry in books(rig, name)]


def rows_sent(rig: Rig, source: str, target: str) -> list[int]:
    """Row counts of the frames that go from one node to another from now on."""
    seen: list[int] = []

    def watch(sender: str, receiver: str, message: object) -> bool:
        if (sender, receiver) == (source, target) and isinstance(message, Data):
            seen.append(message.frame.batch.header.row_count)
        return False

    rig.drop = watch
    return seen


def test_what_is_secured_at_the_old_parent_goes_to_the_new_one_as_accounts_only() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    seen = rows_sent(rig, "grid", "new")
    move(rig)
    rig.offer("grid", [3.0])
    rig.settle(seconds=LINGER)
    assert sum(seen) == 1
    assert states(rig, "new") == [(1, 2, State.HANDED_OVER), (3, 3, State.PRESENT)]
    assert states(rig, "city") == [(1, 3, State.PRESENT)]
    assert sorted(rig.values("city")) == [1.0, 2.0, 3.0]


def test_what_the_old_parent_never_passed_on_is_sent_in_full() -> None:
    rig = two_streets()
    rig.disconnect("old", "city")
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    move(rig)
    rig.settle(seconds=LINGER)
    assert rig.values("new") == rig.values("city") == [1.0, 2.0]
    rig.connect("old", "city")
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [1.0, 2.0]
    assert books(rig, "city").count(Fate.DELIVERED) == 2


def test_a_batch_of_which_the_old_parent_lacks_one_record_goes_in_full() -> None:
    rig = two_streets()
    rig.stations["grid"].gate = RigGate("grid", forbidden=frozenset({2.0}))
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    rig.stations["grid"].gate = RigGate("grid")
    move(rig)
    rig.settle(seconds=LINGER)
    assert states(rig, "new") == [(1, 2, State.PRESENT)]
    assert sorted(rig.values("city")) == [1.0, 2.0]


def test_a_batch_the_old_parent_refused_is_not_handed_over() -> None:
    rig = two_streets()
    rig.stations["old"].gate.refused = frozenset({1.0})
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    move(rig)
    rig.settle(seconds=LINGER)
    assert states(rig, "new") == [(1, 1, State.PRESENT)]
    assert rig.values("city") == [1.0]


def test_what_a_relay_first_heard_of_as_held_goes_in_full_when_it_moves() -> None:
    """The new parent is told the account of that time too, and "handed over" would leave it withheld there for ever."""
    rig = Rig(
        Station("grid", Level.GRID, "street"),
        Station("street", Level.STREET, "old"),
        Station("old", Level.DISTRICT, "city"),
        Station("new", Level.DISTRICT, "city"),
        Station("city", Level.MUNICIPAL),
    )
    for child, parent in (("grid", "street"), ("street", "old"), ("old", "city"), ("new", "city")):
        rig.connect(child, parent)
    rig.stations["grid"].gate = RigGate("grid", held=frozenset({1.0, 2.0}))
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    for station in rig.stations.values():
        station.gate = RigGate(station.name, version=newer(station.gate.version))
        station.engine.policy_changed(station.gate.version, rig.now)
    rig.offer("grid", [3.0])
    rig.settle(seconds=LINGER)
    assert sorted(rig.values("city")) == [1.0, 2.0, 3.0]
    rig.disconnect("street", "old")
    rig.former["street"] = "old"
    rig.connect("street", "new")
    rig.settle(seconds=LINGER)
    assert states(rig, "new") == [(1, 2, State.PRESENT), (3, 3, State.HANDED_OVER)]
    assert books(rig, "city").count(Fate.DELIVERED) == 3
    assert sorted(rig.values("city")) == [1.0, 2.0, 3.0]


def test_a_second_move_hands_over_what_the_first_one_did() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    move(rig)
    rig.settle(seconds=LINGER)
    rig.disconnect("grid", "new")
    third = Station("third", Level.STREET, "city")
    rig.stations["third"] = third
    rig.connect("third", "city")
    rig.former["grid"] = "new"
    rig.connect("grid", "third")
    rig.settle(seconds=LINGER)
    assert states(rig, "third") == [(1, 1, State.HANDED_OVER)]
    assert rig.values("city") == [1.0]


@pytest.mark.parametrize("victim", ["grid", "new"])
def test_a_crash_after_the_move_changes_nothing(victim: str) -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    move(rig)
    rig.turn("grid")
    rig.crash(victim)
    rig.connect("new", "city")
    rig.connect("grid", "new")
    rig.settle(seconds=LINGER)
    assert states(rig, "new") == [(1, 1, State.HANDED_OVER)]
    assert rig.values("city") == [1.0]


def test_a_freed_batch_that_the_old_parent_got_is_handed_over_and_not_expired() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    rig.stations["grid"].engine.free([1], State.RETENTION, rig.now)
    rig.settle()
    move(rig)
    rig.settle(seconds=LINGER)
    assert states(rig, "new") == [(1, 1, State.HANDED_OVER)]


def test_a_replaced_parent_gets_everything_again_and_the_marks_go_back_at_once() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    rig.crash("old")
    rig.stations["old"] = Station("old", Level.STREET, "city", incarnation=77)
    rig.connect("grid", "old")
    rig.turn("grid")
    marks = rig.stations["grid"].journal.recover().out_marks
    assert (marks["old", Direction.UP, EVENT].stored, marks["old", Direction.UP, EVENT].secured) == (0, 0)
    rig.connect("old", "city")
    rig.settle(seconds=LINGER)
    assert rig.values("old") == rig.values("city") == [1.0, 2.0]
    assert rig.stations["grid"].engine.out_mark("old", Direction.UP, EVENT).secured == 1


def test_what_was_freed_reaches_a_replaced_parent_as_expired_and_never_as_delivered() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    rig.stations["grid"].engine.free([1], State.RETENTION, rig.now)
    rig.settle()
    rig.crash("old")
    rig.stations["old"] = Station("old", Level.STREET, "city", incarnation=77)
    rig.connect("grid", "old")
    rig.connect("old", "city")
    rig.settle(seconds=LINGER)
    assert states(rig, "old") == [(1, 1, State.RETENTION)]
    assert states(rig, "city") == [(1, 1, State.PRESENT)]


def test_a_restored_parent_is_sent_what_it_forgot() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    journal = rig.stations["old"].journal
    assert isinstance(journal, MemoryJournal)
    backup = journal.reopened()
    rig.offer("grid", [2.0])
    rig.settle(seconds=LINGER)
    rig.stations["old"].journal = backup
    rig.crash("old")
    rig.stations["old"] = Station("old", Level.STREET, "city", rig.stations["old"].incarnation, journal=backup)
    rig.connect("grid", "old")
    rig.settle(seconds=LINGER)
    assert rig.values("old") == [1.0, 2.0]


def test_nothing_is_secured_for_a_child_until_the_new_parent_has_it() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    rig.disconnect("old", "city")
    rig.stations["city"] = Station("city", Level.MUNICIPAL, incarnation=88)
    rig.drop = lambda source, target, message: target == "city" and isinstance(message, Data)
    rig.connect("old", "city")
    rig.offer("grid", [2.0])
    rig.settle(seconds=LINGER)
    assert rig.stations["grid"].engine.out_mark("old", Direction.UP, EVENT).secured == 1
    assert rig.stations["grid"].engine.out_mark("old", Direction.UP, EVENT).stored == 2


def returned(rig: Rig, values: list[float]) -> None:
    rig.offer("city", values, resource="enterprises", lane=Lane.STATE)


def test_a_silent_child_holds_nothing_back_once_its_queue_is_a_marker() -> None:
    rig = two_streets()
    rig.settle(seconds=LINGER)
    rig.disconnect("new", "city")
    returned(rig, [7.0])
    rig.settle(seconds=LINGER)
    city = rig.stations["city"].engine
    assert city.freeable_upto(Lane.STATE, parent="", children=["new"]) == 0
    city.detach("new", rig.now)
    ready = city.ready(rig.now)
    city.advance()
    (marker,) = [write.entry for write in ready.writes if isinstance(write, AppendLedger)]
    assert (marker.closed, marker.span.after, marker.span.upto, marker.runs) == (True, 0, 1, ())
    assert city.freeable_upto(Lane.STATE, parent="", children=["new"]) == 1


def test_a_child_that_comes_back_is_seeded_again() -> None:
    rig = two_streets()
    rig.settle(seconds=LINGER)
    rig.disconnect("new", "city")
    returned(rig, [7.0])
    rig.settle(seconds=LINGER)
    rig.stations["city"].engine.detach("new", rig.now)
    rig.settle()
    rig.reseeded.add("new")
    rig.connect("new", "city")
    rig.settle(seconds=LINGER)
    assert rig.values("new", "enterprises") == [7.0]
    assert rig.stations["city"].engine.out_mark("new", Direction.RETURN, Lane.STATE).stored == 1


def test_without_a_reseed_the_marker_stands_for_the_queue() -> None:
    rig = two_streets()
    rig.settle(seconds=LINGER)
    rig.disconnect("new", "city")
    returned(rig, [7.0])
    rig.settle(seconds=LINGER)
    rig.stations["city"].engine.detach("new", rig.now)
    rig.settle()
    rig.connect("new", "city")
    returned(rig, [8.0])
    rig.settle(seconds=LINGER)
    assert rig.values("new", "enterprises") == [8.0]


def test_freeing_waits_for_the_present_parent_and_not_for_a_former_one() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    grid = rig.stations["grid"].engine
    assert grid.freeable_upto(EVENT, parent="old", children=()) == 1
    assert grid.freeable_upto(EVENT, parent="new", children=()) == 0
    move(rig)
    rig.settle(seconds=LINGER)
    assert grid.freeable_upto(EVENT, parent="new", children=()) == 1


def test_no_link_was_broken_on_the_way() -> None:
    rig = two_streets()
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    move(rig)
    rig.offer("grid", [2.0])
    rig.settle(seconds=LINGER)
    assert not [event for station in rig.stations.values() for event in station.events if isinstance(event, LinkBroken)]


def test_frames_of_a_child_are_judged_by_who_once_stood_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = two_streets()
    rig.settle(seconds=LINGER)
    move(rig)
    city, seen = rig.stations["city"], list[Job]()
    run = city.pipeline.run

    def note(job: Job) -> JobResult:
        seen.append(job)
        return run(job)

    monkeypatch.setattr(city.pipeline, "run", note)
    rig.offer("old", [1.0])
    rig.settle(seconds=LINGER)
    rig.disconnect("old", "city")
    rig.connect("old", "city")
    rig.offer("old", [2.0])
    rig.settle(seconds=LINGER)
    assert [job.peer.formerly for job in seen if isinstance(job, InboundJob)] == [{"grid"}, {"grid"}]
