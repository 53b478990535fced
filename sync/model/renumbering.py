"""Records that go by other numbers than they had, because a node that was copied goes on under a new incarnation.

What it wrote since the copies parted was numbered in the former incarnation, and a peer may hold it by those numbers already. So the node
tells its peers which numbers are others now (`Renumbered`), a peer answers which of them it holds (`HeldBefore`), and by the steps of its
own renumberings (`Step`) the node knows what need not go to that peer a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sync.model.names import Lane
from sync.model.runs import RunMap, Stream
from sync.model.states import State

RENUMBERED_TOLD_MAX = 64
"""Newest renumbered streams that a node tells a peer."""
HELD_RANGES_MAX = 2_048
"""Ranges of former numbers that a peer names in one Hello; what lies in further ones comes to it again under its new number."""


@dataclass(frozen=True, slots=True)
class Renumbered:
    """A stream of the teller in a former incarnation: its numbers above `base` are others now."""

    incarnation: int
    lane: Lane
    resource: str
    base: int


@dataclass(frozen=True, slots=True)
class HeldBefore:
    """Numbers of a stream of the hearer in a former incarnation that the teller holds as it got them from the hearer itself."""

    incarnation: int
    lane: Lane
    resource: str
    ranges: tuple[tuple[int, int], ...]
    """First and last number, ascending."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stream's part of a change of incarnation: number `was.base` + n is number n of incarnation `now`."""

    was: Renumbered
    now: int


def known_before(node: str, held: Iterable[HeldBefore], steps: Sequence[Step]) -> dict[Stream, RunMap]:
    """What a peer that says `held` has of the records of `node`, by the numbers of today; only what has others than it had.

    `steps` in the order in which they were made: what was renumbered once may be renumbered again.
    """
    found: dict[Stream, RunMap] = {}
    for entry in held:
        own = [step for step in steps if (step.was.lane, step.was.resource) == (entry.lane, entry.resource)]
        for first, last in entry.ranges:
            for incarnation, low, high in _today(entry.incarnation, first, last, own):
                stream = Stream(node, incarnation, entry.lane, entry.resource)
                found.setdefault(stream, RunMap()).set(low, high, State.PRESENT)
    return found


def _today(incarnation: int, first: int, last: int, steps: Iterable[Step]) -> list[tuple[int, int, int]]:
    """Where numbers of a former incarnation went: (incarnation, first, last); what kept its numbers is left out."""
    pieces = [(incarnation, first, last)]
    for step in steps:
        pieces = [piece for old in pieces for piece in _moved(*old, step)]
    return [piece for piece in pieces if piece[0] != incarnation]


def _moved(incarnation: int, first: int, last: int, step: Step) -> list[tuple[int, int, int]]:
    base = step.was.base
    if incarnation != step.was.incarnation or last <= base:
        return [(incarnation, first, last)]
    stays = [(incarnation, first, base)] if first <= base else []
    return [*stays, (step.now, max(first, base + 1) - base, last - base)]
