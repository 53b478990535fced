"""Which records go by other numbers today."""

from __future__ import annotations

import pytest

from sync.model import Lane, Stream
from sync.model.renumbering import HeldBefore, Renumbered, Step, known_before

FIRST, SECOND, THIRD = 7, 8, 9
ONCE = Step(Renumbered(FIRST, Lane.BULK, "enterprises", 10), SECOND)
AGAIN = Step(Renumbered(SECOND, Lane.BULK, "enterprises", 4), THIRD)
Found = dict[int, list[tuple[int, int]]]


def found(life: int, *ranges: tuple[int, int], steps: tuple[Step, ...], resource: str = "enterprises") -> Found:
    """By incarnation of today, the ranges that a peer has which holds `ranges` of a former one."""
    known = known_before("city", [HeldBefore(life, Lane.BULK, resource, ranges)], steps)
    assert all((stream.origin, stream.lane, stream.resource) == ("city", Lane.BULK, resource) for stream in known)
    return {stream.incarnation: [(entry.first, entry.last) for entry in run_map] for stream, run_map in known.items()}


@pytest.mark.parametrize(
    ("life", "held", "steps", "expected"),
    [
        (FIRST, (11, 13), (ONCE,), {SECOND: [(1, 3)]}),
        (FIRST, (9, 12), (ONCE,), {SECOND: [(1, 2)]}),  # up to 10 it kept its numbers
        (FIRST, (1, 10), (ONCE,), {}),
        (FIRST, (11, 16), (ONCE, AGAIN), {SECOND: [(1, 4)], THIRD: [(1, 2)]}),
        (SECOND, (1, 6), (ONCE, AGAIN), {THIRD: [(1, 2)]}),
        (5, (1, 90), (ONCE, AGAIN), {}),
    ],
)
def test_former_numbers_lead_to_those_of_today(life: int, held: tuple[int, int], steps: tuple[Step, ...], expected: Found) -> None:
    assert found(life, held, steps=steps) == expected


def test_another_stream_of_the_same_life_is_another_matter() -> None:
    assert found(FIRST, (11, 13), steps=(ONCE,), resource="air-quality") == {}


def test_several_ranges_come_together() -> None:
    known = known_before("city", [HeldBefore(FIRST, Lane.BULK, "enterprises", ((11, 11), (13, 14)))], (ONCE,))
    assert [(entry.first, entry.last) for entry in known[Stream("city", SECOND, Lane.BULK, "enterprises")]] == [(1, 1), (3, 4)]
