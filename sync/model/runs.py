"""Runs of sequence numbers, and the map of what became of each number of a stream.

A *run* is a stretch of consecutive records of one origin inside a batch. A *run map* holds, for one stream, disjoint ranges with their
state; numbers in no range are pending. Both are plain values: the engine decides, the journal stores.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sync.model.clock import ClockQuality, HybridTime
from sync.model.errors import ModelError
from sync.model.names import Lane
from sync.model.states import MOVES, Fate, State, may_move

NO_ROWS = -1
"""Row offset of a run whose records are not in the payload."""

NUMBER_MAX = (1 << 63) - 1
"""The highest sequence number: what a signed integer of 64 bits, and so a journal, holds."""

_RANGE = struct.Struct("<QQB")
_STATES = {int(state): state for state in State}
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
    """What became of each sequence number of one stream: disjoint ranges in ascending order, neighbours of one state merged.

    A relay keeps one for every stream of ten thousand origins, so the ranges are columns of numbers and become values only when asked for.
    """

    __slots__ = ("_firsts", "_lasts", "_states", "_touched")

    def __init__(self, ranges: Iterable[StateRange] = ()) -> None:
        self._firsts, self._lasts, self._states = array("q"), array("q"), bytearray()
        for entry in ranges:
            if not self.top < entry.first <= entry.last <= NUMBER_MAX:
                raise ModelError("run map refused: ranges overlap or do not ascend")
            self._push(entry.first, entry.last, entry.state)
        self._touched: set[int] | None = None
        """First numbers of the ranges that came, went or changed since `take_changes`; None when there are none."""

    def __iter__(self) -> Iterator[StateRange]:
        return (self._at(index) for index in range(len(self._firsts)))

    def __len__(self) -> int:
        return len(self._firsts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RunMap):
            return NotImplemented
        return (self._firsts, self._lasts, self._states) == (other._firsts, other._lasts, other._states)

    __hash__ = None  # type: ignore[assignment]

    @property
    def mark(self) -> int:
        """The highest number up to which every number is accounted for; 0 when number 1 is pending."""
        mark = 0
        for first, last in zip(self._firsts, self._lasts, strict=True):
            if first != mark + 1:
                break
            mark = last
        return mark

    @property
    def top(self) -> int:
        """The highest number with a state; 0 when there is none."""
        return self._lasts[-1] if self._lasts else 0

    def count(self, fate: Fate) -> int:
        """How many numbers count in this column; PENDING counts the gaps below `top`."""
        if fate is Fate.PENDING:
            return self.top - sum(entry.count for entry in self)
        return sum(entry.count for entry in self if entry.state.fate is fate)

    def pieces(self, first: int, last: int) -> list[StateRange]:
        """The numbers `first`..`last` cut where their state changes; gaps come as PENDING."""
        pieces: list[StateRange] = []
        position = first
        for index in range(self._start_of(first), bisect_left(self._firsts, last + 1)):
            if position < self._firsts[index]:
                pieces.append(StateRange(position, self._firsts[index] - 1, State.PENDING))
            stop = min(self._lasts[index], last)
            pieces.append(StateRange(max(self._firsts[index], position), stop, _STATES[self._states[index]]))
            position = stop + 1
        if position <= last:
            pieces.append(StateRange(position, last, State.PENDING))
        return pieces

    def set(self, first: int, last: int, state: State) -> list[StateRange]:
        """Move `first`..`last` to `state` where the table of states allows it; the ranges that moved, with their new state."""
        if self.append(first, last, state):
            return [StateRange(first, last, state)]
        moved = [StateRange(piece.first, piece.last, state) for piece in self.pieces(first, last) if may_move(piece.state, state)]
        for entry in moved:
            self._overwrite(entry)
        return moved

    def append(self, first: int, last: int, state: State) -> bool:
        """Move `first`..`last` to `state` when nothing at or above `first` has one: by far the most frequent change. False: use `set`."""
        if first <= self.top or state not in _FROM_PENDING:
            return False
        if self._lasts and self._lasts[-1] + 1 == first and self._states[-1] == state:
            self._lasts[-1] = last
        else:
            self._push(first, last, state)
        self._touch(self._firsts[-1])
        return True

    def lose(self, first: int, last: int) -> None:
        """What of `first`..`last` is PRESENT is LOST: its bytes are damaged here. No message of a peer does this, so no table allows it."""
        for piece in self.pieces(first, last):
            if piece.state is _PRESENT:
                self._overwrite(StateRange(piece.first, piece.last, State.LOST))

    def take_changes(self) -> tuple[tuple[int, ...], tuple[StateRange, ...]]:
        """What changed since the last call: first numbers of ranges that may be gone, and the ranges that are new or other than before.

        As long as the changes, however long the map is. A map fresh from `decode` or from ranges has none.
        """
        gone: list[int] = []
        put: list[StateRange] = []
        for first in sorted(self._touched or ()):
            index = bisect_left(self._firsts, first)
            if index < len(self._firsts) and self._firsts[index] == first:
                put.append(self._at(index))
            else:
                gone.append(first)
        self._touched = None
        return tuple(gone), tuple(put)

    def encode(self) -> bytes:
        """The ranges as bytes: first and last number (little-endian, 8 bytes each), state (1 byte)."""
        return b"".join(map(_RANGE.pack, self._firsts, self._lasts, self._states))

    @classmethod
    def decode(cls, data: bytes) -> RunMap:
        """The inverse of `encode`; raises ModelError when `data` is not a run map."""
        if len(data) % _RANGE.size:
            raise ModelError(f"run map of {len(data)} bytes refused: not a multiple of {_RANGE.size}")
        return cls.of(_RANGE.iter_unpack(data))

    @classmethod
    def of(cls, ranges: Iterable[tuple[int, int, int]]) -> RunMap:
        """The map of ranges (first, last, number of the state), ascending; raises ModelError when they are no run map."""
        run_map = cls()
        top = 0
        for first, last, state in ranges:
            if not top < first <= last <= NUMBER_MAX or state not in _STATES:
                raise ModelError(f"run map refused: range {first}..{last} of state {state} behind {top}")
            run_map._push(first, last, state)
            top = last
        return run_map

    def _at(self, index: int) -> StateRange:
        return StateRange(self._firsts[index], self._lasts[index], _STATES[self._states[index]])

    def _push(self, first: int, last: int, state: int) -> None:
        self._firsts.append(first)
        self._lasts.append(last)
        self._states.append(state)

    def _touch(self, first: int) -> None:
        if self._touched is None:
            self._touched = set()
        self._touched.add(first)

    def _start_of(self, first: int) -> int:
        start = bisect_left(self._firsts, first)
        if start > 0 and self._lasts[start - 1] >= first:
            start -= 1
        return start

    def _overwrite(self, new: StateRange) -> None:
        start, stop = self._start_of(new.first), bisect_left(self._firsts, new.last + 1)
        # One neighbour on each side comes along: it may be of the same state and then is one range with it.
        start, stop = max(0, start - 1), min(len(self._firsts), stop + 1)
        old = [self._at(index) for index in range(start, stop)]
        before = [entry for entry in old if entry.first < new.first]
        behind = [entry for entry in old if entry.last > new.last]
        parts = [StateRange(entry.first, min(entry.last, new.first - 1), entry.state) for entry in before]
        parts.append(new)
        parts += [StateRange(max(entry.first, new.last + 1), entry.last, entry.state) for entry in behind]
        self._replace(start, stop, old, _merged(parts))

    def _replace(self, start: int, stop: int, old: list[StateRange], parts: list[StateRange]) -> None:
        for entry in {*old} ^ {*parts}:
            self._touch(entry.first)
        self._firsts[start:stop] = array("q", [entry.first for entry in parts])
        self._lasts[start:stop] = array("q", [entry.last for entry in parts])
        self._states[start:stop] = bytes(entry.state for entry in parts)


_FROM_PENDING = MOVES[State.PENDING]


def _merged(parts: Iterable[StateRange]) -> list[StateRange]:
    merged: list[StateRange] = []
    for part in parts:
        if merged and merged[-1].last + 1 == part.first and merged[-1].state is part.state:
            merged[-1] = StateRange(merged[-1].first, part.last, part.state)
        else:
            merged.append(part)
    return merged
