"""A session: what the door knows of one client beyond its connection, and how that is kept in the journal.

QoS 2 packet ids, subscriptions, the will, and what is in flight to the client. Made and ended by sessions.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from node.ingest.errors import PacketError
from node.ingest.mqtt.outbound import Outbound, Source
from node.ingest.mqtt.packets import Filter, Will
from node.ingest.sink import Rights
from node.store.door_book import Mark, MarkKind


@dataclass(frozen=True, slots=True)
class _Facts:
    """The durable part, as JSON."""

    identity: str
    expiry_s: int
    filters: tuple[Filter, ...] = ()
    will: Will | None = None


class Session:
    """One client's state. `received` and `storing` hold QoS 2 packet ids of messages that are stored, and that will be."""

    __slots__ = (
        "_outbound", "_source", "client", "expiry_s", "filters", "identity", "is_connected", "is_kept", "is_over", "received", "rights",
        "round", "storing", "weight", "will",
    )  # fmt: skip

    def __init__(self, client: str, identity: str, rights: Rights, source: Source) -> None:
        self.client = client
        self.identity = identity
        """Who it is by password or certificate; empty for anonymous clients."""
        self.rights = rights
        self.expiry_s = 0
        self.filters: dict[str, Filter] = {}
        self.received: set[int] | None = None
        self.storing: set[int] | None = None
        self.will: Will | None = None
        self.is_connected = True
        self.is_kept = False
        """True when the journal has it, or will after the next commit."""
        self.is_over = False
        """True when it was forgotten: what is still on its way into the journal changes nothing here."""
        self.round = 0
        """Counts its connections."""
        self.weight = 0
        """Bytes in the journal."""
        self._source = source
        self._outbound: Outbound | None = None

    @property
    def outbound(self) -> Outbound:
        """The sending half; made when it is first needed, because most clients only send."""
        if self._outbound is None:
            self._outbound = Outbound(self, self._source)
        return self._outbound

    @property
    def has_outbound(self) -> bool:
        """True when anything was or may be sent to it."""
        return self._outbound is not None

    @property
    def held(self) -> int:
        """QoS 2 packet ids it occupies."""
        return len(self.received or ()) + len(self.storing or ())

    def knows(self, packet_id: int) -> bool:
        """True when the QoS 2 message of this id is stored, or on its way into the journal."""
        return (self.received is not None and packet_id in self.received) or (self.storing is not None and packet_id in self.storing)

    def begins(self, packet_id: int) -> Mark | None:
        """A QoS 2 message is handed to the sink; returns the mark that rides with its readings, None for a session nobody resumes."""
        self.storing = self.storing or set()
        self.storing.add(packet_id)
        return Mark(MarkKind.HOLD_ID, self.client, packet_id) if self.expiry_s else None

    def is_stored(self, packet_id: int) -> None:
        """The readings of the message are durable."""
        self.received = self.received or set()
        self.received.add(packet_id)
        if self.storing is not None:
            self.storing.discard(packet_id)

    def refuses(self, packet_id: int) -> None:
        """The message was not taken: its id is free."""
        if self.storing is not None:
            self.storing.discard(packet_id)

    def releases(self, packet_id: int) -> bool:
        """PUBREL: the id is free again; False when it was not held."""
        if self.received is None or packet_id not in self.received:
            return False
        self.received.discard(packet_id)
        return True

    def mark(self, *, ended_us: int = 0) -> Mark | None:
        """What the journal has to do so that it knows the session as it is; None for nothing."""
        if not self.expiry_s and self.will is None:
            was_kept, self.is_kept, self.weight = self.is_kept, False, 0
            return Mark(MarkKind.DROP_SESSION, self.client) if was_kept else None
        facts = msgspec.json.encode(_Facts(self.identity, self.expiry_s, tuple(self.filters.values()), self.will)).decode()
        self.is_kept, self.weight = True, len(facts)
        return Mark(MarkKind.PUT_SESSION, self.client, facts=facts, ended_us=ended_us)

    def recall(self, facts: str, packet_ids: tuple[int, ...]) -> None:
        """Take what the journal kept; raises PacketError for facts that are none."""
        try:
            kept = msgspec.json.decode(facts, type=_Facts)
        except msgspec.MsgspecError as error:
            raise PacketError("bad_session", f"the kept session of {self.client!r} is no session: {error}") from None
        self.identity, self.expiry_s, self.will = kept.identity, kept.expiry_s, kept.will
        self.filters = {each.pattern: each for each in kept.filters}
        self.received = set(packet_ids)
        self.is_kept, self.is_connected, self.weight = True, False, len(facts)
