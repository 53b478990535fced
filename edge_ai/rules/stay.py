"""One thing that stays at a place, with or without a track: what a rule keeps of it, also on disk. Values only."""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[float, float, float, float]

OVERLAP_MIN = 0.3
"""Least overlap of a thing's box with where it stood for it to be the same thing."""
HOLD_S_MIN = 60.0
"""Watched seconds that a thing may go unseen before it counts as gone."""
HOLD_S_MAX = 600.0
"""The same for one that has stood for long: who drives off is seen to move, so a thing that only vanishes was more likely missed."""
MOVED_SIZES = 0.5
"""Share of its box's sides by which a still thing may wander from where it was first seen."""


@dataclass(slots=True)
class Stay:
    """A thing in the zone of a rule about staying; boxes are in shares of the picture."""

    label: str
    home: Box
    """Where it was when it began to stay."""
    box: Box
    """Where it was seen last."""
    stayed_s: float = 0.0
    """Watched seconds since it came; without its owner where the rule knows owners."""
    unseen_s: float = 0.0
    """Watched seconds since no track is it."""
    place: str = ""
    """Of the open event; empty while none is."""
    known: bool = False
    """Reported once: the same thing at the same place makes no second event, also after a restart."""

    @property
    def is_lost(self) -> bool:
        """True when it went unseen for too long to be there still."""
        return self.unseen_s > min(max(self.stayed_s, HOLD_S_MIN), HOLD_S_MAX)

    @property
    def has_moved(self) -> bool:
        """True when its foot is no longer where it began to stay."""
        x1, y1, x2, y2 = self.home
        across, down = abs(_middle(self.box) - _middle(self.home)), abs(self.box[3] - y2)
        return across > MOVED_SIZES * (x2 - x1) or down > MOVED_SIZES * (y2 - y1)


def overlap(left: Box, right: Box) -> float:
    """Intersection over union."""
    width = min(left[2], right[2]) - max(left[0], right[0])
    height = min(left[3], right[3]) - max(left[1], right[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(left) + _area(right) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _middle(box: Box) -> float:
    return (box[0] + box[2]) / 2
