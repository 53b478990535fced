"""The states of an incident, and which step leads from where to where: one table.

A state is a word in a row of `incidents`; the newest row by hybrid time counts, whichever node made it. Words of other programs are
kept as they came: `closed` and `cancelled` end an incident, any other leaves it open. Called by the modules of this room and by
node/evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

OPEN, ACKNOWLEDGED, RESOLVED, DISMISSED, EXPIRED = "open", "acknowledged", "resolved", "dismissed", "expired"
CLOSED_STATES = frozenset({RESOLVED, DISMISSED, EXPIRED, "closed", "cancelled"})
"""States in which nobody has to do anything any more; the originals of such an incident may go."""


class Step(StrEnum):
    """What may be said about an incident."""

    ACKNOWLEDGE = "acknowledge"
    """Somebody looks after it."""
    RESOLVE = "resolve"
    """It was real, and it is dealt with."""
    DISMISS = "dismiss"
    """A false alarm."""
    REOPEN = "reopen"
    """It was closed too early."""
    EXPIRE = "expire"
    """Its event has ended and nobody touched it for long; said by the node that opened it, never by a person."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where a step leads."""

    to: str
    from_open: bool
    """True where an incident in any open state takes it."""
    from_closed: bool
    """True where one in another closed state takes it: who mistook an alarm may say so later."""


MOVES: Mapping[Step, Move] = {
    Step.ACKNOWLEDGE: Move(ACKNOWLEDGED, from_open=True, from_closed=False),
    Step.RESOLVE: Move(RESOLVED, from_open=True, from_closed=True),
    Step.DISMISS: Move(DISMISSED, from_open=True, from_closed=True),
    Step.REOPEN: Move(OPEN, from_open=False, from_closed=True),
    Step.EXPIRE: Move(EXPIRED, from_open=True, from_closed=False),
}
PERSONS_STEPS = tuple(step for step in Step if step is not Step.EXPIRE)


def is_closed(state: str) -> bool:
    """True for a state after which nobody has to do anything."""
    return state in CLOSED_STATES


def takes(state: str, step: Step) -> bool:
    """True when an incident in `state` takes the step."""
    move = MOVES[step]
    return state != move.to and (move.from_closed if is_closed(state) else move.from_open)


def has_ended_unseen(state: str, seen: str) -> bool:
    """True when somebody ended an incident that whoever speaks from above saw in another state."""
    return is_closed(state) and state not in (seen, EXPIRED)


class Verdict(StrEnum):
    """What a person said of an alarm."""

    NONE = ""
    TRUE = "true"
    FALSE = "false"


VERDICT_OF_STEP: Mapping[Step, Verdict] = {Step.RESOLVE: Verdict.TRUE, Step.DISMISS: Verdict.FALSE, Step.REOPEN: Verdict.NONE}
"""What a step says of the event behind it; a state between says nothing."""
