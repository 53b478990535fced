"""Messages from the door to one client: packet ids, acknowledgements, redelivery after a reconnect, and the client's own bounds.

Belongs to a session and outlives its connections. What is handed out comes from a `Source`: the commands of the node's outbox
(commands.py), or in the open profile of tests other clients' messages (fanout.py). It keeps nothing durable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from node.ingest.mqtt.packets import Ack, AckKind, Codec, Delivery, Filter, Granted, Publish

if TYPE_CHECKING:
    from node.ingest.mqtt.session import Session

INFLIGHT_MAX = 16
"""Messages above QoS 0 that a client has not acknowledged; a smaller receive maximum of its own goes before."""
PACKET_IDS = 65_535


class Source(Protocol):
    """Where the messages for clients come from."""

    def grant(self, session: Session, wanted: Filter) -> Granted:
        """What the SUBACK says of `wanted`."""

    def subscribed(self, session: Session, wanted: Filter, *, is_new: bool) -> None:
        """`wanted` was granted and stands in the session."""

    def next(self, session: Session) -> Delivery | None:
        """The next message for `session` that is not in flight; None when nothing waits."""

    def handed_over(self, session: Session, key: str) -> None:
        """The client has it."""

    def taken_in(self, session: Session, publish: Publish) -> None:
        """A message of `session` is stored."""

    def forgotten(self, session: Session) -> None:
        """The session is over."""


@dataclass(frozen=True, slots=True)
class Link:
    """The connection that a session has at the moment."""

    codec: Codec
    write: Callable[[bytes], None]
    is_stuck: Callable[[], bool]
    """True while the client reads nothing."""
    wall_us: Callable[[], int]
    receive_max: int
    packet_bytes_max: int | None
    topic_alias_max: int


@dataclass(slots=True)
class _Flying:
    delivery: Delivery
    is_received: bool = False
    """True when the client's PUBREC came: only the PUBREL is sent again."""


class Outbound:
    """The sending half of a session."""

    def __init__(self, session: Session, source: Source) -> None:
        self._session = session
        self._source = source
        self._flying: dict[int, _Flying] = {}
        self._keys: set[str] = set()
        self._last_id = 0
        self._link: Link | None = None
        self._aliases: dict[str, int] = {}

    def is_flying(self, key: str) -> bool:
        """True while the message named `key` is with the client and not acknowledged, or too long for it."""
        return key in self._keys

    @property
    def is_attached(self) -> bool:
        """True while the client is connected and its bounds are known."""
        return self._link is not None

    def attach(self, link: Link) -> None:
        """The client is back: send again what it did not acknowledge, in the order of the first time (section 4.4), then go on."""
        self._link = link
        self._aliases.clear()
        for packet_id in list(self._flying)[link.receive_max :]:
            # The client takes fewer than before: the outbox gives the others again.
            del self._flying[packet_id]
        self._keys = {flying.delivery.key for flying in self._flying.values()}
        for packet_id, flying in list(self._flying.items()):
            if flying.is_received:
                link.write(link.codec.ack(AckKind.PUBREL, packet_id))
            elif not self._write(flying.delivery, packet_id, is_resent=True):
                del self._flying[packet_id]
        self.pump()

    def detach(self) -> None:
        """The connection is over."""
        self._link = None

    def pump(self) -> None:
        """Hand out what waits, as much as the client takes."""
        link = self._link
        while link is not None and not link.is_stuck() and len(self._flying) < min(link.receive_max, INFLIGHT_MAX):
            delivery = self._source.next(self._session)
            if delivery is None:
                return
            self._hand_out(delivery)

    def acknowledged(self, ack: Ack) -> None:
        """PUBACK, PUBREC or PUBCOMP of the client; one for an id that is not in flight is answered as the standard asks, or ignored."""
        flying = self._flying.get(ack.packet_id)
        if ack.kind is AckKind.PUBREC and not ack.is_refusal:
            if flying is not None:
                flying.is_received = True
            if self._link is not None:
                self._link.write(self._link.codec.ack(AckKind.PUBREL, ack.packet_id))
        elif flying is not None:
            del self._flying[ack.packet_id]
            self._keys.discard(flying.delivery.key)
            self._source.handed_over(self._session, flying.delivery.key)
        self.pump()

    def _hand_out(self, delivery: Delivery) -> None:
        packet_id = self._new_id() if delivery.qos else 0
        if delivery.key:
            self._keys.add(delivery.key)
        if not self._write(delivery, packet_id, is_resent=False):
            return
        if delivery.qos:
            self._flying[packet_id] = _Flying(delivery)
        else:
            self._keys.discard(delivery.key)
            self._source.handed_over(self._session, delivery.key)

    def _write(self, delivery: Delivery, packet_id: int, *, is_resent: bool) -> bool:
        """False when the message expired, or is longer than the client takes."""
        link = self._link
        assert link is not None, "a message is written to a connection"
        expiry_s = None
        if delivery.expires_us is not None:
            expiry_s = (delivery.expires_us - link.wall_us()) // 1_000_000
            if expiry_s <= 0:
                return False
        alias, named = self._aliased(delivery, link)
        packet = link.codec.publish(named, packet_id, is_resent=is_resent, expiry_s=expiry_s, alias=alias)
        if link.packet_bytes_max is not None and len(packet) > link.packet_bytes_max:
            return False
        if alias is not None:
            self._aliases[delivery.topic] = alias
        link.write(packet)
        return True

    def _aliased(self, delivery: Delivery, link: Link) -> tuple[int | None, Delivery]:
        known = self._aliases.get(delivery.topic)
        if known is not None:
            return known, delivery._replace(topic="")
        return (len(self._aliases) + 1, delivery) if len(self._aliases) < link.topic_alias_max else (None, delivery)

    def _new_id(self) -> int:
        while True:
            self._last_id = self._last_id % PACKET_IDS + 1
            if self._last_id not in self._flying:
                return self._last_id
