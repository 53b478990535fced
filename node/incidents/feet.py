"""Where the thing of an event stood: from the boxes kept beside its original, else from the cell of a grid that its place names.

Called by api.py for suggestions. Blocking.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from node.evidence.desk import EvidenceDesk
from node.evidence.errors import EvidenceFault
from node.incidents.events import SeenEvent

CELLS = 8
_CELL = re.compile(r"c([0-7])r([0-7])")

Foot = tuple[float, float]


def foot_of(evidence: EvidenceDesk, event: SeenEvent) -> Foot | None:
    """In shares of the picture; None where neither says."""
    cell = _CELL.fullmatch(event.place)
    middle = ((int(cell[1]) + 0.5) / CELLS, (int(cell[2]) + 0.5) / CELLS) if cell else None
    feet = _feet(_boxes(evidence, event.event_id), event.label)
    if not feet:
        return middle
    if middle is None:
        # Of an event about a whole zone or a line nothing says which of several things it was.
        return feet[0] if len(feet) == 1 else None
    return min(feet, key=lambda foot: (foot[0] - middle[0]) ** 2 + (foot[1] - middle[1]) ** 2)


def _boxes(evidence: EvidenceDesk, event_id: str) -> Sequence[object]:
    try:
        boxes = evidence.boxes(evidence.picture(event_id)).get("boxes")
    except EvidenceFault:
        return ()
    return boxes if isinstance(boxes, list) else ()


def _feet(boxes: Sequence[object], label: str) -> list[Foot]:
    """The feet of the boxes of a class; a file beside an original is data, and what is no box in it is passed over."""
    feet = []
    for each in boxes:
        box = each.get("box") if isinstance(each, Mapping) and each.get("class") == label else None
        if isinstance(box, list) and len(box) == 4 and all(isinstance(value, int | float) for value in box):
            feet.append(((box[0] + box[2]) / 2, float(box[3])))
    return feet
