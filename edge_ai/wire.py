"""Messages between a worker and the node: `[kind, json, blob...]` over a local ZeroMQ socket (docs/api.md).

Owns their fields and limits; the node treats a worker as hostile, so `parse_from_worker` checks sizes, types and hashes. Imports neither
cv2 nor onnxruntime. Called by the workers and node/cameras/supervisor.py.
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
ORIGINAL_BYTES_MAX = 4 << 20
"""Of a picture as it was taken; it lies in a file and never passes the socket."""
INCOMING = "incoming"
"""Folder below the node's `evidence/` where workers lay originals down for the node."""
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
    original_sha256: Sha256 = ""
    """Of the unmasked picture that lies in INCOMING; empty: none was kept."""
    original_bytes: Annotated[int, msgspec.Meta(ge=0, le=ORIGINAL_BYTES_MAX)] = 0
    masking: Text = ""
    """mosaic, boxes or none: what the picture that travels went through."""
    missing: Text = ""
    """Why there is no picture, or no original of it; empty when nothing is missing."""


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
    code: Text = ""
    """National code of the camera, so that playback can be found at the recorder; empty: none."""


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
    storms: int = 0
    """Changes of the whole picture at once: lights, rain in the lamp, a camera that was turned."""
    reconnects_per_hour: int = 0
    stalls: int = 0
    damaged: int = 0
    """Pictures left out because they, or what they build on, did not arrive whole."""


class AnalysisRow(msgspec.Struct, frozen=True, kw_only=True):
    """How the analysis of a camera does, each second, from the process that analyses."""

    camera: Text
    analysed: int
    """Frames that came out of the detector."""
    lost: int
    """Frames worth an analysis that got none: newer ones came, they were too old, overwritten, or in a process that died."""
    age_ms: float
    """Age of a frame when its analysis ended, 95 % of the newest ones are younger."""
    refused: bool
    """True: the camera cannot be analysed as configured, `why` says why."""
    why: Annotated[str, msgspec.Meta(max_length=400)]
    model: Text = ""
    """Algorithm and version that run, and what is on trial, in a few words."""


class Refusal(msgspec.Struct, frozen=True):
    """The node tells a capture process not to read a camera, because nobody can analyse it."""

    camera: Text
    why: Annotated[str, msgspec.Meta(max_length=400)]


class Ack(msgspec.Struct, frozen=True):
    """The node has committed the event; `ended` says which of its two messages."""

    event_id: Text
    ended: bool


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """The newest value of a device that a rule's condition asks for, from the node to the processes that analyse."""

    device: Text
    metric: Text
    value: float
    age_s: Annotated[float, msgspec.Meta(ge=0)]


class EventMessage(msgspec.Struct, frozen=True):
    """An event with its pictures; both blobs empty for the end of an event."""

    row: EventRow
    jpeg: bytes
    thumb_rgb: bytes
    original: bytes = b""
    """As it was taken, until the spool has made a file of it; it is no part of the message on the socket."""


def event_parts(message: EventMessage) -> list[bytes]:
    """The parts of an event on the socket."""
    return [b"event", msgspec.json.encode(message.row), message.jpeg, message.thumb_rgb]


def state_parts(row: StateRow) -> list[bytes]:
    """The parts of a state on the socket."""
    return [b"state", msgspec.json.encode(row)]


def analysis_parts(row: AnalysisRow) -> list[bytes]:
    """The parts of the state of an analysis on the socket."""
    return [b"analysis", msgspec.json.encode(row)]


def refusal_parts(refusal: Refusal) -> list[bytes]:
    """The parts of a refusal on the socket."""
    return [b"refuse", msgspec.json.encode(refusal)]


def ack_parts(ack: Ack) -> list[bytes]:
    """The parts of an ack on the socket."""
    return [b"ack", msgspec.json.encode(ack)]


STOP_PARTS = [b"stop", b"{}"]
"""The parts of the order to end."""


def parse_from_worker(parts: Sequence[bytes]) -> EventMessage | StateRow | AnalysisRow:
    """The message in `parts`; raises MessageError naming what is wrong."""
    kind, header = _kind_and_header(parts)
    if kind == b"state" and len(parts) == 2:
        return _decode(header, StateRow)
    if kind == b"analysis" and len(parts) == 2:
        return _decode(header, AnalysisRow)
    if kind == b"event" and len(parts) == 4:
        return _checked(EventMessage(_decode(header, EventRow), parts[2], parts[3]))
    raise MessageError(
        f"message of kind {kind[:16]!r} with {len(parts)} parts refused: expected state or analysis (2 parts) or event (4 parts)"
    )


def value_parts(value: Value) -> list[bytes]:
    """The parts of a device's value on the socket."""
    return [b"value", msgspec.json.encode(value)]


def parse_from_node(parts: Sequence[bytes]) -> Ack | Refusal | Value | None:
    """An ack, a refusal, a device's value, or None for the order to stop; raises MessageError."""
    kind, header = _kind_and_header(parts)
    if kind == b"stop":
        return None
    if kind == b"ack":
        return _decode(header, Ack)
    if kind == b"refuse":
        return _decode(header, Refusal)
    if kind == b"value":
        return _decode(header, Value)
    raise MessageError(f"message of kind {kind[:16]!r} refused: expected ack, refuse, value or stop")


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
