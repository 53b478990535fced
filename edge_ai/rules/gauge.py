"""The water at a gauge staff, read as how much of the staff's pattern still shows above it.

A staff has marks, so brightness changes quickly along it; water has few. The reading is the point that best parts a lively upper from a
calm lower stretch. Proved on rendered scenes only. Pure numpy; called by rule.py.
"""

from __future__ import annotations

from collections import deque
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Pixels
from edge_ai.rule_spec import RuleSpec
from edge_ai.rules.crowd import stand_in
from edge_ai.rules.outcome import Begun, Ended, RuleOutcome
from edge_ai.rules.places import Places
from edge_ai.rules.view import Agreement, View
from edge_ai.zones import Point
from sync.model import Instant

SAMPLES = 240
"""Points along the staff."""
ACROSS = 7
"""Points across it whose mean is taken: noise goes, marks stay."""
WIDTH_SHARE = 0.02
"""Half the width that is looked at, as a share of the staff's length."""
WINDOW = 13
"""Points along the staff among which brightness is compared."""
LIVELY_MIN = 6.0
"""Grey levels of spread that a visible staff shows at least."""
CALM_SHARE = 0.45
"""The calm stretch spreads at most this share of the lively one, else there is no edge between them."""
READINGS = 5
"""Newest readings whose median counts."""
EASE = 0.02
"""Share of the gauge's range by which the level must fall below `level_max` before the event ends."""
PLACE = "gauge"

Doubles = NDArray[np.float64]


class Gauge:
    """The level rule of one staff."""

    def __init__(self, spec: RuleSpec) -> None:
        self._spec = spec
        self._places = Places(spec.silence_s)
        self._readings: deque[float] = deque(maxlen=READINGS)
        self._against = Agreement(spec.frames_min, spec.frames_window)

    @property
    def level(self) -> float | None:
        """The level now, in the gauge's unit; None while the staff cannot be read."""
        if len(self._readings) < READINGS:
            return None
        return self._spec.level_low + median(self._readings) * (self._spec.level_high - self._spec.level_low)

    def step(self, view: View) -> list[RuleOutcome]:
        """Take one picture; one on which the staff cannot be read changes nothing."""
        share = None if view.pixels is None else read_gauge(view.pixels, self._spec.points[0], self._spec.points[1])
        if share is not None:
            self._readings.append(share)
        level = self.level
        if share is None or level is None:
            return []
        is_open = PLACE in self._places.open
        ease = EASE * (self._spec.level_high - self._spec.level_low) if is_open else 0.0
        if not self._against.enough((level >= self._spec.level_max - ease) is not is_open):
            return []
        if is_open:
            return self.close(view.now)
        if not self._places.begin(PLACE, view.now, stays_open=True):
            return []
        self._against.clear()
        return [Begun(self._spec.name, PLACE, stand_in(self._spec, view), ends_at_once=False, label="level")]

    def close(self, now: Instant) -> list[RuleOutcome]:
        """The rule goes off, or the water has fallen."""
        self._against.clear()
        if PLACE not in self._places.open:
            return []
        self._places.end(PLACE, now)
        return [Ended(self._spec.name, PLACE)]


def read_gauge(pixels: Pixels, foot: Point, top: Point) -> float | None:
    """Share of the staff from `foot` to `top` (shares of the picture) that stands in water; None when no staff is seen there."""
    spread = _spread(_along(pixels, foot, top))
    edge, calm, lively = _split(spread)
    if lively < LIVELY_MIN:
        return None
    if calm > CALM_SHARE * lively:
        return 0.0 if float(np.median(spread)) >= LIVELY_MIN else None
    return edge / len(spread)


def _along(pixels: Pixels, foot: Point, top: Point) -> Doubles:
    """Mean brightness from the foot to the top."""
    height, width = pixels.shape[:2]
    start, end = np.array([foot[0] * width, foot[1] * height]), np.array([top[0] * width, top[1] * height])
    way = end - start
    aside = np.array([-way[1], way[0]]) * WIDTH_SHARE
    steps, across = np.linspace(0, 1, SAMPLES), np.linspace(-1, 1, ACROSS)
    points = start + steps[:, None, None] * way + across[None, :, None] * aside
    columns = np.clip(points[..., 0].round().astype(np.intp), 0, width - 1)
    rows = np.clip(points[..., 1].round().astype(np.intp), 0, height - 1)
    brightness: Doubles = pixels[rows, columns].astype(np.float64).mean(axis=(1, 2))
    return brightness


def _spread(brightness: Doubles) -> Doubles:
    """How much brightness varies around each point."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(brightness, WINDOW // 2, mode="edge"), WINDOW)
    spread: Doubles = windows.std(axis=1)
    return spread


def _split(spread: Doubles) -> tuple[int, float, float]:
    """The point that parts `spread` with the least squared error, and the means below and above it."""
    count = np.arange(1, len(spread))
    low = np.cumsum(spread)[:-1]
    high = spread.sum() - low
    gain = low**2 / count + high**2 / (len(spread) - count)
    edge = int(gain.argmax()) + 1
    return edge, float(spread[:edge].mean()), float(spread[edge:].mean())
