"""What of a picture nobody above may see, and how it is made unreadable: cells of one colour each, means of what was there.

Owns which part of a box may show a face or a plate. Nothing that sharpens or enlarges a picture brings back more than the cells hold,
because only their means leave. Refuses to leave anything sharp unless the detector finds persons and vehicles: else the whole picture is
coarse; and to leave a thing sharp that is not known to show nobody. Called by recent.py, and by clip.py for each picture of a clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import cv2
import numpy as np

from edge_ai.picture import DETECTIONS_MAX, Detections, Pixels

MOSAIC_CELLS = 96
"""Squares across a picture masked whole: a face that fills a tenth of the width is ten squares wide, far below what recognition needs."""
VEHICLE_CELLS = 8
"""Cells along each side of a vehicle: a plate, a quarter of a car's width, is two of them."""
HEAD_CELLS = 4
"""Cells along each side of the upper third of a person: a face is two of them, where eight still tell people apart."""
PERSON_CLASSES = frozenset({"person"})
TWO_WHEELER_CLASSES = frozenset({"two-wheeler", "motorcycle", "motorbike", "bicycle"})
VEHICLES_WHOLE = (frozenset({"vehicle"}), frozenset({"car", "bus", "truck"}))
"""A detector that has all names of one of these finds every vehicle with a plate that it can."""
SHOW_NOBODY = frozenset(
    [
        "fire", "smoke", "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep",
        "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis",
        "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
        "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog",
        "pizza", "donut", "cake", "chair", "sofa", "couch", "pottedplant", "potted plant", "bed", "diningtable", "dining table", "toilet",
        "sink", "oven", "toaster", "microwave", "refrigerator", "vase", "scissors", "teddy bear", "hair drier", "toothbrush", "mouse",
        "remote", "keyboard", "cell phone", "book", "clock",
    ]
)  # fmt: skip
"""Classes whose boxes stay: things without face, plate or screen. Any other name is masked whole: a muck truck, a van or a plate that a
foreign model tells apart is no vehicle by name."""
HEAD_SHARE = 1 / 3
"""Of a person's box from its top, without a model that finds faces."""
HEAD_WIDTHS = 0.75
"""Of a person's box from its top, in widths, where that is more: who is cut by the edge or stands behind a counter shows little else."""
MARGIN = 0.1
"""Share of its size by which a box grows on each side: boxes are loose by about that much."""
RIDER = 0.75
"""Share of its height by which a two-wheeler's box grows upward: who rides sits above it."""

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels."""


class Masking(Enum):
    """What a picture that leaves its node went through."""

    MOSAIC = "mosaic"
    """Coarse as a whole."""
    BOXES = "boxes"
    """Coarse where a person or a vehicle was found."""
    NONE = "none"
    """As it was taken: a rendered scene, which shows nobody."""


def masking_for(classes: Sequence[str], *, shows_people: bool) -> Masking:
    """How pictures are masked whose boxes are of these classes."""
    if not shows_people:
        return Masking.NONE
    known = frozenset(classes)
    finds_all = known >= PERSON_CLASSES and any(known >= whole for whole in VEHICLES_WHOLE)
    return Masking.BOXES if finds_all else Masking.MOSAIC


def mosaic(pixels: Pixels, cells_wide: int = MOSAIC_CELLS) -> Pixels:
    """`pixels` in squares so coarse that nobody's face and no plate can be read, of the same size; at most `cells_wide` across."""
    height, width = pixels.shape[:2]
    cells = (min(cells_wide, width), max(1, min(cells_wide, width) * height // width))
    coarse = cv2.resize(pixels, cells, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def masked_boxes(pixels: Pixels, seen: Sequence[Detections], classes: Sequence[str]) -> Pixels:
    """A copy of `pixels` with every box of `seen` masked but those of things that show nobody."""
    masked = pixels.copy()
    for found in seen:
        for box, label in zip(found.boxes, found.classes, strict=True):
            _mask_thing(masked, box.tolist(), classes[int(label)])
    return masked


def is_crowded(seen: Detections) -> bool:
    """True where a detector may have seen more than it tells: who is beyond its last box would stay sharp."""
    return len(seen) >= DETECTIONS_MAX


def pixelate(pixels: Pixels, box: Box, cells: int) -> None:
    """Paint `box`, cut at the picture's edge, in at most `cells` x `cells` means of what is there."""
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    if x2 <= x1 or y2 <= y1:
        return
    rows, columns = _edges(y2 - y1, cells), _edges(x2 - x1, cells)
    part = pixels[y1:y2, x1:x2].astype(np.uint64)
    sums = np.add.reduceat(np.add.reduceat(part, rows, axis=0), columns, axis=1)
    high, wide = np.diff([*rows, y2 - y1]), np.diff([*columns, x2 - x1])
    areas = (high[:, None] * wide[None, :]).astype(np.uint64)[..., None]
    means = ((sums + areas // 2) // areas).astype(np.uint8)
    pixels[y1:y2, x1:x2] = np.repeat(np.repeat(means, high, axis=0), wide, axis=1)


def _edges(length: int, cells: int) -> list[int]:
    """Where cells begin: at most `cells` of nearly one size, none empty."""
    count = min(cells, length)
    return [length * index // count for index in range(count)]


def _mask_thing(pixels: Pixels, box: Sequence[float], name: str) -> None:
    x1, y1, x2, y2 = box
    wide, high = x2 - x1, y2 - y1
    left, right = x1 - MARGIN * wide, x2 + MARGIN * wide
    if name in PERSON_CLASSES:
        # Somebody who lies, sits or bends has the head anywhere in the box.
        bottom = y1 + max(high * HEAD_SHARE, wide * HEAD_WIDTHS) if high > wide else y2 + MARGIN * high
        pixelate(pixels, _whole(left, y1 - MARGIN * high, right, bottom), HEAD_CELLS)
    elif name not in SHOW_NOBODY:
        above = RIDER if name in TWO_WHEELER_CLASSES else MARGIN
        pixelate(pixels, _whole(left, y1 - above * high, right, y2 + MARGIN * high), VEHICLE_CELLS)


def _whole(x1: float, y1: float, x2: float, y2: float) -> Box:
    """Whole pixels around a box, kept small enough to count with."""
    low, high = -1e6, 1e6
    return (
        int(np.floor(np.clip(x1, low, high))),
        int(np.floor(np.clip(y1, low, high))),
        int(np.ceil(np.clip(x2, low, high))),
        int(np.ceil(np.clip(y2, low, high))),
    )
