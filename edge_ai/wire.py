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
CLIP_BYTES_MAX = 8 << 20
"""Of a clip as the camera sent it: 16 s at 4 Mbit/s. It lies in a file and never passes the socket."""
CLIP_FILE, CLIP_FACTS, CLIP_BOXES = ".ts", ".clip.json", ".boxes.json"
"""What a clip is made of, each named by its event: the pictures, what is known of them, and the boxes of its analysed pictures."""
HEADER_BYTES_MAX = 32_768
"""Bytes of a message's JSON."""
OVERLAYS_MAX = 100
"""Boxes drawn over one picture by whoever shows it."""
VIEW_BYTES_MAX = 100_000
"""Of one picture of a live view, which comes up to a few times a second."""
VIEW_TEXT_CHARS_MAX = 240
VIDEO_BYTES_MAX = 900_000
"""Of one piece of live video, which passes the socket: a single picture may weigh so much."""
MARK_BYTES_MAX = 1_024

T = TypeVar("T")
Text = Annotated[str, msgspec.Meta(max_length=128)]
Sha256 = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
EventName = Annotated[str, msgspec.Meta(pattern="^[0-9A-Za-z_-]{1,64}$")]
"""An event that may name a file."""


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


class ClipSpan(msgspec.Struct, frozen=True):
    """From when to when a clip of an event is wanted, by the monotonic clock of this machine in microseconds."""

    since_us: int
    at_us: int
    """Of the event, which the clip must not miss where it cannot have everything."""
    until_us: int


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
    clip: ClipSpan | None = None
    """What its rule wants of the camera's packets; None: no clip."""


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


LATENCY_STEPS = 56
"""Steps in which the times of a model are counted (edge_ai/models/usage.py)."""
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Step = Annotated[int, msgspec.Meta(ge=0, lt=LATENCY_STEPS)]


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a model did for a camera since the process told it last, each minute and at the end of the process."""

    camera: Text
    algorithm: Text
    version: Text
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Of the model; of the manifest where there is none."""
    frames: Count
    detections: Count
    failures: Count
    """Pictures that it could not look at."""
    steps: Annotated[tuple[tuple[Step, Count], ...], msgspec.Meta(max_length=LATENCY_STEPS)] = ()
    """Pictures by the step that their milliseconds fall into."""


class Refusal(msgspec.Struct, frozen=True):
    """The node tells a capture process not to read a camera, because nobody can analyse it."""

    camera: Text
    why: Annotated[str, msgspec.Meta(max_length=400)]


class ClipOrder(msgspec.Struct, frozen=True):
    """The node tells a capture process to keep the packets around an event."""

    event_id: EventName
    camera: Text
    span: ClipSpan


class ClipNote(msgspec.Struct, frozen=True):
    """A capture process tells what became of a clip: it lies in INCOMING, or `why` not."""

    event_id: EventName
    camera: Text
    why: Annotated[str, msgspec.Meta(max_length=64)] = ""


class ClipFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a clip, in the file beside it."""

    event_id: EventName
    camera: Text
    codec: Text
    sha256: Sha256
    bytes: Annotated[int, msgspec.Meta(ge=1, le=CLIP_BYTES_MAX)]
    pictures: Annotated[int, msgspec.Meta(ge=1)]
    seconds: Annotated[float, msgspec.Meta(ge=0, le=3_600)]
    began_us: int
    """Monotonic time of the first picture, as in ClipSpan."""
    wall_us: int
    """Its wall clock, microseconds since 1970 UTC."""
    cut: Text = ""
    """Why the clip ends before the span does; empty when it does not."""


class Opens(msgspec.Struct, frozen=True):
    """How many cameras a capture process may open in a second from now on: its part of what the node may."""

    per_s: Annotated[float, msgspec.Meta(gt=0)]


class ClipTask(msgspec.Struct, frozen=True):
    """What the node tells the throw-away process that makes a clip fit to leave (edge_ai/evidence/clip.py)."""

    text: str
    """To be burnt in."""
    began_us: int
    """Monotonic time of the clip's first picture."""
    boxes: bytes = b""
    """The file of boxes; empty: none, so nothing stays sharp."""
    whole: bool = False
    """True: nothing stays sharp, whatever was found: the camera's wish of now is stricter than that of then."""


class Remasked(msgspec.Struct, frozen=True):
    """A picture masked anew from its original, from the throw-away process that made it (edge_ai/evidence/remask.py)."""

    info: EvidenceInfo
    jpeg: Annotated[bytes, msgspec.Meta(max_length=JPEG_BYTES_MAX)]
    thumb_rgb: bytes


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


class ViewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody looks at a camera: the node asks the process that analyses it for its newest picture, masked and with `text` burnt in."""

    camera: Text
    number: Annotated[int, msgspec.Meta(ge=0)]
    """Of the question; the answer repeats it."""
    text: Annotated[str, msgspec.Meta(max_length=VIEW_TEXT_CHARS_MAX)]
    known_us: Annotated[int, msgspec.Meta(ge=0)] = 0
    """When the picture was taken that whoever looks has already; it is not made again."""


class ViewRow(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a ViewOrder; with a picture unless `missing` says why there is none."""

    camera: Text
    number: Annotated[int, msgspec.Meta(ge=0)]
    time_us: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] = 0
    """Wall clock of the picture."""
    masking: Text = ""
    """mosaic, boxes or none."""
    missing: Text = ""
    """same (the asker has it), no-picture, not-analysed, busy or not-coded; empty: the picture is there."""


class ViewMessage(msgspec.Struct, frozen=True):
    """A picture for somebody who looks; `jpeg` is empty where `row.missing` says why."""

    row: ViewRow
    jpeg: bytes = b""


class VideoOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody may see a camera unmasked: the node asks the process that reads it for the packets behind `mark`, as they came."""

    camera: Text
    number: Annotated[int, msgspec.Meta(ge=0)]
    """Of the question; the answer repeats it."""
    mark: Annotated[bytes, msgspec.Meta(max_length=MARK_BYTES_MAX)] = b""
    """As the answer before said; empty: begin with the newest key picture."""


class VideoRow(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a VideoOrder; with a piece of transport stream unless `missing` says why there is none."""

    camera: Text
    number: Annotated[int, msgspec.Meta(ge=0)]
    time_us: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] = 0
    """Wall clock of its last picture."""
    codec: Text = ""
    pictures: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    lost_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Seconds without pictures before the piece: the camera was away, or whoever watches is slower than it."""
    more: bool = False
    """True: what is behind the piece is here already."""
    mark: Annotated[bytes, msgspec.Meta(max_length=MARK_BYTES_MAX)] = b""
    """What the next order repeats; only the process that wrote it reads it."""
    missing: Text = ""
    """same (nothing new came), no-packets, not-connected, no-key-picture, other-codec or too-large; empty: the piece is there."""


class VideoMessage(msgspec.Struct, frozen=True):
    """A piece of live video; `data` is empty where `row.missing` says why."""

    row: VideoRow
    data: bytes = b""


class EventMessage(msgspec.Struct, frozen=True):
    """An event with its pictures; both blobs empty for the end of an event."""

    row: EventRow
    jpeg: bytes
    thumb_rgb: bytes
    original: bytes = b""
    """As it was taken, until the spool has made a file of it; it is no part of the message on the socket."""


Order = Ack | Refusal | Value | ViewOrder | VideoOrder | ClipOrder | Opens
"""What the node tells a worker, but for the order to end."""


def clip_order_parts(order: ClipOrder) -> list[bytes]:
    """The parts of an order for a clip on the socket."""
    return [b"clip-order", msgspec.json.encode(order)]


def clip_note_parts(note: ClipNote) -> list[bytes]:
    """The parts of a note about a clip on the socket."""
    return [b"clip", msgspec.json.encode(note)]


def event_parts(message: EventMessage) -> list[bytes]:
    """The parts of an event on the socket."""
    return [b"event", msgspec.json.encode(message.row), message.jpeg, message.thumb_rgb]


def state_parts(row: StateRow) -> list[bytes]:
    """The parts of a state on the socket."""
    return [b"state", msgspec.json.encode(row)]


def analysis_parts(row: AnalysisRow) -> list[bytes]:
    """The parts of the state of an analysis on the socket."""
    return [b"analysis", msgspec.json.encode(row)]


def usage_parts(row: UsageRow) -> list[bytes]:
    """The parts of a model's usage on the socket."""
    return [b"usage", msgspec.json.encode(row)]


def refusal_parts(refusal: Refusal) -> list[bytes]:
    """The parts of a refusal on the socket."""
    return [b"refuse", msgspec.json.encode(refusal)]


def opens_parts(opens: Opens) -> list[bytes]:
    """The parts of a share of openings on the socket."""
    return [b"opens", msgspec.json.encode(opens)]


def ack_parts(ack: Ack) -> list[bytes]:
    """The parts of an ack on the socket."""
    return [b"ack", msgspec.json.encode(ack)]


def view_order_parts(order: ViewOrder) -> list[bytes]:
    """The parts of a question for a picture on the socket."""
    return [b"look", msgspec.json.encode(order)]


def view_parts(message: ViewMessage) -> list[bytes]:
    """The parts of a picture for somebody who looks on the socket."""
    return [b"view", msgspec.json.encode(message.row), message.jpeg]


def video_order_parts(order: VideoOrder) -> list[bytes]:
    """The parts of a question for live video on the socket."""
    return [b"watch", msgspec.json.encode(order)]


def video_parts(message: VideoMessage) -> list[bytes]:
    """The parts of a piece of live video on the socket."""
    return [b"video", msgspec.json.encode(message.row), message.data]


STOP_PARTS = [b"stop", b"{}"]
"""The parts of the order to end."""


FromWorker = EventMessage | StateRow | AnalysisRow | UsageRow | ViewMessage | VideoMessage | ClipNote
"""What a worker tells the node."""


def parse_from_worker(parts: Sequence[bytes]) -> FromWorker:
    """The message in `parts`; raises MessageError naming what is wrong."""
    kind, header = _kind_and_header(parts)
    if kind == b"state" and len(parts) == 2:
        return _decode(header, StateRow)
    if kind == b"analysis" and len(parts) == 2:
        return _decode(header, AnalysisRow)
    if kind == b"usage" and len(parts) == 2:
        return _decode(header, UsageRow)
    if kind == b"clip" and len(parts) == 2:
        return _decode(header, ClipNote)
    if kind == b"event" and len(parts) == 4:
        return _checked(EventMessage(_decode(header, EventRow), parts[2], parts[3]))
    if kind == b"view" and len(parts) == 3:
        view = ViewMessage(_decode(header, ViewRow), parts[2])
        _check_size("view", view.row, len(view.jpeg), VIEW_BYTES_MAX)
        return view
    if kind == b"video" and len(parts) == 3:
        video = VideoMessage(_decode(header, VideoRow), parts[2])
        _check_size("video", video.row, len(video.data), VIDEO_BYTES_MAX)
        return video
    known = "state, analysis, usage or clip (2 parts), view or video (3), event (4)"
    raise MessageError(f"message of kind {kind[:16]!r} with {len(parts)} parts refused: expected {known}")


def value_parts(value: Value) -> list[bytes]:
    """The parts of a device's value on the socket."""
    return [b"value", msgspec.json.encode(value)]


_ORDERS: dict[bytes, type[Order]] = {
    b"ack": Ack, b"refuse": Refusal, b"value": Value, b"look": ViewOrder, b"watch": VideoOrder, b"clip-order": ClipOrder, b"opens": Opens,
}  # fmt: skip


def parse_from_node(parts: Sequence[bytes]) -> Order | None:
    """What the node tells, or None for the order to stop; raises MessageError."""
    kind, header = _kind_and_header(parts)
    if kind == b"stop":
        return None
    if kind not in _ORDERS:
        known = ", ".join(word.decode() for word in _ORDERS)
        raise MessageError(f"message of kind {kind[:16]!r} refused: expected stop, {known}")
    return _decode(header, _ORDERS[kind])


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


def _check_size(what: str, row: ViewRow | VideoRow, size: int, bytes_max: int) -> None:
    """Refuse an answer that does not have its bytes exactly where it says so."""
    if size > bytes_max or bool(size) is bool(row.missing):
        raise MessageError(f"{what} of {row.camera} refused: {size} bytes, at most {bytes_max}; missing: {row.missing or 'nothing'}")
