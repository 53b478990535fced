"""What a node remembers of refusals."""

from __future__ import annotations

from sync.core.ready import Withheld
from sync.core.refusals import Refusals
from sync.model import Direction, Lane, Level, Span
from sync.model.writes import REFUSALS_KEPT_MAX, AppendRefusal
from tests.sync.core.rig import Rig, Station

LINGER = 3.0
"""Longer than any lane waits for more."""


def refusal(peer: str, upto: int, *, by_peer: bool = False) -> AppendRefusal:
    return AppendRefusal(peer, Direction.UP, Lane.EVENT, Span(upto - 1, upto), 0, "air-quality", (), b"", "no", b"", by_peer=by_peer)


def test_each_is_entered_once() -> None:
    known = Refusals([refusal("grid", 1)])
    assert not known.enter(refusal("grid", 1))
    assert known.enter(refusal("grid", 1, by_peer=True))
    assert known.made_toward("grid", 7) == [refusal("grid", 1)]


def test_a_peer_that_is_refused_all_day_pushes_out_only_its_own() -> None:
    known = Refusals([refusal("honest", 1)])
    for upto in range(1, REFUSALS_KEPT_MAX + 2):
        known.enter(refusal("hostile", upto))
    assert known.made_toward("honest", 7) == [refusal("honest", 1)]
    assert [entry.span.upto for entry in known.made_toward("hostile", 7)] == list(range(2, REFUSALS_KEPT_MAX + 2))


def test_refusals_of_a_former_life_say_nothing_of_the_spans_of_the_next() -> None:
    rig = Rig(Station("grid", Level.GRID, "street"), Station("street", Level.STREET))
    rig.connect("grid", "street")
    rig.stations["street"].gate.refused = frozenset({2.0})
    for _ in range(2):
        rig.offer("grid", [2.0])
        rig.settle(seconds=LINGER)
    rig.disconnect("grid", "street")
    grid = rig.stations["grid"] = Station("grid", Level.GRID, "street", incarnation=777)
    for value in (4.0, 5.0):
        rig.connect("grid", "street")
        rig.offer("grid", [value])
        rig.settle(seconds=LINGER)
        rig.disconnect("grid", "street")
    rig.connect("grid", "street")
    rig.settle(seconds=LINGER)
    assert [event for event in grid.events if isinstance(event, Withheld)] == []
    assert rig.values("street") == [4.0, 5.0]
