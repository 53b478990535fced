"""MQTT 3.1.1 (OASIS, 29 October 2014) as a server speaks it, without I/O. Section numbers are of that standard."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.ingest.errors import PacketError
from node.ingest.mqtt.packets import (
    CLIENT_ID_BYTES_MAX,
    NO_EXPIRY,
    PACKETS_MAX,
    TOPIC_BYTES_MAX,
    Accepted,
    Ack,
    AckKind,
    Connect,
    Delivery,
    Disconnect,
    Filter,
    Goodbye,
    Granted,
    Packet,
    PingRequest,
    Publish,
    Refusal,
    Subscribe,
    Unsubscribe,
    Will,
    checked_topic,
    decode_text,
    read_packets,
)
from node.ingest.sink import Verdict

CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 5, 6, 7, 8, 10, 12, 14
"""Packet types that a client may send, table 2.1."""
LEVEL = 4
"""Protocol level of 3.1.1, section 3.1.2.2."""
FILTERS_MAX = 1_000
"""Topic filters in one SUBSCRIBE or UNSUBSCRIBE."""

_REFUSALS = {
    Refusal.VERSION: 1,
    Refusal.CLIENT_ID: 2,
    Refusal.BUSY: 3,
    Refusal.QUOTA: 3,
    Refusal.CREDENTIALS: 4,
    Refusal.METHOD: 4,
    Refusal.NOT_PERMITTED: 5,
    Refusal.RETAIN: 5,
}
_SUBACK_FAILURE = 0x80
_MAY_COME_LATER = frozenset({Verdict.NOT_ADMITTED, Verdict.NO_ROOM})
_HEADS = {kind: bytes((kind.value, 2)) for kind in AckKind}


class Mqtt311:
    """The codec of MQTT 3.1.1. It keeps no state: every method is a function of its arguments."""

    def read(self, buffer: bytes | bytearray, packets: list[Packet], most: int = PACKETS_MAX, *, position: int = 0) -> int:
        """Append whole packets of `buffer`; see Codec."""
        return read_packets(buffer, packets, most, _read_packet, position=position, properties_bytes=0)

    def accepted(self, facts: Accepted) -> bytes:
        """CONNACK: accepted (section 3.2)."""
        return bytes((0x20, 2, facts.session_present, 0))

    def refused(self, refusal: Refusal) -> bytes:
        """CONNACK with the return code of table 3.1."""
        return bytes((0x20, 2, 0, _REFUSALS[refusal]))

    def ack(self, kind: AckKind, packet_id: int, verdict: Verdict | None = None) -> bytes:
        """An acknowledgement; 3.1.1 cannot say that a message was not wanted (section 3.4).

        What will never be taken is acknowledged, because sending it again helps nobody. What waits for an admission is not: acknowledged,
        the device would forget readings that are kept here only as long as the rejects have room.
        """
        return b"" if verdict in _MAY_COME_LATER else _HEADS[kind] + packet_id.to_bytes(2, "big")

    def suback(self, packet_id: int, granted: Sequence[Granted]) -> bytes:
        """SUBACK (section 3.9.3): the quality granted, or failure, for every filter."""
        codes = bytes(_SUBACK_FAILURE if grant.value > 2 else grant.value for grant in granted)
        return b"\x90" + _length(2 + len(codes)) + packet_id.to_bytes(2, "big") + codes

    def unsuback(self, packet_id: int, were_there: Sequence[bool]) -> bytes:
        """UNSUBACK (section 3.11); it names no filters."""
        del were_there
        return b"\xb0\x02" + packet_id.to_bytes(2, "big")

    def publish(self, delivery: Delivery, packet_id: int, *, is_resent: bool, expiry_s: int | None, alias: int | None) -> bytes:
        """PUBLISH (section 3.3); this version has neither expiry nor aliases."""
        del expiry_s, alias
        head = 0x30 | is_resent << 3 | delivery.qos << 1 | delivery.is_retained
        topic = delivery.topic.encode()
        named = len(topic).to_bytes(2, "big") + topic + (packet_id.to_bytes(2, "big") if delivery.qos else b"")
        return bytes((head,)) + _length(len(named) + len(delivery.payload)) + named + delivery.payload

    def goodbye(self, reason: Goodbye) -> bytes:
        """Nothing: a 3.1.1 server has no DISCONNECT, it closes."""
        return b""


def _length(value: int) -> bytes:
    encoded = bytearray()
    while True:
        value, digit = divmod(value, 128)
        encoded.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(encoded)


def _read_packet(buffer: bytes, position: int, start: int, end: int) -> Packet:
    head = buffer[position]
    return _read_publish(head, buffer, start, end) if head & 0xF0 == 0x30 else _read_other(head, buffer[start:end])


def _read_publish(head: int, buffer: bytes, start: int, end: int) -> Publish:
    qos = (head >> 1) & 3
    text = start + 2
    rest = text + (buffer[start] << 8 | buffer[start + 1]) if end >= text else end + 1
    packet_id = 0
    topic_end = rest
    if qos:
        if rest + 2 <= end:
            packet_id = buffer[rest] << 8 | buffer[rest + 1]
        rest += 2
        if qos == 3 or (not packet_id and rest <= end):
            raise PacketError("malformed_packet", f"PUBLISH with QoS {qos} and packet id {packet_id}")
    if rest > end:
        raise PacketError("malformed_packet", "PUBLISH shorter than its topic says")
    return Publish(checked_topic(buffer[text:topic_end]), buffer[rest:end], qos, packet_id, head)


def _read_other(head: int, body: bytes) -> Packet:
    try:
        flags, read = _READERS[head >> 4]
    except KeyError:
        raise PacketError("protocol_error", f"packet type {head >> 4} is not for this server") from None
    if head & 0x0F != flags:
        raise PacketError("malformed_packet", f"packet type {head >> 4} with flags {head & 0x0F}; section 2.2.2 wants {flags}")
    return read(_Body(body))


class _Body:
    """Reads the fields of one packet in order; every read is checked against the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_done(self) -> bool:
        return self._position == len(self._data)

    def take(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._data):
            raise PacketError("malformed_packet", "a packet shorter than its fields")
        taken = self._data[self._position : end]
        self._position = end
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def binary(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return decode_text(self.binary())

    def finish(self) -> None:
        if not self.is_done:
            raise PacketError("malformed_packet", "a packet longer than its fields")


def _read_connect(body: _Body) -> Connect:
    if body.text() != "MQTT" or body.number(1) != LEVEL:
        raise PacketError("unsupported_version", "this codec reads MQTT 3.1.1 only")
    flags = body.number(1)
    has_will, will_qos = bool(flags & 0x04), flags >> 3 & 3
    if flags & 0x01 or will_qos == 3 or (not has_will and flags & 0x38):
        raise PacketError("malformed_packet", f"CONNECT flags {flags:#04x} against section 3.1.2")
    if flags & 0x40 and not flags & 0x80:
        raise PacketError("malformed_packet", "CONNECT with a password and no user name")
    keep_alive_s = body.number(2)
    client_id = body.binary()
    will = _read_will(body, flags) if has_will else None
    username = body.text() if flags & 0x80 else None
    password = body.binary() if flags & 0x40 else None
    body.finish()
    if len(client_id) > CLIENT_ID_BYTES_MAX:
        raise PacketError("bad_client_id", f"a client id of {len(client_id)} bytes; at most {CLIENT_ID_BYTES_MAX}")
    is_clean = bool(flags & 0x02)
    expiry_s = 0 if is_clean else NO_EXPIRY
    return Connect(decode_text(client_id), keep_alive_s, is_clean, username, password, will=will, session_expiry_s=expiry_s)


def _read_will(body: _Body, flags: int) -> Will:
    topic = checked_topic(body.binary())
    return Will(topic, body.binary(), flags >> 3 & 3, bool(flags & 0x20))


def _packet_id(body: _Body) -> int:
    packet_id = body.number(2)
    if not packet_id:
        raise PacketError("malformed_packet", "packet id 0")
    return packet_id


def _filter(body: _Body) -> str:
    raw = body.binary()
    if not 0 < len(raw) <= TOPIC_BYTES_MAX:
        raise PacketError("bad_topic", f"a topic filter of {len(raw)} bytes; 1 to {TOPIC_BYTES_MAX}")
    return decode_text(raw)


def _quality(body: _Body) -> int:
    qos = body.number(1)
    if qos > 2:
        raise PacketError("malformed_packet", "SUBSCRIBE with a QoS above 2")
    return qos


def _counted(count: int) -> None:
    if not 0 < count <= FILTERS_MAX:
        raise PacketError("malformed_packet", f"{count} topic filters in a packet; 1 to {FILTERS_MAX}")


def _read_subscribe(body: _Body) -> Subscribe:
    packet_id, filters = _packet_id(body), []
    while not body.is_done:
        filters.append(Filter(_filter(body), _quality(body)))
    _counted(len(filters))
    return Subscribe(packet_id, tuple(filters))


def _read_unsubscribe(body: _Body) -> Unsubscribe:
    packet_id, filters = _packet_id(body), []
    while not body.is_done:
        filters.append(_filter(body))
    _counted(len(filters))
    return Unsubscribe(packet_id, tuple(filters))


def _read_ack(kind: AckKind, body: _Body) -> Ack:
    packet_id = _packet_id(body)
    body.finish()
    return Ack(kind, packet_id)


def _read_ping(body: _Body) -> PingRequest:
    body.finish()
    return PingRequest()


def _read_disconnect(body: _Body) -> Disconnect:
    body.finish()
    return Disconnect()


_READERS: dict[int, tuple[int, Callable[[_Body], Packet]]] = {
    CONNECT: (0, _read_connect),
    PUBACK: (0, lambda body: _read_ack(AckKind.PUBACK, body)),
    PUBREC: (0, lambda body: _read_ack(AckKind.PUBREC, body)),
    PUBREL: (2, lambda body: _read_ack(AckKind.PUBREL, body)),
    PUBCOMP: (0, lambda body: _read_ack(AckKind.PUBCOMP, body)),
    SUBSCRIBE: (2, _read_subscribe),
    UNSUBSCRIBE: (2, _read_unsubscribe),
    PINGREQ: (0, _read_ping),
    DISCONNECT: (0, _read_disconnect),
}
