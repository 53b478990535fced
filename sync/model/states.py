"""The states of a sequence number at one hop and the moves between them: the one table of the accounting promise.

At every hop and stream, always: produced = delivered + withheld + expired + lost + pending.
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
    **{state: (_WITHHELD - {state}) | _EXPIRED | {State.PRESENT} for state in _WITHHELD},
    **{state: frozenset() for state in _EXPIRED},
    State.LOST: frozenset({State.PRESENT}) | _WITHHELD,
}
"""Allowed moves. Only delivered is a duplicate; withheld may become delivered or expired; lost may be found again."""


def may_move(old: State, new: State) -> bool:
    """True when a sequence number in state `old` may come to be in state `new`."""
    return new in MOVES[old]
