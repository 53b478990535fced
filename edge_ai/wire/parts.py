"""A message as the parts that pass the socket, and back. Owns the kinds' names and every check of what comes.

The node treats a worker as hostile, so `parse_from_worker` checks sizes, types and hashes. Called by the workers and
node/cameras/supervisor.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from edge_ai.errors import MessageError
from edge_ai.wire.clips import ClipNote, ClipOrder
from edge_ai.wire.events import JPEG_BYTES_MAX, Ack, EventMessage, EventRow
from edge_ai.wire.states import AnalysisRow, Opens, Refusal, StateRow, UsageRow, Value
from edge_ai.wire.views import (
    VIDEO_BYTES_MAX,
    VIEW_BYTES_MAX,
    VideoMessage,
    VideoOrder,
    VideoRow,
    ViewMessage,
    ViewOrder,
    ViewRow,
)

HEADER_BYTES_MAX = 32_768
"""Bytes of a message's JSON."""
Order = Ack | Refusal | Value | ViewOrder | VideoOrder | ClipOrder | Opens
"""What the node tells a worker, but for the order to end."""
Row = StateRow | AnalysisRow | UsageRow | ClipNote
"""What a worker tells without a blob."""
FromWorker = Row | EventMessage | ViewMessage | VideoMessage
"""What a worker tells the node."""
STOP_PARTS = [b"stop", b"{}"]
"""The parts of the order to end."""

T = TypeVar("T")

_ORDERS: dict[bytes, type[Order]] = {
    b"ack": Ack, b"refuse": Refusal, b"value": Value, b"look": ViewOrder, b"watch": VideoOrder, b"clip-order": ClipOrder, b"opens": Opens,
}  # fmt: skip
_ROWS: dict[bytes, type[Row]] = {b"state": StateRow, b"analysis": AnalysisRow, b"usage": UsageRow, b"clip": ClipNote}
_KINDS = {type_: kind for kind, type_ in (*_ORDERS.items(), *_ROWS.items())}


def parts_of(message: Order | FromWorker) -> list[bytes]:
    """A message as it passes the socket: its kind, its JSON, its blobs."""
    if isinstance(message, EventMessage):
        return [b"event", msgspec.json.encode(message.row), message.jpeg, message.thumb_rgb]
    if isinstance(message, ViewMessage):
        return [b"view", msgspec.json.encode(message.row), message.jpeg]
    if isinstance(message, VideoMessage):
        return [b"video", msgspec.json.encode(message.row), message.data]
    return [_KINDS[type(message)], msgspec.json.encode(message)]


def parse_from_worker(parts: Sequence[bytes]) -> FromWorker:
    """The message in `parts`; raises MessageError naming what is wrong."""
    kind, header = _kind_and_header(parts)
    if kind in _ROWS and len(parts) == 2:
        return _decode(header, _ROWS[kind])
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
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
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
