"""Fresh first: accounts for old batches, records later as backfill, nothing lost and nothing twice."""

from __future__ import annotations

import pytest

from node.engine.deferral import FreshFirst
from node.engine.pipeline import Pipeline, Self
from sync.core import sending
from sync.core.lanes import DEFERRED_REASON, FRESH_FIRST_LANES
from sync.core.messages import Data, Message
from sync.model import Lane, Level, State
from tests.sync.core.rig import Rig, RigVouch, Station

BEHIND = 64
"""Batches behind which something is put off, here; the product's number makes the same days long."""
BACKLOG = BEHIND + 10


@pytest.fixture(autouse=True)
def _puts_off_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "FRESH_BACKLOG_LSNS", BEHIND)


def two(*, fresh: bool) -> Rig:
    """A street with a backlog, and its district."""
    rig = Rig(Station("district", Level.DISTRICT), Station("street", Level.STREET, "district"))
    rig.stations["street"].engine.fresh_first = frozenset({Lane.EVENT}) if fresh else frozenset()
    for number in range(BACKLOG):
        rig.offer("street", [float(number)])
        rig.turn("street")
    return rig


def test_of_a_backlog_the_accounts_go_first_and_the_records_follow() -> None:
    rig = two(fresh=True)
    rig.connect("street", "district")
    seen: list[tuple[int, bool, set[State]]] = []

    def watch(source: str, target: str, message: Message) -> bool:
        if isinstance(message, Data):
            header = message.frame.batch.header
            seen.append((header.row_count, header.backfill, {run.state for run in header.runs}))
        return False

    rig.drop = watch
    rig.offer("street", [9_999.0])
    rig.settle(seconds=3.0)
    first_rows = next(index for index, (rows, _, _) in enumerate(seen) if rows)
    assert all(states == {State.HELD} for _, _, states in seen[:first_rows])
    assert 1 <= first_rows < 10
    assert sum(rows for rows, _, _ in seen) == BACKLOG + 1
    assert sorted(rig.values("district")) == [*map(float, range(BACKLOG)), 9_999.0]


def test_what_is_new_overtakes_what_was_put_off() -> None:
    rig = two(fresh=True)
    rig.connect("street", "district")
    for _ in range(6):
        rig.turn("street")
        rig._deliver()
        rig.turn("district")
        rig._deliver()
    rig.offer("street", [9_999.0])
    rig.settle(seconds=3.0)
    values = rig.values("district")
    assert len(values) == BACKLOG + 1
    assert values.index(9_999.0) < BACKLOG // 2


def test_without_fresh_first_the_order_is_kept() -> None:
    rig = two(fresh=False)
    rig.connect("street", "district")
    rig.settle(seconds=3.0)
    assert rig.values("district") == [*map(float, range(BACKLOG))]


def test_a_link_that_breaks_on_the_way_loses_and_doubles_nothing() -> None:
    rig = two(fresh=True)
    rig.connect("street", "district")
    for _ in range(6):
        rig.turn("street")
        rig._deliver()
        rig.turn("district")
    rig.disconnect("street", "district")
    rig.crash("street")
    rig.stations["street"].engine.fresh_first = frozenset({Lane.EVENT})
    rig.connect("street", "district")
    rig.settle(seconds=3.0)
    assert sorted(rig.values("district")) == [*map(float, range(BACKLOG))]
    held = [run for stored in rig.batches("district") for run in stored.live_runs if run.reason == DEFERRED_REASON]
    assert held


def by_resource(*words: str, lane: Lane) -> Rig:
    """A street that puts off `words`, with a backlog in which air quality and noise take turns."""
    rig = Rig(Station("district", Level.DISTRICT), Station("street", Level.STREET, "district"))
    street, fresh = rig.stations["street"], FreshFirst.of(words)
    street.engine.fresh_first = fresh.lanes
    me = Self("street", Level.STREET, "37")
    street.pipeline = Pipeline(
        me=me, journal=street.journal, gate_of=lambda: street.gate, vouch=RigVouch("street"), limits=street.limits, fresh=fresh
    )
    for number in range(BACKLOG):
        rig.offer("street", [float(number)], resource="noise" if number % 2 else "air-quality", lane=lane)
        rig.turn("street")
    return rig


def states_by_resource(rig: Rig) -> dict[str, list[State]]:
    """Connect and settle; what of each resource went first, run by run."""
    seen: dict[str, list[State]] = {}

    def watch(source: str, target: str, message: Message) -> bool:
        if isinstance(message, Data):
            header = message.frame.batch.header
            seen.setdefault(header.resource, []).extend(run.state for run in header.runs)
        return False

    rig.drop = watch
    rig.connect("street", "district")
    rig.settle(seconds=3.0)
    return seen


def test_a_resource_is_put_off_and_its_neighbour_in_the_lane_is_not() -> None:
    rig = by_resource("air-quality", lane=Lane.BULK)
    seen = states_by_resource(rig)
    assert seen["air-quality"][0] is State.HELD
    assert set(seen["noise"]) == {State.PRESENT}
    assert rig.values("district", "noise") == [float(number) for number in range(1, BACKLOG, 2)]
    assert sorted(rig.values("district")) == [float(number) for number in range(0, BACKLOG, 2)]


def test_a_resource_of_lane_state_stays_oldest_first_whoever_names_it() -> None:
    rig = by_resource("air-quality", lane=Lane.STATE)
    assert set(states_by_resource(rig)["air-quality"]) == {State.PRESENT}
    assert rig.values("district") == [float(number) for number in range(0, BACKLOG, 2)]


@pytest.mark.parametrize(
    ("words", "lanes"), [([], frozenset()), (["bulk"], {Lane.BULK}), (["noise"], FRESH_FIRST_LANES), (["bulk", "noise"], FRESH_FIRST_LANES)]
)
def test_only_lanes_in_which_something_may_wait_are_looked_at(words: list[str], lanes: frozenset[Lane]) -> None:
    assert FreshFirst.of(words).lanes == lanes
