"""Gives detections of consecutive pictures an identity.

Owns association and the life of a track; knows nothing of rules. Called by edge_ai/analysis/pipeline.py.
Source: Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every Detection Box, 2022 (arXiv:2110.06864): confident boxes first,
then the doubtful ones to the tracks that are left. Our own, for 5 frames a second: true time steps, and widened boxes for tracks whose
place is not sure (seen once, or missed), which also slow down while they are missed. The three numbers of that were chosen on PETS.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import lap
import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Detections, Floats, overlap_matrix
from edge_ai.tracking.kalman import BoxFilters

TRACKS_MAX = 200
"""Tracks of one camera; more boxes than that start none."""
OVERLAP_FIRST = 0.15
"""Least overlap with a confident box."""
OVERLAP_SECOND = 0.4
"""Least overlap with a doubtful box."""
OVERLAP_WIDENED = 0.1
"""Least overlap of widened boxes, for tracks seen once or missed."""
WIDEN = 0.5
"""Share of its size by which a box grows on each side for a track whose place is not sure."""
OTHER_CLASS = 0.5
"""Factor on the overlap of a box whose class is not the track's."""
HITS_TO_CONFIRM = 2
MISSES_MAX = 15
"""Analysed pictures in a row without a box after which a track ends: 3 s at 5 a second, a walk behind a lamp post and its sign."""
MISSED_S_MAX = 3.0
"""Seconds after which it ends with fewer of them: a quiet camera is analysed each few seconds, and who left it is gone."""
MISSES_MIN = 2
"""Pictures without a box that it takes in any case."""
MISSED_SPEED_KEPT = 0.8
"""Share of its speed that a missed track keeps per picture: who is hidden turns or stops as often as not."""
TIME_SLACK_S = 0.05
"""Pictures do not come on the dot."""
STEP_SECONDS_MAX = 1.0
"""Longer gaps are predicted as this long: a constant speed says nothing about later."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Track:
    """One tracked thing in the newest picture."""

    id: int
    label: int
    """Class index with the highest sum of scores so far."""
    score: float
    """Of the newest box."""
    box: tuple[float, float, float, float]
    """The newest box, not cut at the picture's edge."""
    hits: int


@dataclass(slots=True)
class _Life:
    id: int
    votes: dict[int, float] = field(default_factory=dict)
    score: float = 0.0
    hits: int = 0
    misses: int = 0
    missed_s: float = 0.0
    """Since the newest box."""

    @property
    def is_over(self) -> bool:
        """True when it will hardly be seen again; one that was seen once only is not waited for."""
        if self.hits < HITS_TO_CONFIRM:
            return self.misses > 1
        return self.misses > MISSES_MAX or (self.misses > MISSES_MIN and self.missed_s > MISSED_S_MAX + TIME_SLACK_S)

    @property
    def label(self) -> int:
        return max(self.votes, key=lambda label: self.votes[label])


class Tracker:
    """Tracks of one camera. `score_high` parts confident from doubtful boxes; only confident ones start a track."""

    def __init__(self, *, score_high: float) -> None:
        self._score_high = score_high
        self._filters = BoxFilters()
        self._lives: list[_Life] = []
        self._next_id = 1

    def update(self, seen: Detections, seconds: float) -> list[Track]:
        """Take the boxes of a picture `seconds` after the last one; the confirmed tracks that have a box in it."""
        self._filters.slow(self._rows_missed(), MISSED_SPEED_KEPT)
        self._filters.predict(min(seconds, STEP_SECONDS_MAX))
        high = np.nonzero(seen.scores >= self._score_high)[0]
        low = np.nonzero(seen.scores < self._score_high)[0]
        expected = self._filters.boxes()
        pairs: list[tuple[int, int]] = []
        rest, high = self._associate(_rows(len(self._lives)), high, seen, expected, pairs, least=OVERLAP_FIRST)
        rest, high = self._associate_unsure(rest, high, seen, expected, pairs)
        known = np.array([row for row in rest if self._lives[row].misses == 0], np.intp)
        self._associate(known, low, seen, expected, pairs, least=OVERLAP_SECOND)
        self._settle(pairs, seen, seconds)
        current = self._current(pairs, seen)
        self._drop_dead()
        self._begin(high, seen)
        return current

    @property
    def alive(self) -> frozenset[int]:
        """Ids of all tracks that may still be seen again."""
        return frozenset(life.id for life in self._lives)

    def clear(self) -> None:
        """Forget all tracks: the next picture is no neighbour of the last."""
        self._filters, self._lives = BoxFilters(), []

    def _associate(
        self, tracks: Indices, boxes: Indices, seen: Detections, expected: Floats, pairs: list[tuple[int, int]], *, least: float
    ) -> tuple[Indices, Indices]:
        if not len(tracks) or not len(boxes):
            return tracks, boxes
        overlap = overlap_matrix(expected[tracks], seen.boxes[boxes])
        return _match(overlap * self._class_factor(tracks, boxes, seen), tracks, boxes, pairs, least=least)

    def _associate_unsure(
        self, tracks: Indices, boxes: Indices, seen: Detections, expected: Floats, pairs: list[tuple[int, int]]
    ) -> tuple[Indices, Indices]:
        unsure = np.array([row for row in tracks if self._lives[row].hits == 1 or self._lives[row].misses > 0], np.intp)
        if not len(unsure) or not len(boxes):
            return tracks, boxes
        factor = self._class_factor(unsure, boxes, seen)
        factor[factor < 1] = 0  # two uncertainties are one too many: a hidden car does not come back as a bicycle
        overlap = overlap_matrix(_widened(expected[unsure]), _widened(seen.boxes[boxes])) * factor
        left, boxes = _match(overlap, unsure, boxes, pairs, least=OVERLAP_WIDENED)
        taken = set(unsure.tolist()) - set(left.tolist())
        return np.array([row for row in tracks if row not in taken], np.intp), boxes

    def _rows_missed(self) -> Indices:
        return np.array([row for row, life in enumerate(self._lives) if life.misses > 0], np.intp)

    def _class_factor(self, tracks: Indices, boxes: Indices, seen: Detections) -> Floats:
        labels = np.array([self._lives[row].label for row in tracks])
        factor: Floats = np.where(labels[:, None] == seen.classes[boxes][None, :], np.float32(1), np.float32(OTHER_CLASS))
        return factor

    def _settle(self, pairs: list[tuple[int, int]], seen: Detections, seconds: float) -> None:
        for life in self._lives:
            life.misses += 1
            life.missed_s += seconds
        for row, box in pairs:
            life, score, label = self._lives[row], float(seen.scores[box]), int(seen.classes[box])
            life.votes[label] = life.votes.get(label, 0.0) + score
            life.score, life.misses, life.missed_s, life.hits = score, 0, 0.0, life.hits + 1
        if pairs:
            rows, boxes = (np.array(column, np.intp) for column in zip(*pairs, strict=True))
            self._filters.correct(rows, seen.boxes[boxes])

    def _current(self, pairs: list[tuple[int, int]], seen: Detections) -> list[Track]:
        found = []
        for row, box in pairs:
            life = self._lives[row]
            if life.hits >= HITS_TO_CONFIRM:
                x1, y1, x2, y2 = (float(value) for value in seen.boxes[box])
                found.append(Track(life.id, life.label, life.score, (x1, y1, x2, y2), life.hits))
        return found

    def _drop_dead(self) -> None:
        rows = [row for row, life in enumerate(self._lives) if not life.is_over]
        if len(rows) == len(self._lives):
            return
        self._filters.keep(np.array(rows, np.intp))
        self._lives = [self._lives[row] for row in rows]

    def _begin(self, boxes: Indices, seen: Detections) -> None:
        room = boxes[: max(0, TRACKS_MAX - len(self._lives))]
        for box in room:
            self._lives.append(_Life(self._next_id, {int(seen.classes[box]): float(seen.scores[box])}, float(seen.scores[box]), hits=1))
            self._next_id += 1
        if len(room):
            self._filters.add(seen.boxes[room])


def _rows(count: int) -> Indices:
    return np.arange(count, dtype=np.intp)


def _widened(boxes: Floats) -> Floats:
    grow = (boxes[:, 2:] - boxes[:, :2]) * WIDEN
    widened: Floats = np.concatenate([boxes[:, :2] - grow, boxes[:, 2:] + grow], axis=1)
    return widened


def _match(likeness: Floats, tracks: Indices, boxes: Indices, pairs: list[tuple[int, int]], *, least: float) -> tuple[Indices, Indices]:
    """Pair rows and columns of highest total likeness, none below `least`; appends to `pairs`, returns what is left of both."""
    assigned, _ = lap.lapjv(1 - likeness.astype(np.float64), extend_cost=True, cost_limit=1 - least, return_cost=False)
    rows = np.nonzero(assigned >= 0)[0]
    pairs += [(int(tracks[row]), int(boxes[assigned[row]])) for row in rows]
    free = np.ones(len(boxes), np.bool_)
    free[assigned[rows]] = False
    return tracks[assigned < 0], boxes[free]
