"""What became of the numbers of one stream on one hop, folded over many decisions at once.

A *tape* collects the decisions in their order as plain columns; `fold` cuts the numbers where anything changes and applies the table of
states to whole columns, because a stream whose every second record is withheld has as many decisions as records. Pure.
Called by node/store/flows.py.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sync.model import Fate, State, Stream, may_move
from sync.model.states import FATES

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
States = npt.NDArray[np.uint8]

CLOSED = 1 << 15
"""Bit of a decision's word: it was closed here, so the peer was told nothing."""

_STATES = 1 << 8


def _moves() -> Flags:
    table = np.zeros((_STATES, _STATES), np.bool_)
    for old in State:
        for new in State:
            table[old, new] = may_move(old, new)
    return table


_MAY_MOVE = _moves()
FATE_OF = np.zeros(_STATES, np.uint8)
"""Fate by state, as the index into FATE_ORDER."""
FATE_ORDER = (Fate.PENDING, Fate.DELIVERED, Fate.WITHHELD, Fate.EXPIRED, Fate.LOST)
for _state, _fate in FATES.items():
    FATE_OF[_state] = FATE_ORDER.index(_fate)


@dataclass(slots=True)
class Tape:
    """Decisions of one kind in their order; neighbours that say the same are one."""

    first: array[int] = field(default_factory=lambda: array("q"))
    last: array[int] = field(default_factory=lambda: array("q"))
    state: array[int] = field(default_factory=lambda: array("B"))
    word: array[int] = field(default_factory=lambda: array("H"))
    """Index of the reason, and CLOSED."""
    mark: array[int] = field(default_factory=lambda: array("q"))
    """What else tells decisions apart: 0 for rows that left as they are here, the ledger row that sums rewritten ones, -1 for unknown."""

    def add(self, first: int, last: int, state: int, word: int = 0, mark: int = 0) -> None:
        """Append a decision about `first`..`last`."""
        ends = self.last
        if ends and ends[-1] + 1 == first and self.state[-1] == state and self.word[-1] == word and self.mark[-1] == mark:
            ends[-1] = last
            return
        self.first.append(first)
        ends.append(last)
        self.state.append(state)
        self.word.append(word)
        self.mark.append(mark)

    def bounds(self) -> tuple[Numbers, Numbers]:
        """First numbers, and the numbers after the last ones."""
        return np.array(self.first, np.int64), np.array(self.last, np.int64) + 1


@dataclass(frozen=True, slots=True)
class Account:
    """One stream on one hop: stretches of numbers of which everything is the same, ascending, without gaps between them."""

    stream: Stream
    start: Numbers
    stop: Numbers
    """Exclusive."""
    is_made: Flags
    """A batch that counts here holds the number."""
    is_waiting: Flags
    """That batch lies above what the peer has acknowledged."""
    state: States
    word: npt.NDArray[np.uint16]
    mark: Numbers
    reasons: tuple[str, ...]
    """By the index in `word`."""

    @property
    def fate(self) -> States:
        """Index into FATE_ORDER of each stretch."""
        return FATE_OF[self.state]

    @property
    def is_closed(self) -> Flags:
        """The peer was told nothing about the number."""
        closed: Flags = (self.word & CLOSED) != 0
        return closed

    def count(self, fate: Fate) -> int:
        """Numbers in one column of the equation; PENDING are those that wait and have no other fate."""
        chosen = self.fate == FATE_ORDER.index(fate)
        if fate is Fate.PENDING:
            chosen &= self.is_waiting
        return int((self.stop - self.start)[chosen].sum())

    @property
    def produced(self) -> int:
        """Numbers made."""
        return int((self.stop - self.start)[self.is_made].sum())

    def counted_reasons(self) -> dict[str, int]:
        """Numbers by the reason they were withheld, expired or lost."""
        counts: dict[str, int] = {}
        told = (self.state != State.PENDING) & (self.state != State.PRESENT)
        for index in np.unique(self.word[told] & ~np.uint16(CLOSED)):
            chosen = told & ((self.word & ~np.uint16(CLOSED)) == index)
            counts[self.reasons[index]] = int((self.stop - self.start)[chosen].sum())
        return counts

    def first_gap(self) -> int | None:
        """The first number that was made, does not wait, and of which nothing is known, or that is known and was never made."""
        is_known = self.state != State.PENDING
        wrong = (self.is_made & ~self.is_waiting & ~is_known) | (is_known & ~self.is_made)
        return int(self.start[np.argmax(wrong)]) if wrong.any() else None


def fold(stream: Stream, made: Tape, decided: Tape, reasons: tuple[str, ...]) -> Account:
    """The account of a stream. `made` marks batches above the peer's mark with PENDING, others with PRESENT."""
    edges = np.unique(np.concatenate((*made.bounds(), *decided.bounds())))
    size = max(0, len(edges) - 1)
    account = Account(
        stream,
        edges[:-1],
        edges[1:],
        np.zeros(size, np.bool_),
        np.zeros(size, np.bool_),
        np.zeros(size, np.uint8),
        np.zeros(size, np.uint16),
        np.zeros(size, np.int64),
        reasons,
    )
    for places, states, _, _ in _waves(made, edges):
        account.is_made[places] = True
        account.is_waiting[places] |= states == State.PENDING
    for places, states, words, marks in _waves(decided, edges):
        old = account.state[places]
        moves = _MAY_MOVE[old, states] | ((old == states) & (states != State.PRESENT))
        chosen = places[moves]
        account.state[chosen], account.word[chosen], account.mark[chosen] = states[moves], words[moves], marks[moves]
    return account


def _waves(tape: Tape, edges: Numbers) -> Iterator[tuple[Numbers, States, npt.NDArray[np.uint16], Numbers]]:
    """The decisions as stretches between `edges`, in order, in groups in which no number comes twice."""
    first, stop = tape.bounds()
    if not len(first):
        return
    low, high = np.searchsorted(edges, first), np.searchsorted(edges, stop)
    states, words, marks = np.array(tape.state, np.uint8), np.array(tape.word, np.uint16), np.array(tape.mark, np.int64)
    breaks = np.flatnonzero(first[1:] < stop[:-1]) + 1
    for begin, end in zip((0, *breaks.tolist()), (*breaks.tolist(), len(first)), strict=True):
        sizes = high[begin:end] - low[begin:end]
        offsets = np.repeat(low[begin:end] - (np.cumsum(sizes) - sizes), sizes)
        places = offsets + np.arange(int(sizes.sum()))
        chosen = slice(begin, end)
        yield places, np.repeat(states[chosen], sizes), np.repeat(words[chosen], sizes), np.repeat(marks[chosen], sizes)
