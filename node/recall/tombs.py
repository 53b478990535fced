"""The tombstones of a node in memory: numbers that were recalled here, and whose rows are stored again for nobody who just brings them.

A batch with such numbers is stored without their rows: whoever sends them did not comply, was restored from before, or puts back a whole
batch for the sake of other records in it. While the order is in force that is so for every batch; once it is over a batch that is marked
backfill may bring them (regaining.py), and no other copy. Replaced at once when a recall is done; any thread may ask. Called by the
pipeline of every link.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from node.recall.cutting import Flags, without
from sync.model import Batch, BatchHeader, Stream, merged_ranges

Ranges = tuple[list[int], list[int]]
"""First and last numbers, ascending."""
_NONE: Ranges = ([], [])


@dataclass(slots=True)
class Tombs:
    """Erased numbers by stream."""

    node: str = ""
    """Who answers for what is left out."""
    _held: tuple[Mapping[Stream, Ranges], Mapping[Stream, Ranges]] = field(default_factory=lambda: ({}, {}))
    """Those of orders in force, and those of any order; put in place together."""

    def hold(self, binding: Iterable[tuple[Stream, int, int]], over: Iterable[tuple[Stream, int, int]] = ()) -> None:
        """Hold these numbers and no others: those of orders in force, and those of orders that are over."""
        of_orders = [*binding]
        self._held = _by_stream(of_orders), _by_stream([*of_orders, *over])

    def left(self, batch: Batch, rows: pa.RecordBatch | None) -> Batch | None:
        """What is left of an arriving batch, whose decoded rows are `rows`; None when all of it may be stored."""
        gone = self._gone(batch.header)
        return None if gone is None or rows is None else without(batch, rows, gone, decider=self.node)

    def free(self, stream: Stream, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of `first`..`last` that no order in force recalled."""
        parts, position = [], first
        for low, high in _within(self._held[0].get(stream, _NONE), first, last):
            if position < low:
                parts.append((position, low - 1))
            position = high + 1
        return [*parts, (position, last)] if position <= last else parts

    def _gone(self, header: BatchHeader) -> Flags | None:
        """True for each row that must not be stored; None when there is none."""
        known = self._held[0] if header.backfill else self._held[1]
        if not known or not header.row_count:
            return None
        gone: Flags | None = None
        for run in header.runs:
            if not run.state.has_rows:
                continue
            for first, last in _within(known.get(run.stream(header.lane, header.resource), _NONE), run.first, run.last):
                gone = np.zeros(header.row_count, np.bool_) if gone is None else gone
                gone[run.row_offset + first - run.first : run.row_offset + last - run.first + 1] = True
        return gone


def _by_stream(found: Iterable[tuple[Stream, int, int]]) -> dict[Stream, Ranges]:
    merged: dict[Stream, list[tuple[int, int]]] = {}
    for stream, first, last in found:
        merged.setdefault(stream, []).append((first, last))
    whole = {stream: merged_ranges(ranges) for stream, ranges in merged.items()}
    return {stream: ([one[0] for one in ranges], [one[1] for one in ranges]) for stream, ranges in whole.items()}


def _within(ranges: Ranges, first: int, last: int) -> list[tuple[int, int]]:
    """The ranges as far as they lie in `first`..`last`, ascending."""
    firsts, lasts = ranges
    found: list[tuple[int, int]] = []
    place = bisect_right(firsts, last) - 1
    while place >= 0 and lasts[place] >= first:
        found.append((max(first, firsts[place]), min(last, lasts[place])))
        place -= 1
    return found[::-1]
