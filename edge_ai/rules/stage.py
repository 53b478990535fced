"""The second stage: a classifier that looks at a thing's crop before the thing counts for a rule.

Owns when it is asked: at most once per track and second, never again after it said yes. Called by book.py; the classifiers come from
whoever builds the book.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from edge_ai.errors import ModelError
from edge_ai.picture import Floats, Pixels
from edge_ai.tracking.tracker import Track
from sync.model import Instant

ASK_S = 1.0
"""Seconds between two questions about one track."""


class SecondStage(Protocol):
    """Says what a box shows. Implementations: Classifier of edge_ai/detectors; a scripted one in tests."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""

    def look_at(self, pixels: Pixels, box: Floats) -> tuple[int, float] | None:
        """Class and score of a box (corners in pixels); None when nothing is sure enough. Raises ModelError."""


class SecondLook:
    """What the second stage has said of the tracks of one rule."""

    def __init__(self, stage: SecondStage, wanted: str) -> None:
        self._stage, self._wanted = stage, stage.classes.index(wanted)
        self._confirmed: set[int] = set()
        self._asked: dict[int, Instant] = {}
        self.trouble = ""
        """Why the newest question had no answer; empty when it had one."""

    def confirmed(self, tracks: Iterable[Track], alive: frozenset[int], pixels: Pixels, now: Instant) -> list[Track]:
        """The tracks that the second stage has called `wanted`."""
        self._confirmed &= alive
        self._asked = {number: at for number, at in self._asked.items() if number in alive}
        return [track for track in tracks if track.id in self._confirmed or self._ask(track, pixels, now)]

    def _ask(self, track: Track, pixels: Pixels, now: Instant) -> bool:
        asked = self._asked.get(track.id)
        if asked is not None and now.seconds_since(asked) < ASK_S:
            return False
        self._asked[track.id] = now
        try:
            said = self._stage.look_at(pixels, np.array(track.box, np.float32))
        except ModelError as error:
            self.trouble = error.told
            return False
        self.trouble = ""
        if said is None or said[0] != self._wanted:
            return False
        self._confirmed.add(track.id)
        return True
