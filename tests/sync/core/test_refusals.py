"""What a node remembers of refusals."""

from __future__ import annotations

from sync.core.refusals import Refusals
from sync.model import Direction, Lane, Span
from sync.model.writes import REFUSALS_KEPT_MAX, AppendRefusal


def refusal(peer: str, upto: int, *, by_peer: bool = False) -> AppendRefusal:
    return AppendRefusal(peer, Direction.UP, Lane.EVENT, Span(upto - 1, upto), 0, "air-quality", (), b"", "no", b"", by_peer=by_peer)


def test_each_is_entered_once() -> None:
    known = Refusals([refusal("grid", 1)])
    assert not known.enter(refusal("grid", 1))
    assert known.enter(refusal("grid", 1, by_peer=True))
    assert known.made_toward("grid") == [refusal("grid", 1)]


def test_a_peer_that_is_refused_all_day_pushes_out_only_its_own() -> None:
    known = Refusals([refusal("honest", 1)])
    for upto in range(1, REFUSALS_KEPT_MAX + 2):
        known.enter(refusal("hostile", upto))
    assert known.made_toward("honest") == [refusal("honest", 1)]
    assert [entry.span.upto for entry in known.made_toward("hostile")] == list(range(2, REFUSALS_KEPT_MAX + 2))
