"""One link as the engine sees it: the peer, a window, an outbox and an inbox."""

from __future__ import annotations

from dataclasses import dataclass, field

from sync.core.inbox import Inbox
from sync.core.outbox import Outbox
from sync.core.ready import PeerFacts
from sync.core.window import Window
from sync.model import Direction, Frame, Instant, Lane


@dataclass(slots=True)
class Link:
    """A session with one peer. Upward data flows one way, returned data the other."""

    peer: PeerFacts
    window: Window
    outbox: Outbox
    inbox: Inbox
    verifying: dict[int, Frame] = field(default_factory=dict)
    """Frames of this peer that an InboundJob is out for, by job id, in arrival order."""
    acks_due: set[Lane] = field(default_factory=set)
    requeue_due: bool = False
    """True when the policy moved and held records may pass now."""
    is_requeueing: bool = False

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
