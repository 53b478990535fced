"""A payload that was let go before a hop got it: the hop gets the account, and only that."""

from __future__ import annotations

import pytest

from sync.core.lanes import LINGER_S
from sync.model import Lane, Level, State
from tests.sync.core.rig import Rig, Station

LINGER = LINGER_S[Lane.EVENT]


def pair() -> Rig:
    return Rig(Station("grid", Level.GRID), Station("street", Level.STREET))


def states(rig: Rig, name: str) -> list[tuple[int, int, State]]:
    (run_map,) = rig.stations[name].engine.streams.values()
    return [(entry.first, entry.last, entry.state) for entry in run_map]  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", [State.SHED, State.RETENTION])
def test_a_hop_gets_the_account_of_what_was_freed_before_it_left(state: State) -> None:
    rig = pair()
    rig.offer("grid", [1.0, 2.0])
    rig.offer("grid", [3.0])
    rig.settle()
    rig.stations["grid"].engine.free((1,), state, rig.now)
    rig.settle()
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    assert rig.values("street") == [3.0]
    assert states(rig, "street") == [(1, 2, state), (3, 3, State.PRESENT)]


def test_what_a_hop_has_it_keeps_when_the_sender_lets_it_go() -> None:
    rig = pair()
    rig.connect("grid", "street")
    rig.offer("grid", [1.0, 2.0])
    rig.settle(seconds=LINGER)
    rig.stations["grid"].engine.free((1,), State.RETENTION, rig.now)
    rig.settle()
    rig.crash("grid")
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    assert rig.values("street") == [1.0, 2.0]
    assert states(rig, "grid") == [(1, 2, State.PRESENT)]


def test_the_account_goes_on_to_the_next_hop() -> None:
    rig = Rig(Station("grid", Level.GRID), Station("street", Level.STREET), Station("district", Level.DISTRICT))
    rig.offer("grid", [1.0])
    rig.settle()
    rig.stations["grid"].engine.free((1,), State.SHED, rig.now)
    rig.settle()
    rig.connect("grid", "street")
    rig.connect("street", "district")
    rig.settle(seconds=2 * LINGER)
    assert states(rig, "district") == [(1, 1, State.SHED)]


def test_what_arrives_while_a_job_reads_lingers_for_its_own_frame() -> None:
    rig = pair()
    rig.connect("grid", "street")
    rig.offer("grid", [1.0])
    rig.settle(seconds=LINGER)
    for value in (2.0, 3.0, 4.0):
        rig.offer("grid", [value])
    rig.settle(seconds=LINGER)
    assert [batch.batch.header.row_count for batch in rig.batches("street")] == [1, 3]
