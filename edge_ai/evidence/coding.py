"""Pictures as JPEG: the masked one small enough to travel, its thumbnail, and the original as it was taken.

Owns quality and bounds of what is coded. Called by recent.py, and by tests and the demo for single pictures.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from edge_ai.errors import EvidenceError
from edge_ai.picture import Pixels
from edge_ai.reasons import reason
from edge_ai.wire.events import JPEG_BYTES_MAX, ORIGINAL_BYTES_MAX, THUMB_HEIGHT_MAX, THUMB_WIDTH_MAX, EvidenceInfo, Overlay

JPEG_QUALITY = 90
SHRINK = 0.75
ANCHOR = b"original sha256 "
ANCHOR_BYTES_MAX = 100
"""Bytes of the comment in a masked picture that names its original."""
SHRINKS_MAX = 12
"""Times a picture is made smaller before it is given up: 0.75^12 is 3 % of the width."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves an event. All bytes are empty where no picture could be made; `info.missing` says why."""

    info: EvidenceInfo
    jpeg: bytes
    """Masked; this one travels."""
    thumb_rgb: bytes
    """Of the masked picture, row by row."""
    overlays: tuple[Overlay, ...]
    original: bytes = b""
    """JPEG as it was taken; it stays at the node. Empty: none is kept."""


def make_evidence(
    pixels: Pixels, overlays: tuple[Overlay, ...] = (), *, original: Pixels | None = None, masking: str = "", kept_sha256: str = ""
) -> Evidence:
    """JPEG of at most 200 KB, thumbnail of at most 96x54 and hashes of masked `pixels` and of the `original`; raises EvidenceError.

    `kept_sha256` names an original that lies at the node already.
    """
    kept = b"" if original is None else jpeg_of(original, bytes_max=ORIGINAL_BYTES_MAX)
    digest = hashlib.sha256(kept).hexdigest() if kept else kept_sha256
    jpeg = anchored(jpeg_of(pixels, bytes_max=JPEG_BYTES_MAX - ANCHOR_BYTES_MAX), digest)
    height, width = pixels.shape[:2]
    factor = min(THUMB_WIDTH_MAX / width, THUMB_HEIGHT_MAX / height, 1.0)
    size = (max(1, int(width * factor)), max(1, int(height * factor)))
    thumb = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    info = EvidenceInfo(hashlib.sha256(jpeg).hexdigest(), size[0], size[1], digest, len(kept), masking)
    return Evidence(info, jpeg, thumb.tobytes(), overlays, kept)


def anchored(jpeg: bytes, original_sha256: str) -> bytes:
    """`jpeg` with a comment that names the original (ITU T.81, B.2.4.5), so that the hash of what travels vouches for what stays."""
    if not original_sha256:
        return jpeg
    words = ANCHOR + original_sha256.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(words) + 2).to_bytes(2) + words + jpeg[2:]


def original_named_in(jpeg: bytes) -> str:
    """The SHA-256 of the original that a masked picture names; empty when it names none."""
    start = 6 + len(ANCHOR)
    return jpeg[start : start + 64].decode("ascii", "replace") if jpeg[2:4] == b"\xff\xfe" and jpeg[6:start] == ANCHOR else ""


def no_picture(why: str, overlays: tuple[Overlay, ...] = ()) -> Evidence:
    """An event whose picture could not be made or kept, for the reason `why`."""
    return Evidence(EvidenceInfo("", 0, 0, missing=why), b"", b"", overlays)


def jpeg_of(pixels: Pixels, *, bytes_max: int) -> bytes:
    """`pixels` at quality 90, made smaller until they fit; raises EvidenceError."""
    picture = pixels
    for _ in range(SHRINKS_MAX):
        made, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not made:
            break
        if coded.nbytes <= bytes_max:
            return coded.tobytes()
        picture = np.asarray(cv2.resize(picture, None, fx=SHRINK, fy=SHRINK, interpolation=cv2.INTER_AREA), np.uint8)
    raise EvidenceError(reason("picture-not-coded", bytes=bytes_max, width=pixels.shape[1], height=pixels.shape[0]))
