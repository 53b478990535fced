"""Whom a parent lets begin a link, and when the others may try again: a token bucket whose tokens can be promised.

A refused child is given a moment at which a token will be its own, so that five hundred children of a restarted parent come one after
the other instead of all at once, again and again. Generic cell rate algorithm (ITU-T I.371), one reservation per child; a child that
asks too often waits for a bucket of its own. Pure; called by the link server through node/links/admission.py, before anything of the
child's is verified.
"""

from __future__ import annotations

from sync.core.pacing import TokenBucket
from sync.model import Instant

PER_S = 20.0
"""Links a parent lets begin in a second."""
BURST = 20
"""Links it lets begin at once after a quiet time."""
SHAKING_MAX = 64
"""Handshakes in progress."""
RETRY_S_MAX = 30.0
"""The longest wait a child is told; beyond it nothing is promised."""
RETRY_BUSY_S = 1.0
"""What a child is told while too many handshakes are in progress."""
PROMISE_S = 10.0
"""How long a promised token is kept for a child that is late."""
CHILD_PER_S = 1.0
CHILD_BURST = 6.0
"""How often one child may ask: a child whose link breaks at once must not use up what the others need."""
CHILDREN_MAX = 8_192
"""Children remembered; the one that asked longest ago is forgotten first."""


class Admission:
    """Tokens for the beginnings of links."""

    def __init__(self, *, per_s: float = PER_S, burst: int = BURST, shaking_max: int = SHAKING_MAX) -> None:
        self._step_s = 1.0 / per_s
        self._burst_s = (burst - 1) / per_s
        self._shaking_max = shaking_max
        self._next: Instant | None = None
        """When the next token comes, were there no burst."""
        self._promised: dict[bytes, Instant] = {}
        self._children: dict[bytes, TokenBucket] = {}

    def ask(self, child: bytes, now: Instant, *, shaking: int) -> float:
        """0 when `child` may begin now, beside `shaking` handshakes in progress; else the seconds after which it may ask again."""
        own_wait_s = self._own_wait_s(child, now)
        if own_wait_s:
            return own_wait_s
        if shaking >= self._shaking_max:
            return RETRY_BUSY_S
        promise = self._promised.get(child)
        if promise is not None and now.seconds_since(promise) <= PROMISE_S:
            return self._redeem(child, promise, now)
        return self._reserve(child, now)

    def _redeem(self, child: bytes, promise: Instant, now: Instant) -> float:
        if now < promise:
            return promise.seconds_since(now)
        del self._promised[child]
        return 0.0

    def _reserve(self, child: bytes, now: Instant) -> float:
        free = now if self._next is None else max(self._next, now)
        begins = free.plus(-self._burst_s)
        wait_s = max(0.0, begins.seconds_since(now))
        if wait_s > RETRY_S_MAX:
            return RETRY_S_MAX
        self._next = free.plus(self._step_s)
        self._promised.pop(child, None)
        if wait_s:
            self._promised[child] = begins
            _forget_oldest(self._promised)
        return wait_s

    def _own_wait_s(self, child: bytes, now: Instant) -> float:
        bucket = self._children.pop(child, None) or TokenBucket(per_s=CHILD_PER_S, burst=CHILD_BURST)
        self._children[child] = bucket
        _forget_oldest(self._children)
        wait_s = bucket.wait_s(1.0, now)
        if not wait_s:
            bucket.take(1.0, now)
        return wait_s


def _forget_oldest(table: dict[bytes, Instant] | dict[bytes, TokenBucket]) -> None:
    if len(table) > CHILDREN_MAX:
        del table[next(iter(table))]
