"""MQTT packets as the door sees them, whatever the version, and the interface of a codec. Codecs: mqtt311.py and mqtt_v5.py."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import NamedTuple, Protocol

from node.ingest.errors import PacketError
from node.ingest.sink import Verdict

PACKET_BYTES_MAX = 256 << 10
"""Bytes of one packet, header included; a longer one ends the connection before its body is read."""
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
    BUSY = "too_many_connections"


class Goodbye(Enum):
    """Why the door ends a connection that was accepted."""

    TAKEN_OVER = "taken_over"
    KEEP_ALIVE = "keep_alive_timeout"
    SHUTTING_DOWN = "shutting_down"
    QOS = "qos_not_supported"
    MALFORMED = "malformed_packet"
    PROTOCOL = "protocol_error"
    TOO_LARGE = "packet_too_large"
    TOPIC = "bad_topic"
    TOPIC_ALIAS = "topic_alias"
    NOT_ADMITTED = "device_not_admitted"


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT. A will is read and left alone: nothing here is ever sent to subscribers."""

    client_id: str
    keep_alive_s: int
    clean_start: bool
    username: str | None
    password: bytes | None
    wants_authentication: bool = False
    """True when a v5 client asks for enhanced authentication, which the door has not."""


class Publish(NamedTuple):
    """PUBLISH; the retain flag is ignored."""

    topic: str
    payload: bytes
    qos: int
    packet_id: int
    """0 at QoS 0."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """SUBSCRIBE: how many filters wait for an answer."""

    packet_id: int
    filters: int


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """UNSUBSCRIBE: how many filters wait for an answer."""

    packet_id: int
    filters: int


@dataclass(frozen=True, slots=True)
class PingRequest:
    """PINGREQ."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """DISCONNECT from the client."""


Packet = Connect | Publish | Subscribe | Unsubscribe | PingRequest | Disconnect


class Codec(Protocol):
    """One MQTT version, without I/O."""

    def read(self, buffer: bytes | bytearray, packets: list[Packet]) -> int:
        """Append every whole packet of `buffer` to `packets` and return how many bytes they were.

        Raises PacketError; what came before the bad packet is in `packets`, so that it is not lost.
        """

    def accepted(self, *, assigned_client_id: str | None) -> bytes:
        """CONNACK of success."""

    def refused(self, refusal: Refusal) -> bytes:
        """CONNACK of a refusal."""

    def puback(self, packet_id: int, verdict: Verdict | None) -> bytes:
        """PUBACK; `verdict` says why nothing was stored. Empty where the version cannot refuse and the device must keep its message."""

    def suback(self, packet: Subscribe) -> bytes:
        """SUBACK that refuses every filter."""

    def unsuback(self, packet: Unsubscribe) -> bytes:
        """UNSUBACK."""

    def pong(self) -> bytes:
        """PINGRESP."""

    def goodbye(self, reason: Goodbye) -> bytes:
        """DISCONNECT of the server; empty where the version has none."""


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
