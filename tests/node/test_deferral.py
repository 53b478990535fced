"""Fresh first: accounts for old batches, records later as backfill, nothing lost and nothing twice."""

from __future__ import annotations

from sync.core.lanes import DEFERRED_REASON, FRESH_BACKLOG_LSNS
from sync.core.messages import Data, Message
from sync.model import Lane, Level, State
from tests.sync.core.rig import Rig, Station

BACKLOG = FRESH_BACKLOG_LSNS + 10


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
    for _ in range(12):
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
