"""What a wire may do to messages beyond losing them: a byte of a frame arrives wrong, or an old message arrives again.

A flipped byte is put where the product has a word of its own about it: the payload and the signed header of a frame. That the rest of a
message arrives as it was sent is the transport's promise (TLS), and so it is with messages of another session. An old heartbeat is not
brought again: it would be answered by the next one. Called by simulations/network.py on links on which such a fault is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol

from sync.wire import yunnao_pb2 as pb

if TYPE_CHECKING:
    from simulations.network import Session

OLD_MAX = 64
"""Messages of a link that may come again."""
NEVER_AGAIN = frozenset({"heartbeat"})


@dataclass(frozen=True, slots=True)
class Sent:
    """One message of a session."""

    session: Session
    data: bytes
    urgent: bool


class Tamper(Protocol):
    """A fault of one direction of a link."""

    def arrives(self, sent: Sent) -> list[Sent]:
        """What arrives, in this order, when `sent` is sent."""


@dataclass(slots=True)
class Garbler:
    """Flips one byte of some frames."""

    rng: Random
    share: float
    """Part of the frames."""
    garbled: int = 0

    def arrives(self, sent: Sent) -> list[Sent]:
        """The message, perhaps with a wrong byte."""
        envelope = pb.Envelope.FromString(sent.data)
        if envelope.WhichOneof("body") != "data" or self.rng.random() >= self.share:
            return [sent]
        self.garbled += 1
        if envelope.data.payload and self.rng.random() < 0.5:
            envelope.data.payload = flipped(envelope.data.payload, self.rng)
        else:
            envelope.data.header = flipped(envelope.data.header, self.rng)
        return [Sent(sent.session, envelope.SerializeToString(deterministic=True), sent.urgent)]


@dataclass(slots=True)
class Replayer:
    """Brings messages again that came before, in whatever session it was."""

    rng: Random
    share: float
    """Part of the messages after which an old one comes."""
    replayed: int = 0
    _old: deque[Sent] = field(default_factory=lambda: deque(maxlen=OLD_MAX))

    def arrives(self, sent: Sent) -> list[Sent]:
        """The message, and perhaps an old one behind it."""
        if pb.Envelope.FromString(sent.data).WhichOneof("body") not in NEVER_AGAIN:
            self._old.append(sent)
        if not self._old or self.rng.random() >= self.share:
            return [sent]
        self.replayed += 1
        return [sent, self.rng.choice(self._old)]


def flipped(data: bytes, rng: Random) -> bytes:
    """`data` with one bit of one byte turned; `data` is not empty."""
    place = rng.randrange(len(data))
    return b"".join((data[:place], bytes([data[place] ^ 1 << rng.randrange(8)]), data[place + 1 :]))
