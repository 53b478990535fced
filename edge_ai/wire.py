"""Messages between a worker and the node: `[kind, json, blob...]` over a local ZeroMQ socket (docs/api.md).

Owns their fields and limits; the node treats a worker as hostile, so `parse_from_worker` checks sizes, types and hashes. Imports neither
cv2 nor onnxruntime. Called by edge_ai/worker.py and node/cameras/supervisor.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from edge_ai.errors import MessageError

JPEG_BYTES_MAX = 200_000
THUMB_WIDTH_MAX = 96
THUMB_HEIGHT_MAX = 54
HEADER_BYTES_MAX = 32_768
"""Bytes of a message's JSON."""
OVERLAYS_MAX = 100
"""Boxes drawn over one picture by whoever shows it."""

T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(max_length=128)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]


class Overlay(msgspec.Struct, frozen=True, rename={"label": "class"}):
    """One box over the evidence picture, in shares of its width and height; not burnt into the JPEG."""

    label: Text
    score: Annotated[float, msgspec.Meta(ge=0, le=1)]
    box: tuple[float, float, float, float]


class EvidenceInfo(msgspec.Struct, frozen=True):
    """What the blobs of an event are."""

    sha256: Sha256
    thumb_width: Annotated[int, msgspec.Meta(ge=0, le=THUMB_WIDTH_MAX)]
    thumb_height: Annotated[int, msgspec.Meta(ge=0, le=THUMB_HEIGHT_MAX)]


class EventRow(msgspec.Struct, frozen=True, kw_only=True, rename={"label": "class"}):
    """A camera event as the worker reports it: `CameraEvent` of docs/api.md without what only the node knows."""

    event_id: Text
    camera: Text
    territory: Text
    rule: Text
    label: Text
    score: Annotated[float, msgspec.Meta(ge=0, le=1)]
    time_us: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
    """Wall clock of the picture, microseconds since 1970 UTC; of the end when `ended`."""
    algorithm: Text
    algorithm_sha256: Sha256
    evidence_sha256: Sha256
    evidence_grade: Text
    """rendered-only, field-tested or none, from the algorithm's manifest."""
    scene: Text
    """rendered or real."""
    ended: bool
    """False: it goes on. The end comes as a second message with the same event_id and without blobs; a line crossing ends as it begins."""
    place: Text
    evidence: EvidenceInfo
    overlays: Annotated[tuple[Overlay, ...], msgspec.Meta(max_length=OVERLAYS_MAX)] = ()


class StateRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a camera does, each second."""

    camera: Text
    state: Text
    since_us: int
    fps: float
    frames: int
    dropped: int
    """Frames that newer ones replaced before they were analysed, and events the full outbox refused."""
    retry_in_s: float | None
    why: Annotated[str, msgspec.Meta(max_length=400)]


class Ack(msgspec.Struct, frozen=True):
    """The node has committed the event; `ended` says which of its two messages."""

    event_id: Text
    ended: bool


class EventMessage(msgspec.Struct, frozen=True):
    """An event with its pictures; both blobs empty for the end of an event."""

    row: EventRow
    jpeg: bytes
    thumb_rgb: bytes


def event_parts(message: EventMessage) -> list[bytes]:
    """The parts of an event on the socket."""
    return [b"event", msgspec.json.encode(message.row), message.jpeg, message.thumb_rgb]


def state_parts(row: StateRow) -> list[bytes]:
    """The parts of a state on the socket."""
    return [b"state", msgspec.json.encode(row)]


def ack_parts(ack: Ack) -> list[bytes]:
    """The parts of an ack on the socket."""
    return [b"ack", msgspec.json.encode(ack)]


STOP_PARTS = [b"stop", b"{}"]
"""The parts of the order to end."""


def parse_from_worker(parts: Sequence[bytes]) -> EventMessage | StateRow:
    """The message in `parts`; raises MessageError naming what is wrong."""
    kind, header = _kind_and_header(parts)
    if kind == b"state" and len(parts) == 2:
        return _decode(header, StateRow)
    if kind == b"event" and len(parts) == 4:
        return _checked(EventMessage(_decode(header, EventRow), parts[2], parts[3]))
    raise MessageError(f"message of kind {kind[:16]!r} with {len(parts)} parts refused: expected state (2 parts) or event (4 parts)")


def parse_from_node(parts: Sequence[bytes]) -> Ack | None:
    """An ack, or None for the order to stop; raises MessageError."""
    kind, header = _kind_and_header(parts)
    if kind == b"stop":
        return None
    if kind == b"ack":
        return _decode(header, Ack)
    raise MessageError(f"message of kind {kind[:16]!r} refused: expected ack or stop")


def _kind_and_header(parts: Sequence[bytes]) -> tuple[bytes, bytes]:
    if not 2 <= len(parts) <= 4:
        raise MessageError(f"message of {len(parts)} parts refused: expected 2 to 4")
    if len(parts[1]) > HEADER_BYTES_MAX:
        raise MessageError(f"message header of {len(parts[1])} bytes refused: at most {HEADER_BYTES_MAX}")
    return parts[0], parts[1]


def _decode(header: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(header, type=wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MessageError(f"message refused as {wanted.__name__}: {error}") from error


def _checked(message: EventMessage) -> EventMessage:
    info, row = message.row.evidence, message.row
    if len(message.jpeg) > JPEG_BYTES_MAX:
        raise MessageError(f"event {row.event_id} has a picture of {len(message.jpeg)} bytes: at most {JPEG_BYTES_MAX}")
    if len(message.thumb_rgb) != info.thumb_width * info.thumb_height * 3:
        raise MessageError(
            f"event {row.event_id} has a thumbnail of {len(message.thumb_rgb)} bytes for {info.thumb_width}x{info.thumb_height}"
        )
    if info.sha256 != row.evidence_sha256:
        raise MessageError(f"event {row.event_id} names two pictures: {row.evidence_sha256} and {info.sha256}")
    if message.jpeg and hashlib.sha256(message.jpeg).hexdigest() != info.sha256:
        raise MessageError(f"event {row.event_id} has a picture that is not {info.sha256}: damaged on its way")
    return message
