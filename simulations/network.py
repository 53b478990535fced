"""The simulated network: sessions of two ordered streams each way, with delay, loss, and partitions that may be one-way.

A lost message leaves a gap that the engine must notice. A partition holds nothing back: what is sent into it is gone, and only silence
tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulations.clock import WorldClock

Deliver = Callable[[bytes], None]

WOUND_US_MIN = 200_000
WOUND_US_MAX = 10_000_000
"""How long after a loss the transport gives a session up, in microseconds."""


@dataclass(slots=True)
class NetworkFaults:
    """What the network does at the moment."""

    loss: float = 0.0
    """Chance that a message vanishes."""
    repeat: float = 0.0
    """Chance that a message arrives twice."""
    delay_us_min: int = 200
    delay_us_max: int = 3_000
    cut: set[tuple[str, str]] = field(default_factory=set)
    """(from, to) pairs that nothing passes."""


@dataclass(slots=True)
class Network:
    """Delivers messages between nodes in the world's time; `at` schedules."""

    clock: WorldClock
    rng: Random
    at: Callable[[int, Callable[[], None]], None]
    give_up: Callable[[Session], None]
    """End a session that lost something."""
    faults: NetworkFaults = field(default_factory=NetworkFaults)
    sent: int = 0
    lost: int = 0
    _last: dict[tuple[int, str, bool], int] = field(default_factory=dict)

    def can_reach(self, one: str, other: str) -> bool:
        """True when neither direction between the two is cut."""
        return not {(one, other), (other, one)} & self.faults.cut

    def send(self, session: Session, source: str, data: bytes, *, urgent: bool) -> None:
        """Put a message on its way to the other end of `session`."""
        self.sent += 1
        target = session.other(source)
        if (source, target) in self.faults.cut or self.rng.random() < self.faults.loss:
            self.lost += 1
            self._wound(session)
            return
        copies = 2 if self.rng.random() < self.faults.repeat else 1
        for _ in range(copies):
            self.at(self._arrival(session, source, urgent=urgent), lambda: session.deliver(target, data))

    def _wound(self, session: Session) -> None:
        if not session.is_wounded:
            session.is_wounded = True
            self.at(self.clock.us + self.rng.randint(WOUND_US_MIN, WOUND_US_MAX), lambda: self.give_up(session))

    def _arrival(self, session: Session, source: str, *, urgent: bool) -> int:
        # Within one stream the order is kept, as TCP does.
        key = (session.id, source, urgent)
        delay = self.rng.randint(self.faults.delay_us_min, self.faults.delay_us_max)
        moment = max(self.clock.us + delay, self._last.get(key, 0) + 1)
        self._last[key] = moment
        return moment


@dataclass(slots=True)
class Session:
    """A connection between a child and its parent."""

    id: int
    child: str
    parent: str
    receivers: dict[str, Deliver] = field(default_factory=dict)
    is_wounded: bool = False
    """True once it lost something: the transport will end it."""

    def other(self, end: str) -> str:
        """The far end."""
        return self.parent if end == self.child else self.child

    def deliver(self, target: str, data: bytes) -> None:
        """Hand a message to an end that is still there."""
        if target in self.receivers:
            self.receivers[target](data)
