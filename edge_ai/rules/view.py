"""What a rule is shown of one analysed picture, and how it remembers a track's place. Pure; called by every kind of rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edge_ai.picture import Pixels
from edge_ai.tracking.tracker import Track
from edge_ai.zones import Point
from sync.model import Instant

STEP_S_MAX = 15.0
"""Seconds between two pictures that count as watched: in a longer gap nobody looked."""


@dataclass(frozen=True, slots=True)
class View:
    """One analysed picture."""

    tracks: tuple[Track, ...]
    alive: frozenset[int]
    """Ids of all tracks not given up yet, with a box in this picture or not."""
    size: tuple[int, int]
    """Width and height in pixels."""
    now: Instant
    seconds: float
    """Watched since the picture before: at most STEP_S_MAX."""
    pixels: Pixels | None = None

    def of(self, labels: frozenset[int]) -> Iterator[tuple[Track, Point]]:
        """The tracks of these classes, each with its anchor."""
        return ((track, anchor(track, self.size)) for track in self.tracks if track.label in labels)

    def box(self, track: Track) -> tuple[float, float, float, float]:
        """The track's box in shares."""
        (x1, y1, x2, y2), (width, height) = track.box, self.size
        return x1 / width, y1 / height, x2 / width, y2 / height


class Agreement:
    """Whether enough of the last pictures say yes: `needed` of `of`."""

    __slots__ = ("_bits", "_mask", "_needed")

    def __init__(self, needed: int, of: int) -> None:
        self._needed, self._mask, self._bits = needed, (1 << of) - 1, 0

    def enough(self, yes: bool) -> bool:
        """Take one more picture's word."""
        self._bits = (self._bits << 1 | yes) & self._mask
        return self._bits.bit_count() >= self._needed

    @property
    def fresh(self) -> bool:
        """True when none of the last pictures said yes."""
        return self._bits == 0

    def clear(self) -> None:
        """Forget all pictures."""
        self._bits = 0


@dataclass(slots=True)
class Visit:
    """What one rule remembers of one track."""

    anchor: Point
    against: Agreement
    """Pictures that contradict the settled answer."""
    settled: bool = False
    """In the zone, or right of the line, as far as enough pictures say."""
    crossed: bool = False
    """The pictures against it began with a way through the line itself, not around its end."""
    place: str = ""
    """Of the open event; empty while none is."""

    def settle(self, holds: bool) -> bool:
        """True when enough pictures say the opposite of the settled answer, which then flips."""
        if not self.against.enough(holds is not self.settled):
            return False
        self.settled = not self.settled
        self.against.clear()
        return True


def anchor(track: Track, size: tuple[int, int]) -> Point:
    """The bottom centre of the uncut box, where feet or wheels touch the ground, in shares."""
    x1, _, x2, y2 = track.box
    return (x1 + x2) / 2 / size[0], y2 / size[1]
