"""Golden runs compared: what a model sees in its pictures, against what was recorded. Pure.

Boxes near the score threshold may come and go between processors; every surer box must be there again, at its place. Called by the
importer and by whoever tests a package again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from edge_ai.errors import AlgorithmError
from edge_ai.models.facts import Seen

OVERLAP_MIN = 0.85
"""Of a box with the recorded one."""
SCORE_TOLERANCE = 0.05
BOXES_MAX = 300

Pictures = Mapping[str, Sequence[Seen]]


class _Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pictures: dict[str, tuple[Seen, ...]]


def encode_expected(pictures: Pictures) -> bytes:
    """The content of golden/expected.json."""
    rounded = {name: tuple(_rounded(seen) for seen in boxes) for name, boxes in sorted(pictures.items())}
    return msgspec.json.format(msgspec.json.encode(_Expected(rounded)), indent=1)


def decode_expected(raw: bytes) -> dict[str, tuple[Seen, ...]]:
    """The inverse of `encode_expected`; raises AlgorithmError."""
    try:
        return msgspec.json.decode(raw, type=_Expected).pictures
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AlgorithmError(f"golden/expected.json refused: {error}; import the model again") from error


def differences(expected: Pictures, found: Pictures, *, score_min: float) -> list[str]:
    """What differs, in words; empty when the model still sees what was recorded."""
    words = []
    for name, boxes in expected.items():
        seen = found.get(name, ())
        words += [f"{name}: {_told(box)} was there and is not" for box in _unmatched(boxes, seen, score_min)]
        words += [f"{name}: {_told(box)} is new" for box in _unmatched(seen, boxes, score_min)]
    return words


def _unmatched(boxes: Sequence[Seen], others: Sequence[Seen], score_min: float) -> list[Seen]:
    sure = [box for box in boxes if box.score >= score_min + SCORE_TOLERANCE]
    return [box for box in sure if not any(_alike(box, other) for other in others)]


def _alike(one: Seen, other: Seen) -> bool:
    is_same = one.label == other.label and abs(one.score - other.score) <= SCORE_TOLERANCE
    return is_same and overlap(one.box, other.box) >= OVERLAP_MIN


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes given by their corners."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    whole = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - shared
    return shared / whole if whole > 0 else 0.0


def _told(box: Seen) -> str:
    return f"{box.label} {box.score:.2f}"


def _rounded(seen: Seen) -> Seen:
    left, top, right, bottom = (round(side, 5) for side in seen.box)
    return Seen(label=seen.label, score=round(seen.score, 4), box=(left, top, right, bottom))
