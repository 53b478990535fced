"""Who may bring which records: the rules by themselves, and what the engine does with a child that lies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync.core.bearers import NO_ORDER, Bearers, Standing
from sync.core.messages import Data
from sync.core.ready import FrameRefused, InboundResult, Job, JobResult, LinkBroken
from sync.core.receiving import DOUBT_S
from sync.core.reprieves import ROUND_PAUSE_S
from sync.model import DEFAULT_LIMITS, Fate, Lane, Level, Run, RunMap, Stream
from sync.wire.codec import decode
from tests.sync.core.rig import Rig, Station

LINGER = 3.0


def bearers() -> Bearers:
    made = Bearers("city", [("grid", 5, "north")], [Stream("grid", 5, Lane.EVENT, "air-quality")])
    subtrees = {"north": frozenset({"north", "grid"}), "south": frozenset({"south", "pole"})}
    made.stands(Standing(subtrees, frozenset({"province"}), {"south": frozenset({"mover"})}))
    return made


@pytest.mark.parametrize(
    ("child", "life", "words"),
    [
        ("south", ("grid", 5), "attached at or below north"),
        ("south", ("grid", 6), "attached at or below north"),
        ("north", ("pole", 1), "attached at or below south"),
        ("north", ("city", 1), "this node"),
        ("north", ("province", 1), "above this node"),
    ],
)
def test_a_child_may_not_speak_for_a_node_that_stands_elsewhere(child: str, life: tuple[str, int], words: str) -> None:
    assert words in bearers().lie(child, [life])


@pytest.mark.parametrize(
    ("child", "life"), [("north", ("grid", 6)), ("south", ("newcomer", 1)), ("south", ("mover", 2)), ("south", ("south", 3))]
)
def test_a_child_may_speak_for_itself_for_its_subtree_and_for_who_is_not_known(child: str, life: tuple[str, int]) -> None:
    assert bearers().lie(child, [life]) == ""


def test_a_life_is_owned_by_its_first_bearer_even_when_nobody_says_where_it_stands() -> None:
    made = bearers()
    made.stands(Standing())
    assert "attached at or below north" in made.lie("south", [("grid", 5)])
    assert made.lie("south", [("grid", 6)]) == ""


def test_streams_are_counted_for_the_child_that_brought_them() -> None:
    made = bearers()
    made.count("north", 2)
    assert (made.streams_of("north"), made.streams_of("south")) == (3, 0)
    assert made.unknown("north", [Run("grid", 5, 1, 1, 0), Run("pole", 1, 1, 1, 0)]) == {("pole", 1)}


def two_streets() -> Rig:
    rig = Rig(
        Station("honest", Level.STREET, "city"), Station("liar", Level.STREET, "city"), Station("city", Level.MUNICIPAL, "province"),
        Station("province", Level.PROVINCIAL),
    )  # fmt: skip
    for child, parent in (("honest", "city"), ("liar", "city"), ("city", "province")):
        rig.connect(child, parent)
    rig.settle(seconds=LINGER)
    return rig


def forge(rig: Rig, **changes: Any) -> None:
    """The liar sends one record; the runs of its frame are changed on the way."""
    rig.offer("liar", [6.0])
    rig.now = rig.now.plus(LINGER)
    rig.turn("liar")
    rig.turn("liar")
    queue = rig.queues[("liar", "city")]
    (data,) = (message for raw in queue if isinstance(message := decode(raw), Data))
    queue.clear()
    header = data.frame.batch.header
    forged = replace(header, runs=(replace(header.runs[0], **changes),))
    batch = rig.stations["liar"].pipeline._vouched(forged, data.frame.batch.payload, _NoGroup(), keeps_origin=False).batch  # type: ignore[arg-type]
    rig.stations["city"].engine.receive("liar", Data(replace(data.frame, batch=batch)), rig.now)


class _NoGroup:
    pieces: tuple[()] = ()


def refused(rig: Rig) -> list[FrameRefused]:
    return [event for event in rig.stations["city"].events if isinstance(event, FrameRefused)]


def books_of(rig: Rig, name: str, origin: str) -> RunMap:
    stream = Stream(origin, rig.stations[origin].incarnation, Lane.EVENT, "air-quality")
    return rig.stations[name].journal.recover().streams.get(stream, RunMap())


def test_a_lie_is_refused_counted_and_named_and_never_stored() -> None:
    rig = two_streets()
    rig.offer("honest", [1.0])
    rig.settle(seconds=LINGER)
    forge(rig, origin="honest", incarnation=rig.stations["honest"].incarnation, first=2, last=2)
    rig.settle(seconds=DOUBT_S)
    (event,) = refused(rig)
    assert event.peer == "liar"
    assert "records of honest come by way of liar" in event.reason
    assert rig.values("city") == [1.0]
    assert books_of(rig, "city", "honest").top == 1
    rig.offer("honest", [2.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == rig.values("province") == [1.0, 2.0]


def test_the_link_of_a_liar_goes_on_with_its_own_records() -> None:
    rig = two_streets()
    rig.offer("honest", [1.0])
    rig.settle(seconds=LINGER)
    forge(rig, origin="honest", incarnation=rig.stations["honest"].incarnation, first=2, last=2)
    rig.settle(seconds=DOUBT_S)
    assert not [event for event in rig.stations["city"].events if isinstance(event, LinkBroken)]


def test_a_late_joined_grandchild_needs_no_notice() -> None:
    rig = two_streets()
    rig.announces = False
    rig.stations["grid"] = Station("grid", Level.GRID, "honest")
    rig.connect("grid", "honest")
    rig.offer("grid", [4.0])
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [4.0]
    assert refused(rig) == []


def test_records_of_a_moved_node_wait_for_the_word_that_it_moved() -> None:
    rig = two_streets()
    rig.stations["grid"] = Station("grid", Level.GRID, "honest")
    rig.connect("grid", "honest")
    rig.offer("grid", [4.0])
    rig.settle(seconds=LINGER)
    rig.announces = False
    rig.disconnect("grid", "honest")
    rig.former["grid"] = "honest"
    rig.connect("grid", "liar")
    rig.offer("grid", [5.0])
    rig.settle(seconds=1.0)
    assert rig.values("city") == [4.0]
    assert refused(rig) == []
    rig.announce()
    rig.settle(seconds=LINGER)
    assert rig.values("city") == [4.0, 5.0]
    assert refused(rig) == []


def test_what_was_refused_before_the_word_of_a_move_came_goes_again_once_it_has() -> None:
    rig = two_streets()
    rig.stations["grid"] = Station("grid", Level.GRID, "honest")
    rig.connect("grid", "honest")
    rig.offer("grid", [4.0])
    rig.settle(seconds=LINGER)
    rig.announces = False
    rig.disconnect("grid", "honest")
    rig.former["grid"] = "honest"
    rig.connect("grid", "liar")
    rig.offer("grid", [5.0])
    rig.settle(seconds=DOUBT_S)
    assert (rig.values("city"), len(refused(rig))) == ([4.0], 1)
    rig.announce()
    rig.settle(seconds=ROUND_PAUSE_S)
    assert (rig.values("city"), len(refused(rig))) == ([4.0, 5.0], 1)


def test_a_verdict_from_before_the_word_of_a_move_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = two_streets()
    rig.stations["grid"] = Station("grid", Level.GRID, "honest")
    rig.connect("grid", "honest")
    rig.settle(seconds=LINGER)
    city, verdicts = rig.stations["city"], list[str]()
    run = city.pipeline.run

    def judge(job: Job) -> JobResult:
        outcome = run(job)
        if not isinstance(outcome, InboundResult) or job.peer.node != "liar":
            return outcome
        verdicts.append("" if "grid" in job.peer.subtree else f"a row from elsewhere: {NO_ORDER}")
        return replace(outcome, refusal=verdicts[-1])

    monkeypatch.setattr(city.pipeline, "run", judge)
    rig.announces = False
    rig.disconnect("grid", "honest")
    rig.former["grid"] = "honest"
    rig.connect("grid", "liar")
    rig.offer("grid", [5.0])
    rig.settle(seconds=1.0)
    rig.announce()
    rig.settle(seconds=1.0)
    assert (rig.values("city"), refused(rig), verdicts[-1]) == ([5.0], [], "")
    assert len(verdicts) > 1


def test_who_bears_a_life_survives_a_restart() -> None:
    rig = two_streets()
    rig.offer("honest", [1.0])
    rig.settle(seconds=LINGER)
    rig.announces = False
    rig.crash("city")
    rig.connect("liar", "city")
    forge(rig, origin="honest", incarnation=rig.stations["honest"].incarnation, first=2, last=2)
    rig.settle(seconds=DOUBT_S)
    assert len(refused(rig)) == 1
    assert books_of(rig, "city", "honest").top == 1


def test_more_streams_than_a_child_may_bring_are_held_at_the_sender() -> None:
    rig = two_streets()
    city = rig.stations["city"]
    city.limits = replace(DEFAULT_LIMITS, streams_per_child_max=1)
    rig.offer("honest", [1.0])
    rig.settle(seconds=LINGER)
    rig.crash("city")
    rig.stations["grid"] = Station("grid", Level.GRID, "honest")
    rig.connect("grid", "honest")
    rig.connect("honest", "city")
    rig.offer("grid", [2.0])
    rig.settle(seconds=LINGER)
    assert "more than 1 streams" in refused(rig)[0].reason
    assert rig.values("city") == [1.0]
    assert books_of(rig, "city", "grid").top == 0
    stream = Stream("grid", rig.stations["grid"].incarnation, Lane.EVENT, "air-quality")
    assert rig.stations["honest"].journal.delivered_to("city")[stream].count(Fate.WITHHELD) == 1


def test_a_stream_in_too_many_pieces_is_held_at_the_sender() -> None:
    rig = two_streets()
    rig.stations["city"].limits = replace(DEFAULT_LIMITS, fragments_per_stream_max=1)
    rig.crash("city")
    rig.connect("liar", "city")
    rig.offer("liar", [1.0])
    rig.settle(seconds=LINGER)
    forge(rig, first=9, last=9)
    rig.settle(seconds=LINGER)
    assert "in more than 1 pieces" in refused(rig)[0].reason
    assert books_of(rig, "city", "liar").top == 1
