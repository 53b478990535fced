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
from typing import NamedTuple

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


class Segment(NamedTuple):
    """A stretch of payload rows that one decision covers; `stop` is exclusive. Scattered decisions make thousands: a tuple is cheapest."""

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
            _split_run(run, segments, starts, removed_before, decider, out)
        else:
            out.append(run)
    return tuple(out)


def _removed_before(segments: Sequence[Segment]) -> list[int]:
    removed, totals = 0, []
    for start, stop, state, _ in segments:
        totals.append(removed)
        if state is not _PRESENT:
            removed += stop - start
    return totals


def _split_run(run: Run, segments: Sequence[Segment], starts: list[int], removed: list[int], decider: str, out: list[Run]) -> None:
    origin, incarnation, at, clock = run.origin, run.incarnation, run.at, run.clock
    row, end = run.row_offset, run.row_offset + run.count
    ahead = run.first - row  # from the place of a row to its number
    begin, stop = bisect_left(starts, row + 1) - 1, bisect_left(starts, end)
    edges = [row, *starts[begin + 1 : stop], end]
    out.extend([
        Run(origin, incarnation, first + ahead, upto + ahead - 1, first - gone, run.state, run.reason, run.decider, at, clock)
        if part[2] is _PRESENT
        else Run(origin, incarnation, first + ahead, upto + ahead - 1, NO_ROWS, part[2], part[3], decider, at, clock)
        for first, upto, part, gone in zip(edges, edges[1:], segments[begin:stop], removed[begin:stop], strict=False)
    ])  # fmt: skip


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


def merged_ranges(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges (first, last) in ascending order, those that touch or overlap as one."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


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

    def set(self, first: int, last: int, state: State, *, is_backfill: bool = False) -> list[StateRange]:
        """Move `first`..`last` to `state` where the table of states allows it; the ranges that moved, with their new state."""
        if self.append(first, last, state):
            return [StateRange(first, last, state)]
        return self._move([(first, last)], state, (_REGAINED_LEAVES if is_backfill else _LEAVES)[state])

    def set_all(self, ranges: Sequence[tuple[int, int]], state: State) -> list[StateRange]:
        """`set` for many ranges (first, last) at once, in any order: what lies between lowest and highest is walked through once."""
        return self._move(merged_ranges(ranges), state, _LEAVES[state]) if ranges else []

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
        self._move([(first, last)], State.LOST, _PRESENT_ALONE)

    def take_changes(self) -> tuple[tuple[int, ...], tuple[StateRange, ...]]:
        """What changed since the last call: first numbers of ranges that may be gone, and the ranges that are new or other than before.

        As long as the changes, however long the map is. A map fresh from `decode` or from ranges has none.
        """
        gone: list[int] = []
        put: list[StateRange] = []
        index = 0
        for first in sorted(self._touched or ()):
            index = bisect_left(self._firsts, first, index)
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

    def _touch(self, *firsts: int) -> None:
        if self._touched is None:
            self._touched = set()
        self._touched.update(firsts)

    def _start_of(self, first: int) -> int:
        start = bisect_left(self._firsts, first)
        if start > 0 and self._lasts[start - 1] >= first:
            start -= 1
        return start

    def _move(self, ranges: Sequence[tuple[int, int]], state: State, leaves: frozenset[int]) -> list[StateRange]:
        """Put what is in one of the states `leaves` within `ranges` in `state`; the ranges that moved."""
        around = self._start_of(ranges[0][0])
        if self._is_inside(around, ranges) and self._states[around] in leaves:
            self._carve(around, ranges, int(state))
            return [StateRange(first, last, state) for first, last in ranges]
        # One neighbour on each side comes along: it may be of the same state and then is one range with it.
        start = max(0, around - 1)
        stop = min(len(self._firsts), bisect_left(self._firsts, ranges[-1][1] + 1) + 1)
        old = list(zip(self._firsts[start:stop], self._lasts[start:stop], self._states[start:stop], strict=True))
        sweep = _Sweep(old, int(state), leaves)
        for first, last in ranges:
            sweep.move(first, last)
        if sweep.moved:
            self._replace(start, stop, old, sweep.finished())
        return [StateRange(first, last, state) for first, last in sweep.moved]

    def _is_inside(self, index: int, ranges: Sequence[tuple[int, int]]) -> bool:
        """True when all of `ranges` lie within the range at `index` and leave something of it at both ends."""
        return index < len(self._firsts) and self._firsts[index] < ranges[0][0] and ranges[-1][1] < self._lasts[index]

    def _carve(self, index: int, ranges: Sequence[tuple[int, int]], state: int) -> None:
        """Put `ranges` in `state`, which neither touch nor overlap and lie within the range at `index`: what is between them stays."""
        edges = [edge for first, last in ranges for edge in (first, last + 1)]
        was, end = self._states[index], self._lasts[index]
        self._touch(self._firsts[index], *edges)
        self._firsts[index + 1 : index + 1] = array("q", edges)
        self._lasts[index : index + 1] = array("q", [*[edge - 1 for edge in edges], end])
        self._states[index + 1 : index + 1] = bytes([state, was]) * len(ranges)

    def _replace(self, start: int, stop: int, old: list[_Part], parts: list[_Part]) -> None:
        for first, _, _ in {*old} ^ {*parts}:
            self._touch(first)
        self._firsts[start:stop] = array("q", [first for first, _, _ in parts])
        self._lasts[start:stop] = array("q", [last for _, last, _ in parts])
        self._states[start:stop] = bytes([state for _, _, state in parts])


_Part = tuple[int, int, int]
"""A range as plain numbers: first, last, state."""


class _Sweep:
    """One walk over ranges of a map, from the lowest up, that moves stretches of numbers to another state on its way."""

    def __init__(self, old: list[_Part], state: int, leaves: frozenset[int]) -> None:
        self._rest = iter(old)
        self._next: _Part | None = next(self._rest, None)
        self._state = state
        self._leaves = leaves
        self._parts: list[_Part] = []
        self.moved: list[tuple[int, int]] = []

    def move(self, first: int, last: int) -> None:
        """Move `first`..`last`, which lies above all that was moved before."""
        while self._next is not None and self._next[1] < first:
            self._pass(self._next[1])
        if self._next is not None and self._next[0] < first:
            self._pass(first - 1)
        position = first
        while position <= last:
            position = self._step(position, last) + 1

    def finished(self) -> list[_Part]:
        """The ranges as they are now, neighbours of one state merged."""
        while self._next is not None:
            self._pass(self._next[1])
        return self._parts

    def _step(self, position: int, last: int) -> int:
        """Move what begins at `position` up to where the state changes; its end."""
        if self._next is None or position < self._next[0]:
            end = last if self._next is None else min(last, self._next[0] - 1)
            if State.PENDING in self._leaves:
                self._push(position, end, self._state)
                self.moved.append((position, end))
            return end
        end = min(last, self._next[1])
        if self._next[2] in self._leaves:
            self.moved.append((position, end))
            self._pass(end, self._state)
        else:
            self._pass(end)
        return end

    def _pass(self, end: int, state: int | None = None) -> None:
        """Take the next range up to `end` as it is, or in another state."""
        assert self._next is not None, "there is a range to take from"
        first, last, was = self._next
        self._push(first, end, was if state is None else state)
        self._next = (end + 1, last, was) if end < last else next(self._rest, None)

    def _push(self, first: int, last: int, state: int) -> None:
        parts = self._parts
        if parts and parts[-1][1] + 1 == first and parts[-1][2] == state:
            parts[-1] = (parts[-1][0], last, state)
        else:
            parts.append((first, last, state))


_FROM_PENDING = MOVES[State.PENDING]
_LEAVES = {state: frozenset(int(old) for old, new in MOVES.items() if state in new) for state in State}
"""The states that a number may leave for another."""
_REGAINED_LEAVES = {state: frozenset(int(old) for old in State if may_move(old, state, is_backfill=True)) for state in State}
"""The same for what a marked backfill brings."""
_PRESENT_ALONE = frozenset({int(_PRESENT)})
