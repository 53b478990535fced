"""The simulated network: sessions of two ordered streams each way, with delay, loss, a rate, and partitions that may be one-way.

A lost message leaves a gap that the engine must notice. A partition holds nothing back: what is sent into it is gone, and only silence
tells. On a link with a rate the urgent connection goes first; the rest waits for what it leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulations.clock import WorldClock
from simulations.tampering import Sent, Tamper
from simulations.versions import Version, as_version
from sync.model import MICROSECONDS

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
    rates: dict[tuple[str, str], int] = field(default_factory=dict)
    """Bytes a second from one node to another; no entry: as many as there are."""
    delays: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Shortest and longest delay from one node to another, microseconds; no entry: those of the whole network."""
    losses: dict[tuple[str, str], float] = field(default_factory=dict)
    """Chance that a message from one node to another vanishes, beside that of the whole network."""
    versions: dict[tuple[str, str], Version] = field(default_factory=dict)
    """(from, to) pairs on which the sender speaks another version."""
    tampers: dict[tuple[str, str], Tamper] = field(default_factory=dict)
    """(from, to) pairs on which what arrives is not only what was sent."""


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
    bytes_sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (from, to), what was lost included."""
    _last: dict[tuple[int, str, bool], int] = field(default_factory=dict)
    _free: dict[tuple[str, str, bool], int] = field(default_factory=dict)
    """When a link with a rate has passed everything on, for urgent messages and for all."""

    def can_reach(self, one: str, other: str) -> bool:
        """True when neither direction between the two is cut."""
        return not {(one, other), (other, one)} & self.faults.cut

    def send(self, session: Session, source: str, data: bytes, *, urgent: bool) -> None:
        """Put a message on its way to the other end of `session`."""
        version = self.faults.versions.get((source, session.other(source)))
        tamper = self.faults.tampers.get((source, session.other(source)))
        for message in [data] if version is None else as_version(data, version):
            sent = Sent(session, message, urgent)
            for arriving in [sent] if tamper is None else tamper.arrives(sent):
                self._send(arriving.session, source, arriving.data, urgent=arriving.urgent)

    def _send(self, session: Session, source: str, data: bytes, *, urgent: bool) -> None:
        self.sent += 1
        target = session.other(source)
        self.bytes_sent[source, target] += len(data)
        chance = self.faults.loss + self.faults.losses.get((source, target), 0.0)
        if (source, target) in self.faults.cut or self.rng.random() < chance:
            self.lost += 1
            self._wound(session)
            return
        copies = 2 if self.rng.random() < self.faults.repeat else 1
        for _ in range(copies):
            self.at(self._arrival(session, source, len(data), urgent=urgent), lambda: session.deliver(target, data))

    def _wound(self, session: Session) -> None:
        if not session.is_wounded:
            session.is_wounded = True
            self.at(self.clock.us + self.rng.randint(WOUND_US_MIN, WOUND_US_MAX), lambda: self.give_up(session))

    def _arrival(self, session: Session, source: str, size: int, *, urgent: bool) -> int:
        # Within one stream the order is kept, as TCP does.
        key = (session.id, source, urgent)
        usual = (self.faults.delay_us_min, self.faults.delay_us_max)
        delay = self.rng.randint(*self.faults.delays.get((source, session.other(source)), usual))
        moment = max(self._passed(source, session.other(source), size, urgent=urgent) + delay, self._last.get(key, 0) + 1)
        self._last[key] = moment
        return moment

    def _passed(self, source: str, target: str, size: int, *, urgent: bool) -> int:
        """When the link's rate has let a message through."""
        rate = self.faults.rates.get((source, target))
        if rate is None:
            return self.clock.us
        takes = size * MICROSECONDS // rate
        key = (source, target, urgent)
        self._free[key] = max(self.clock.us, self._free.get(key, 0)) + takes
        if urgent:
            rest = (source, target, False)
            self._free[rest] = max(self.clock.us, self._free.get(rest, 0)) + takes
        return self._free[key]


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
