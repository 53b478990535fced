"""The gauge on rendered scenes with a known level: nothing here is a real river."""

from __future__ import annotations

import numpy as np
import pytest

from edge_ai.picture import Pixels
from edge_ai.rules import Rule, RuleOutcome
from edge_ai.rules.gauge import read_gauge
from edge_ai.spec import RuleKind
from sync.model import Instant
from tests.edge_ai.rules.scripted import CLASSES, said, spec

HEIGHT, WIDTH = 360, 640
FOOT, TOP = (0.5, 0.9), (0.5, 0.1)
ERROR_MAX = 0.04
"""Share of the staff by which a reading may be off."""


def river(level: float, seed: int, *, light: float = 1.0, noise: float = 4.0, fog: float = 0.0) -> Pixels:
    """A staff of black and white marks before a wall, with rippled water up to `level` (share of the staff)."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH, 3), 120.0)
    foot, top = round(FOOT[1] * HEIGHT), round(TOP[1] * HEIGHT)
    for index, y in enumerate(range(top, foot, 6)):
        picture[y : y + 6, 310:330] = 220 if index % 2 else 40
    surface = round(foot - level * (foot - top))
    water = picture[surface:]
    ripples = 3 * np.sin(np.arange(len(water)) / 9.0 + seed)[:, None, None]
    water[:] = np.array([95.0, 90.0, 70.0]) + ripples
    picture = picture * (1 - fog) + 190 * fog
    return np.clip(picture * light + rng.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("light", [0.4, 1.0])
@pytest.mark.parametrize("level", [0.1, 0.3, 0.55, 0.8, 0.95])
def test_reading_is_the_rendered_level(level: float, light: float) -> None:
    read = read_gauge(river(level, 3, light=light), FOOT, TOP)
    assert read is not None
    assert abs(read - level) <= ERROR_MAX


def test_dry_staff_reads_zero_and_fog_reads_nothing() -> None:
    assert read_gauge(river(0.0, 1), FOOT, TOP) == 0.0
    assert read_gauge(river(0.5, 1, fog=0.97), FOOT, TOP) is None


def flow(rule: Rule, levels: list[float], *, start: int = 0) -> list[RuleOutcome]:
    outcomes: list[RuleOutcome] = []
    for index, level in enumerate(levels, start=start):
        now = Instant(0).plus(index * 60.0)
        outcomes += rule.update([], frozenset(), (WIDTH, HEIGHT), now, pixels=river(level, index))
    return outcomes


@pytest.mark.slow
def test_rising_water_is_one_event_that_ends_when_it_falls() -> None:
    gauge = Rule(spec(RuleKind.LEVEL, points=(FOOT, TOP), level_low=1.0, level_high=5.0, level_max=3.4), CLASSES)
    assert flow(gauge, [0.3] * 8) == []
    assert said(flow(gauge, [0.4, 0.5, 0.6, 0.65, 0.7, 0.7, 0.7, 0.7, 0.7], start=8)) == ["begun"]
    assert said(flow(gauge, [0.3] * 9, start=20)) == ["ended"]


def test_one_splash_is_no_flood() -> None:
    gauge = Rule(spec(RuleKind.LEVEL, points=(FOOT, TOP), level_max=0.6), CLASSES)
    assert flow(gauge, [0.3] * 6 + [0.9, 0.9] + [0.3] * 6) == []
