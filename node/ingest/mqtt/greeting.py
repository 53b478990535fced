"""The first packet of a connection: which version it speaks, and its CONNECT; and the name in a client's certificate. Pure.

Called by connection.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.ingest.errors import PacketError
from node.ingest.mqtt.mqtt311 import Mqtt311
from node.ingest.mqtt.mqtt_v5 import Mqtt5
from node.ingest.mqtt.packets import Codec, Connect, Packet, Refusal, frame

CONNECT_BYTES_MAX = 64 << 10
"""Longest CONNECT: whoever sends it has not shown who it is."""
MQTT311, MQTT5 = Mqtt311(), Mqtt5()
"""The codecs keep no state: one of each serves every connection."""

_VERSION_4 = b"\x00\x04MQTT\x04"
_VERSION_5 = b"\x00\x04MQTT\x05"


class GreetingError(PacketError):
    """A first packet that is no CONNECT of a version the door speaks; `codec` is how to say so."""

    def __init__(self, reason: str, detail: str, codec: Codec) -> None:
        super().__init__(reason, detail)
        self.codec = codec


def read_connect(buffer: bytes | bytearray) -> tuple[Codec, Connect, int] | None:
    """The codec, the CONNECT and its bytes; None while it is not whole. Raises GreetingError."""
    codec: Codec = MQTT311
    try:
        if buffer[:1] != b"\x10":
            raise PacketError("protocol_error", "the first packet is not CONNECT")
        bounds = frame(buffer, 0)
        if len(buffer) > CONNECT_BYTES_MAX and (bounds is None or bounds[1] > CONNECT_BYTES_MAX):
            raise PacketError("packet_too_large", f"a CONNECT of more than {CONNECT_BYTES_MAX} bytes")
        if bounds is None:
            return None
        start, end = bounds
        codec = _codec(bytes(buffer[start : start + len(_VERSION_4)]))
        packets: list[Packet] = []
        codec.read(bytes(buffer[:end]), packets)
    except PacketError as error:
        raise GreetingError(error.reason, str(error), codec) from error
    connect = packets[0]
    assert isinstance(connect, Connect), "the first byte said so"
    return codec, connect, end


def common_name(certificate: Mapping[str, Any]) -> str:
    """The last common name in the subject of what SSLObject.getpeercert returns; empty without one."""
    names = [field[1] for part in certificate.get("subject", ()) for field in part if field[0] == "commonName"]
    return str(names[-1]) if names else ""


def _codec(intro: bytes) -> Codec:
    if intro == _VERSION_5:
        return MQTT5
    if intro != _VERSION_4:
        raise PacketError(Refusal.VERSION.value, "the door speaks MQTT 3.1.1 and 5")
    return MQTT311
