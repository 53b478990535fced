"""The bell between processes."""

from __future__ import annotations

from contextlib import closing

from edge_ai.analysis.bell import Bell


def test_rings_before_the_wait_are_one_and_none_is_lost() -> None:
    with closing(Bell.make()) as bell:
        bell.ring()
        bell.ring()
        bell.wait(60)
        bell.wait(0)
        bell.ring()
        bell.wait(60)
