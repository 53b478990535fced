"""Plays a peer of another program version on a link, on the bytes of the messages.

An older program lacks fields that this one sends; a newer one adds fields, a lane and a message that this one has no word for. What an
older program must have is left alone: the headers of batches are signed, and an older sender would have signed its own.
Called by simulations/network.py.
"""

from __future__ import annotations

from enum import Enum

from sync.wire import yunnao_pb2 as pb

NEWER_FIELD = 900
"""Number of a field that no version of the wire format has yet; of length-delimited type."""


NEWER_LANE = 60
"""A lane that no version of the wire format has yet."""


class Version(Enum):
    """Which program the far end is."""

    OLDER = "older"
    NEWER = "newer"


def as_version(data: bytes, version: Version) -> list[bytes]:
    """The messages that a program of `version` would have sent instead of `data`."""
    return [_older(data)] if version is Version.OLDER else _newer(data)


def _older(data: bytes) -> bytes:
    envelope = pb.Envelope.FromString(data)
    body = envelope.WhichOneof("body")
    if body == "hello":
        envelope.hello.ClearField("software")
        envelope.hello.ClearField("sent_at")
    elif body == "data":
        envelope.data.ClearField("origin_manifest")
    elif body == "ack":
        envelope.ack.ClearField("secured")
    elif body == "heartbeat":
        envelope.heartbeat.ClearField("sent_at")
    else:
        return data
    return envelope.SerializeToString(deterministic=True)


def _newer(data: bytes) -> list[bytes]:
    """The message with a field more inside and outside, then in a lane, then as a message of a kind that nobody knows."""
    envelope = pb.Envelope.FromString(data)
    body = envelope.WhichOneof("body")
    assert body is not None, "a message without a body was sent"
    inner = getattr(envelope, body)
    inner.MergeFromString(_field(NEWER_FIELD, b"from a newer program"))
    marked = envelope.SerializeToString(deterministic=True) + _field(NEWER_FIELD, b"more")
    return [marked, *_in_a_newer_lane(envelope, body), _unknown_message()]


def _in_a_newer_lane(envelope: pb.Envelope, body: str) -> list[bytes]:
    """The same once more in a lane that came later, for what has a lane; a frame without its rows, which nobody could read."""
    if body not in ("data", "ack"):
        return []
    newer = pb.Envelope()
    newer.CopyFrom(envelope)
    getattr(newer, body).lane = NEWER_LANE
    if body == "data":
        newer.data.payload = b""
    return [newer.SerializeToString(deterministic=True)]


def _unknown_message() -> bytes:
    return pb.Envelope(format=1).SerializeToString() + _field(NEWER_FIELD + 1, b"a message of a newer program")


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
