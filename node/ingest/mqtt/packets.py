"""MQTT packets as the door sees them, whatever the version, and the interface of a codec. Codecs: mqtt311.py and mqtt_v5.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, Protocol

from node.ingest.errors import PacketError
from node.ingest.sink import Verdict

PACKET_BYTES_MAX = 256 << 10
"""Bytes of one packet, header included; a longer one ends the connection before its body is read."""
PACKETS_MAX = 1 << 20
"""Packets that one call of a codec reads unless told otherwise; no buffer holds as many."""
TOPIC_BYTES_MAX = 1_024
"""UTF-8 bytes of a topic."""
CLIENT_ID_BYTES_MAX = 256
"""UTF-8 bytes of a client id."""
TOPICS_CACHED_MAX = 8_192
"""Topics whose check is remembered."""


class Refusal(Enum):
    """Why a CONNECT is refused."""

    VERSION = "unsupported_version"
    CLIENT_ID = "bad_client_id"
    CREDENTIALS = "bad_credentials"
    METHOD = "enhanced_authentication"
    NOT_PERMITTED = "not_permitted"
    """Who it is may not come under this client id, or may not publish this will."""
    RETAIN = "retain_not_supported"
    QUOTA = "will_too_large"
    BUSY = "too_many_connections"


class Goodbye(Enum):
    """Why the door ends a connection that was accepted."""

    TAKEN_OVER = "taken_over"
    KEEP_ALIVE = "keep_alive_timeout"
    SHUTTING_DOWN = "shutting_down"
    MALFORMED = "malformed_packet"
    PROTOCOL = "protocol_error"
    TOO_LARGE = "packet_too_large"
    SLOW = "packet_timeout"
    TOPIC = "bad_topic"
    TOPIC_ALIAS = "topic_alias"
    RECEIVE_MAX = "receive_maximum_exceeded"
    SUBSCRIPTION_IDS = "subscription_ids_not_supported"
    QUOTA = "quota_exceeded"
    NOT_ADMITTED = "device_not_admitted"


class AckKind(Enum):
    """The four packets that carry a packet id back; the value is their type and flags in the first byte."""

    PUBACK = 0x40
    PUBREC = 0x50
    PUBREL = 0x62
    PUBCOMP = 0x70


class Granted(Enum):
    """What a SUBACK says of one filter."""

    QOS_0 = 0
    QOS_1 = 1
    QOS_2 = 2
    NOT_PERMITTED = 0x87
    UNSPECIFIED = 0x80
    BAD_FILTER = 0x8F
    QUOTA = 0x97
    SHARED = 0x9E
    """A shared subscription, which the door has not."""


@dataclass(frozen=True, slots=True)
class Properties:
    """What a v5 PUBLISH carries beside its payload; 3.1.1 has none of it."""

    expiry_s: int | None = None
    alias: int | None = None
    payload_format: int = 0
    content_type: str | None = None
    response_topic: str | None = None
    correlation: bytes | None = None
    user: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Will:
    """What is taken in for a client whose connection ends without its DISCONNECT."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool
    delay_s: int = 0
    properties: Properties | None = None


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT."""

    client_id: str
    keep_alive_s: int
    clean_start: bool
    username: str | None
    password: bytes | None
    wants_authentication: bool = False
    """True when a v5 client asks for enhanced authentication, which the door has not."""
    will: Will | None = None
    session_expiry_s: int = 0
    """How long the session outlives its connection; the codec of 3.1.1 says NO_EXPIRY for a session that is not clean."""
    receive_max: int = 65_535
    """PUBLISH packets above QoS 0 that the client takes before it acknowledged."""
    packet_bytes_max: int | None = None
    """Longest packet the client takes; None for any."""
    topic_alias_max: int = 0


NO_EXPIRY = 0xFFFFFFFF
"""A session expiry interval that means never, section 3.1.2.11.2 of MQTT 5."""


class Publish(NamedTuple):
    """PUBLISH from a client."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    """0 at QoS 0."""
    head: int = 0
    """The first byte of the packet, which holds DUP and RETAIN."""
    properties: Properties | None = None
    """None when there are none."""

    @property
    def is_resent(self) -> bool:
        """The DUP flag."""
        return bool(self.head & 0x08)

    @property
    def is_retained(self) -> bool:
        """The RETAIN flag."""
        return bool(self.head & 0x01)


@dataclass(frozen=True, slots=True)
class Ack:
    """PUBACK, PUBREC, PUBREL or PUBCOMP from a client."""

    kind: AckKind
    packet_id: int
    is_refusal: bool = False
    """True when a v5 reason code says that the client did not take the message."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One topic filter of a SUBSCRIBE with its options."""

    pattern: str
    qos: int
    no_local: bool = False
    retain_as_published: bool = False
    retain_handling: int = 0


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE."""

    packet_id: int
    filters: tuple[Filter, ...]
    has_id: bool = False
    """True when it carries a subscription identifier, which the door has not."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """UNSUBSCRIBE."""

    packet_id: int
    filters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PingRequest:
    """PINGREQ."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """DISCONNECT from the client."""

    with_will: bool = False
    """True when the will is to be taken in although the client says goodbye (v5, 0x04)."""
    session_expiry_s: int | None = None
    """A new session expiry interval; None leaves it."""


Packet = Connect | Publish | Ack | Subscribe | Unsubscribe | PingRequest | Disconnect

PINGRESP = b"\xd0\x00"
"""The answer to PINGREQ, the same in every version."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a CONNACK of success says."""

    session_present: bool = False
    assigned_client_id: str | None = None
    session_expiry_s: int | None = None
    """What the door made of the interval the client asked for; None leaves it."""
    keep_alive_s: int | None = None
    """What the door made of the keep alive; None leaves it."""
    is_open: bool = False
    """True for the open profile of tests, which has retained messages."""


class Delivery(NamedTuple):
    """One message on its way to a client."""

    topic: str
    payload: bytes
    qos: int
    key: str = ""
    """Names it at the outbox; empty for what no outbox keeps."""
    is_retained: bool = False
    expires_us: int | None = None
    """Wall time after which it is not sent."""
    properties: Properties | None = None


class Codec(Protocol):
    """One MQTT version, without I/O."""

    def read(self, buffer: bytes | bytearray, packets: list[Packet], most: int = PACKETS_MAX, *, position: int = 0) -> int:
        """Append the whole packets of `buffer` from `position` on, until there are `most`, to `packets`; returns where they end.

        Raises PacketError; what came before the bad packet is in `packets`, so that it is not lost.
        """

    def accepted(self, facts: Accepted) -> bytes:
        """CONNACK of success."""

    def refused(self, refusal: Refusal) -> bytes:
        """CONNACK of a refusal."""

    def ack(self, kind: AckKind, packet_id: int, verdict: Verdict | None = None) -> bytes:
        """An acknowledgement; `verdict` says why nothing was stored. Empty where the version cannot refuse and the device must keep its
        message."""

    def suback(self, packet_id: int, granted: Sequence[Granted]) -> bytes:
        """SUBACK."""

    def unsuback(self, packet_id: int, were_there: Sequence[bool]) -> bytes:
        """UNSUBACK."""

    def publish(self, delivery: Delivery, packet_id: int, *, is_resent: bool, expiry_s: int | None, alias: int | None) -> bytes:
        """PUBLISH to a client; an `alias` with an empty topic stands for the topic it was sent with first."""

    def goodbye(self, reason: Goodbye) -> bytes:
        """DISCONNECT of the server; empty where the version has none."""


_HEADS = frozenset({0x10, *range(0x30, 0x36), *range(0x38, 0x3E), 0x40, 0x50, 0x62, 0x70, 0x82, 0xA2, 0xC0, 0xE0})
"""First bytes that a packet to a server may have, sections 2.1.2 and 2.1.3."""
_TYPES = frozenset(head >> 4 for head in _HEADS)


ReadOne = Callable[[bytes, int, int, int], Packet]
"""Buffer, where the packet begins, where its body begins and ends -> the packet; raises PacketError."""
_PLAIN_PUBLISH = 0x32
"""The first byte of a PUBLISH at QoS 1, neither repeated nor retained."""


def read_packets(
    buffer: bytes | bytearray, packets: list[Packet], most: int, read_one: ReadOne, *, position: int, properties_bytes: int
) -> int:
    """Append whole packets of `buffer` until there are `most`; returns where they end. The framing is the same in both versions.

    `properties_bytes` is how many a PUBLISH without properties has of them: 1 in v5, for their length.
    """
    data, size, append, make = bytes(buffer), len(buffer), packets.append, tuple.__new__
    while size - position >= 2 and len(packets) < most:
        length = data[position + 1]
        start = position + 2
        end = start + length
        if length & 0x80:
            bounds = frame(data, position)
            if bounds is None:
                check_head(data[position])
                break
            start, end = bounds
        elif end > size:
            check_head(data[position])
            break
        # What comes a hundred thousand times a second is read here, without a call; everything else, and every fault, by `read_one`.
        if data[position] == _PLAIN_PUBLISH and end - start > 4:
            named = start + 2 + (data[start] << 8 | data[start + 1])
            payload = named + 2 + properties_bytes
            if payload <= end and not (properties_bytes and data[payload - 1]) and (packet_id := data[named] << 8 | data[named + 1]):
                topic = checked_topic(data[start + 2 : named])
                append(make(Publish, (topic, data[payload:end], 1, packet_id, _PLAIN_PUBLISH, None)))
                position = end
                continue
        append(read_one(data, position, start, end))
        position = end
    return position


def check_head(head: int) -> None:
    """Judge a packet by its first byte, before its body is here; raises PacketError.

    Without it, a client whose packet nobody will take waits while what it says next is counted as the body.
    """
    if head >> 4 not in _TYPES:
        raise PacketError("protocol_error", f"packet type {head >> 4} is not for this server")
    if head not in _HEADS:
        raise PacketError("malformed_packet", f"packet type {head >> 4} with flags {head & 0x0F}")


def frame(buffer: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """Where the body of the packet at `position` begins and ends; None while it is not whole. Raises PacketError when it is too large or
    malformed."""
    length, shift, index = 0, 0, position + 1
    while True:
        if index >= len(buffer):
            return None
        digit = buffer[index]
        index += 1
        length |= (digit & 0x7F) << shift
        if not digit & 0x80:
            break
        shift += 7
        if shift > 21:
            raise PacketError("malformed_packet", "a remaining length of more than four bytes")
    if index + length - position > PACKET_BYTES_MAX:
        raise PacketError("packet_too_large", f"a packet of {length} bytes; at most {PACKET_BYTES_MAX}: send smaller messages")
    return (index, index + length) if index + length <= len(buffer) else None


@lru_cache(maxsize=TOPICS_CACHED_MAX)
def checked_topic(raw: bytes) -> str:
    """`raw` as the topic of a PUBLISH; raises PacketError."""
    if not raw:
        raise PacketError("bad_topic", "an empty topic")
    if len(raw) > TOPIC_BYTES_MAX:
        raise PacketError("bad_topic", f"a topic of {len(raw)} bytes; at most {TOPIC_BYTES_MAX}")
    topic = decode_text(raw)
    if "+" in topic or "#" in topic:
        raise PacketError("bad_topic", f"wildcards in the topic {topic[:60]!r} of a PUBLISH")
    return topic


def decode_text(raw: bytes) -> str:
    """`raw` as an MQTT string (section 1.5.3): UTF-8 without U+0000; raises PacketError."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise PacketError("malformed_packet", "text that is not UTF-8") from None
    if "\0" in text:
        raise PacketError("malformed_packet", "text with U+0000")
    return text
