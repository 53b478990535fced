"""Events with their pictures, as a worker tells them, and the node's word that one is committed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_ai.wire.clips import ClipSpan
from edge_ai.wire.words import Sha256, Text

JPEG_BYTES_MAX = 200_000
THUMB_WIDTH_MAX = 96
THUMB_HEIGHT_MAX = 54
ORIGINAL_BYTES_MAX = 4 << 20
"""Of a picture as it was taken; it lies in a file and never passes the socket."""
INCOMING = "incoming"
"""Folder below the node's `evidence/` where workers lay originals down for the node."""
OVERLAYS_MAX = 100
"""Boxes drawn over one picture by whoever shows it."""


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
    clip: ClipSpan | None = None
    """What its rule wants of the camera's packets; None: no clip."""


class EventMessage(msgspec.Struct, frozen=True):
    """An event with its pictures; both blobs empty for the end of an event."""

    row: EventRow
    jpeg: bytes
    thumb_rgb: bytes
    original: bytes = b""
    """As it was taken, until the spool has made a file of it; it is no part of the message on the socket."""


class Ack(msgspec.Struct, frozen=True):
    """The node has committed the event; `ended` says which of its two messages."""

    event_id: Text
    ended: bool


class Remasked(msgspec.Struct, frozen=True):
    """A picture masked anew from its original, from the throw-away process that made it (edge_ai/evidence/remask.py)."""

    info: EvidenceInfo
    jpeg: Annotated[bytes, msgspec.Meta(max_length=JPEG_BYTES_MAX)]
    thumb_rgb: bytes
