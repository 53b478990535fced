"""One link as the engine sees it: the peer, a window, an outbox and an inbox."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sync.core.inbox import Inbox
from sync.core.outbox import Outbox
from sync.core.ready import InboundResult, PeerFacts
from sync.core.window import Window
from sync.model import Direction, Frame, Instant, Lane


@dataclass(slots=True)
class Verifying:
    """A frame that an InboundJob is out for, with its result while the frames before it have none yet."""

    job: int
    frame: Frame
    outcome: InboundResult | None = None
    told: int = 0
    """How often this node had been told where nodes stand when the job went out."""


@dataclass(slots=True)
class Link:
    """A session with one peer. Upward data flows one way, returned data the other."""

    peer: PeerFacts
    window: Window
    outbox: Outbox
    inbox: Inbox
    verifying: dict[Lane, deque[Verifying]] = field(default_factory=dict)
    """By lane, frames of this peer on their way through verification, in arrival order: they are stored in no other. No deque is empty."""
    doubted_since: dict[Lane, Instant] = field(default_factory=dict)
    """By lane: when the first span of `verifying` was found to speak of nodes that stand elsewhere."""
    liars: set[str] = field(default_factory=set)
    """Reasons for which frames were refused after a doubt: the next frame of that kind is not waited for."""
    acks_due: set[Lane] = field(default_factory=set)
    requeue_due: bool = False
    """True when the policy moved and held records may pass now."""
    is_requeueing: bool = False

    @property
    def verifying_count(self) -> int:
        """Frames on their way through verification."""
        return sum(map(len, self.verifying.values()))

    @property
    def out_direction(self) -> Direction:
        """Which way this node's data flows on the link."""
        return self.outbox.direction

    @property
    def in_direction(self) -> Direction:
        """Which way the peer's data flows on the link."""
        return self.inbox.direction


def next_wake(moments: list[Instant | None]) -> Instant | None:
    """The earliest of the moments that are not None."""
    return min((moment for moment in moments if moment is not None), default=None)
