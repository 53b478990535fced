"""The states of a sequence number at one hop and the moves between them: the one table of the accounting promise.

At every hop and stream, always: produced = delivered + withheld + expired + lost + pending.

HANDED_OVER stands for a record that a node with a new parent does not send again, because the old parent had it and its own parent has
it too. It is another hop's word, so any word of a record's own way (withheld, expired, lost) replaces it, and it replaces nothing: a
state that hides a loss would be worse than none. docs/replication.md has the whole table.
"""

from __future__ import annotations

from enum import Enum, IntEnum


class Fate(Enum):
    """The five columns of the accounting equation."""

    DELIVERED = "delivered"
    WITHHELD = "withheld"
    EXPIRED = "expired"
    LOST = "lost"
    PENDING = "pending"


class State(IntEnum):
    """What became of one sequence number; the number is stored in journals and on the wire and never reused."""

    PENDING = 0
    PRESENT = 1
    RECALLED = 2
    HANDED_OVER = 3
    DENIED = 10
    AGGREGATE_ONLY = 11
    HELD = 12
    QUARANTINED = 13
    RETENTION = 20
    SHED = 21
    SUPERSEDED = 22
    LOST = 30

    @property
    def fate(self) -> Fate:
        """The column of the accounting equation this state counts in."""
        return FATES[self]

    @property
    def has_rows(self) -> bool:
        """True when the receiver holds the record itself."""
        return self is State.PRESENT


FATES: dict[State, Fate] = {
    State.PENDING: Fate.PENDING,
    State.PRESENT: Fate.DELIVERED,
    State.RECALLED: Fate.DELIVERED,
    State.HANDED_OVER: Fate.DELIVERED,
    State.DENIED: Fate.WITHHELD,
    State.AGGREGATE_ONLY: Fate.WITHHELD,
    State.HELD: Fate.WITHHELD,
    State.QUARANTINED: Fate.WITHHELD,
    State.RETENTION: Fate.EXPIRED,
    State.SHED: Fate.EXPIRED,
    State.SUPERSEDED: Fate.EXPIRED,
    State.LOST: Fate.LOST,
}

_WITHHELD = frozenset(state for state, fate in FATES.items() if fate is Fate.WITHHELD)
_EXPIRED = frozenset(state for state, fate in FATES.items() if fate is Fate.EXPIRED)

MOVES: dict[State, frozenset[State]] = {
    State.PENDING: frozenset(State) - {State.PENDING, State.RECALLED},
    State.PRESENT: frozenset({State.RECALLED}),
    State.RECALLED: frozenset(),
    State.HANDED_OVER: frozenset({State.PRESENT, State.RECALLED, State.LOST}) | _WITHHELD | _EXPIRED,
    **{state: (_WITHHELD - {state}) | _EXPIRED | {State.PRESENT} for state in _WITHHELD},
    # What one holder let go may come from another: a parent rebuilt from its children gets it from above.
    State.RETENTION: frozenset({State.PRESENT}),
    State.SHED: frozenset({State.PRESENT}),
    State.SUPERSEDED: frozenset(),
    State.LOST: frozenset({State.PRESENT}) | _WITHHELD,
}
"""Allowed moves. What is present is a duplicate; withheld may become delivered or expired; lost and let go may be found again."""

REGAINED_MOVES: dict[State, frozenset[State]] = {State.RECALLED: frozenset({State.PRESENT})}
"""What a marked backfill moves besides: a record whose recall is over comes again. Its number counted as delivered all the while, on every
hop, so no account changes. Live frames, and copies from before the recall, carry no such mark and move nothing."""


def may_move(old: State, new: State, *, is_backfill: bool = False) -> bool:
    """True when a sequence number in state `old` may come to be in state `new`, by a frame or batch that is marked backfill or is not."""
    return new in MOVES[old] or (is_backfill and new in REGAINED_MOVES.get(old, ()))
