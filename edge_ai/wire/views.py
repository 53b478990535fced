"""Looking at a camera now: a masked picture from who analyses it, or its packets from who reads it."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_ai.wire.words import Text

VIEW_BYTES_MAX = 100_000
"""Of one picture of a live view, which comes up to a few times a second."""
VIEW_TEXT_CHARS_MAX = 240
VIDEO_BYTES_MAX = 900_000
"""Of one piece of live video, which passes the socket: a single picture may weigh so much."""
PIECE_BYTES_MAX = 256 << 10
"""Of a piece, unless its first picture alone is larger: what lies on the way to a node above must not hold up its records for long."""
MARK_BYTES_MAX = 1_024


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
    bytes_max: Annotated[int, msgspec.Meta(ge=1, le=PIECE_BYTES_MAX)] = PIECE_BYTES_MAX
    """Of the piece, unless its first picture alone is larger."""


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
