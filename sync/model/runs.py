"""Runs of sequence numbers, and the map of what became of each number of a stream.

A *run* is a stretch of consecutive records of one origin inside a batch. A *run map* holds, for one stream, disjoint ranges with their
state; numbers in no range are pending. Both are plain values: the engine decides, the journal stores.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sync.model.clock import ClockQuality, HybridTime
from sync.model.errors import ModelError
from sync.model.names import Lane
from sync.model.states import MOVES, Fate, State, may_move

NO_ROWS = -1
"""Row offset of a run whose records are not in the payload."""

_RANGE = struct.Struct("<QQB")
_PRESENT = State.PRESENT
"""A batch may have thousands of runs: looking a member up in its enumeration, each time, is what costs."""


@dataclass(frozen=True, slots=True, order=True)
class Stream:
    """The unit of sequence numbering; numbers start at 1."""

    origin: str
    incarnation: int
    lane: Lane
    resource: str


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive records of one origin in a batch, or the account of records that are not in it."""

    origin: str
    incarnation: int
    first: int
    last: int
    row_offset: int
    """Row of the payload that holds `first`; NO_ROWS when the records are not in the payload."""
    state: State = State.PRESENT
    reason: str = ""
    """Class of the reason a record was withheld, expired or lost; empty when present. Entry ids never travel."""
    decider: str = ""
    """Node that withheld, shed or lost the records; empty when present."""
    at: HybridTime = HybridTime(0)
    """Hybrid time at which the origin sealed the run."""
    clock: ClockQuality = ClockQuality()

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last:
            raise ModelError(f"run {self.first}..{self.last} of {self.origin} refused: numbers start at 1 and ascend")
        if (self.row_offset >= 0) != (self.state is _PRESENT):
            raise ModelError(f"run {self.first}..{self.last} of {self.origin} refused: state {self.state.name} at row {self.row_offset}")

    @property
    def count(self) -> int:
        """Records in the run."""
        return self.last - self.first + 1

    def stream(self, lane: Lane, resource: str) -> Stream:
        """The stream the run belongs to in a batch of this lane and resource."""
        return Stream(self.origin, self.incarnation, lane, resource)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of payload rows that one decision covers; `stop` is exclusive."""

    start: int
    stop: int
    state: State = State.PRESENT
    reason: str = ""


def split_runs(runs: Iterable[Run], segments: Sequence[Segment], *, decider: str) -> tuple[Run, ...]:
    """`runs` after a gate decided over the payload's rows in `segments`, which cover all rows in order without gaps.

    Rows of a segment that is not PRESENT leave the payload, so later row offsets move up; runs without rows stay as they are.
    """
    removed_before = _removed_before(segments)
    starts = [segment.start for segment in segments]
    out: list[Run] = []
    for run in runs:
        if run.row_offset != NO_ROWS:
            out.extend(_split_run(run, segments, starts, removed_before, decider))
        else:
            out.append(run)
    return tuple(out)


def _removed_before(segments: Sequence[Segment]) -> list[int]:
    removed, totals = 0, []
    for segment in segments:
        totals.append(removed)
        if not segment.state.has_rows:
            removed += segment.stop - segment.start
    return totals


def _split_run(run: Run, segments: Sequence[Segment], starts: list[int], removed: list[int], decider: str) -> Iterator[Run]:
    row, end = run.row_offset, run.row_offset + run.count
    index = bisect_left(starts, row + 1) - 1
    while row < end:
        segment = segments[index]
        stop = min(end, segment.stop)
        first = run.first + row - run.row_offset
        last = first + stop - row - 1
        if segment.state is _PRESENT:
            kept = row - removed[index]
            yield Run(run.origin, run.incarnation, first, last, kept, run.state, run.reason, run.decider, run.at, run.clock)
        else:
            yield Run(run.origin, run.incarnation, first, last, NO_ROWS, segment.state, segment.reason, decider, run.at, run.clock)
        row, index = stop, index + 1


@dataclass(frozen=True, slots=True)
class StateRange:
    """Consecutive sequence numbers in one state."""

    first: int
    last: int
    state: State

    @property
    def count(self) -> int:
        """Sequence numbers in the range."""
        return self.last - self.first + 1


class RunMap:
    """What became of each sequence number of one stream: disjoint ranges in ascending order, neighbours of one state merged."""

    __slots__ = ("_encoded", "_firsts", "_ranges")

    def __init__(self, ranges: Iterable[StateRange] = ()) -> None:
        self._ranges: list[StateRange] = list(ranges)
        self._firsts: list[int] = [entry.first for entry in self._ranges]
        self._encoded = bytearray()
        """Encoded ranges from the first on, as far as nothing changed since they were encoded."""
        is_backward = any(not 1 <= entry.first <= entry.last for entry in self._ranges)
        if is_backward or any(left.last >= right.first for left, right in zip(self._ranges, self._ranges[1:], strict=False)):
            raise ModelError("run map refused: ranges overlap or do not ascend")

    def __iter__(self) -> Iterator[StateRange]:
        return iter(self._ranges)

    def __len__(self) -> int:
        return len(self._ranges)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunMap) and self._ranges == other._ranges

    @property
    def mark(self) -> int:
        """The highest number up to which every number is accounted for; 0 when number 1 is pending."""
        mark = 0
        for entry in self._ranges:
            if entry.first != mark + 1:
                break
            mark = entry.last
        return mark

    @property
    def top(self) -> int:
        """The highest number with a state; 0 when there is none."""
        return self._ranges[-1].last if self._ranges else 0

    def count(self, fate: Fate) -> int:
        """How many numbers count in this column; PENDING counts the gaps below `top`."""
        if fate is Fate.PENDING:
            return self.top - sum(entry.count for entry in self._ranges)
        return sum(entry.count for entry in self._ranges if entry.state.fate is fate)

    def pieces(self, first: int, last: int) -> list[StateRange]:
        """The numbers `first`..`last` cut where their state changes; gaps come as PENDING."""
        pieces: list[StateRange] = []
        position = first
        for entry in self._overlapping(first, last):
            if position < entry.first:
                pieces.append(StateRange(position, entry.first - 1, State.PENDING))
            stop = min(entry.last, last)
            pieces.append(StateRange(max(entry.first, position), stop, entry.state))
            position = stop + 1
        if position <= last:
            pieces.append(StateRange(position, last, State.PENDING))
        return pieces

    def set(self, first: int, last: int, state: State) -> list[StateRange]:
        """Move `first`..`last` to `state` where the table of states allows it; the ranges that moved, with their new state."""
        if first > self.top and state in _FROM_PENDING:
            new = StateRange(first, last, state)
            self._append(new)
            return [new]
        moved = [StateRange(piece.first, piece.last, state) for piece in self.pieces(first, last) if may_move(piece.state, state)]
        for entry in moved:
            self._overwrite(entry)
        return moved

    def encode(self) -> bytes:
        """The ranges as bytes for the journal."""
        known = len(self._encoded) // _RANGE.size
        for entry in self._ranges[known:]:
            self._encoded += _RANGE.pack(entry.first, entry.last, entry.state)
        return bytes(self._encoded)

    @classmethod
    def decode(cls, data: bytes) -> RunMap:
        """The inverse of `encode`; raises ModelError when `data` is not a run map."""
        if len(data) % _RANGE.size:
            raise ModelError(f"run map of {len(data)} bytes refused: not a multiple of {_RANGE.size}")
        try:
            ranges = [StateRange(first, last, State(state)) for first, last, state in _RANGE.iter_unpack(data)]
        except ValueError as error:
            raise ModelError(f"run map refused: {error}") from error
        return cls(ranges)

    def _overlapping(self, first: int, last: int) -> list[StateRange]:
        start = self._start_of(first)
        stop = bisect_left(self._firsts, last + 1)
        return self._ranges[start:stop]

    def _start_of(self, first: int) -> int:
        start = bisect_left(self._firsts, first)
        if start > 0 and self._ranges[start - 1].last >= first:
            start -= 1
        return start

    def _append(self, new: StateRange) -> None:
        """Put `new` behind all others: by far the most frequent change."""
        if self._ranges and _touch(self._ranges[-1], new):
            self._forget_encoded(len(self._ranges) - 1)
            self._ranges[-1] = StateRange(self._ranges[-1].first, new.last, new.state)
        else:
            self._ranges.append(new)
            self._firsts.append(new.first)

    def _forget_encoded(self, index: int) -> None:
        del self._encoded[index * _RANGE.size :]

    def _overwrite(self, new: StateRange) -> None:
        start, stop = self._start_of(new.first), bisect_left(self._firsts, new.last + 1)
        old = self._ranges[start:stop]
        parts: list[StateRange] = []
        if old and old[0].first < new.first:
            parts.append(StateRange(old[0].first, new.first - 1, old[0].state))
        parts.append(new)
        if old and old[-1].last > new.last:
            parts.append(StateRange(new.last + 1, old[-1].last, old[-1].state))
        start, stop, parts = self._join_neighbours(start, stop, parts)
        self._forget_encoded(start)
        self._ranges[start:stop] = parts
        self._firsts[start:stop] = [entry.first for entry in parts]

    def _join_neighbours(self, start: int, stop: int, parts: list[StateRange]) -> tuple[int, int, list[StateRange]]:
        if start > 0 and _touch(self._ranges[start - 1], parts[0]):
            start -= 1
            parts = [self._ranges[start], *parts]
        if stop < len(self._ranges) and _touch(parts[-1], self._ranges[stop]):
            parts = [*parts, self._ranges[stop]]
            stop += 1
        merged: list[StateRange] = []
        for part in parts:
            if merged and _touch(merged[-1], part):
                merged[-1] = StateRange(merged[-1].first, part.last, part.state)
            else:
                merged.append(part)
        return start, stop, merged


_FROM_PENDING = MOVES[State.PENDING]


def _touch(left: StateRange, right: StateRange) -> bool:
    return left.last + 1 == right.first and left.state is right.state
