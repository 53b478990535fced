"""Which events of workers were delivered, and which of them are committed, so that none is delivered twice or acknowledged too early.

Pure. Called by node/cameras/supervisor.py.
"""

from __future__ import annotations

from enum import Enum

from edge_ai.wire.events import Ack
from sync.model import Instant

DELIVERED_MAX = 10_000
"""Events remembered as delivered or acknowledged, so that a resent one is not delivered twice."""
DELIVER_AGAIN_S = 30.0
"""Seconds without ack after which a resent event is delivered again: whoever had it could not commit it."""


class Verdict(Enum):
    """What to do with an event that a worker sent."""

    DELIVER = "deliver"
    WAIT = "wait"
    ACKNOWLEDGE = "acknowledge"


class Deliveries:
    """Which events were delivered, and which of them are committed."""

    def __init__(self) -> None:
        self._since: dict[Ack, Instant | None] = {}
        """When each was delivered; None once it is acknowledged. Oldest first."""

    def arrived(self, key: Ack, now: Instant) -> Verdict:
        """Judge an arrival; DELIVER also notes the delivery."""
        if key in self._since:
            delivered_at = self._since[key]
            if delivered_at is None:
                return Verdict.ACKNOWLEDGE
            if now.seconds_since(delivered_at) < DELIVER_AGAIN_S:
                return Verdict.WAIT
        self._note(key, now)
        return Verdict.DELIVER

    def acknowledged(self, key: Ack) -> None:
        """The event is committed."""
        self._note(key, None)

    def _note(self, key: Ack, since: Instant | None) -> None:
        self._since.pop(key, None)
        self._since[key] = since
        while len(self._since) > DELIVERED_MAX:
            self._since.pop(next(iter(self._since)))
