"""From the picture to metres."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from edge_ai.errors import SpecError
from edge_ai.ground import Ground, GroundSpec

ROAD = GroundSpec(picture=((0.4, 0.3), (0.6, 0.3), (0.9, 0.9), (0.1, 0.9)), metres=((0, 40), (8, 40), (8, 0), (0, 0)))
"""A lane eight metres wide that runs forty metres away from the camera."""


def test_four_points_map_onto_themselves() -> None:
    for point, metres in zip(ROAD.picture, ROAD.metres, strict=True):
        assert Ground(ROAD).metres(point) == pytest.approx(metres, abs=1e-6)


def test_map_agrees_with_a_known_projection() -> None:
    rng, known = Random(5), np.array([[1.2, 0.1, 0.02], [0.05, 0.9, 0.1], [0.01, -0.3, 1.0]])

    def seen(metres: tuple[float, float]) -> tuple[float, float]:
        x, y, depth = np.linalg.inv(known) @ np.array([*metres, 1.0])
        return float(x / depth), float(y / depth)

    corners = ((0.1, 0.2), (0.9, 0.25), (0.85, 0.9), (0.15, 0.8))
    ground = Ground(GroundSpec(picture=tuple(seen(corner) for corner in corners), metres=corners))
    for _ in range(200):
        place = (rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9))
        assert ground.metres(seen(place)) == pytest.approx(place, abs=1e-6)


def test_point_above_the_horizon_lies_nowhere() -> None:
    assert Ground(ROAD).metres((0.5, 0.01)) is None
    assert Ground(ROAD).metres((0.5, 0.95)) is not None


def test_plain_scale_multiplies() -> None:
    assert Ground(GroundSpec(size_m=(20.0, 10.0))).metres((0.5, 0.5)) == (10.0, 5.0)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "give four of each, or size_m"),
        ({"size_m": (10.0,)}, "metres across and down"),
        ({"size_m": (0.0, 5.0)}, "above 0"),
        ({"picture": ROAD.picture, "metres": ROAD.metres[:3]}, "4 points in the picture and 3 in metres"),
        ({"picture": ((0, 0), (0.5, 0.5), (1, 1), (0.2, 0.2)), "metres": ROAD.metres}, "lie on one line"),
        ({"picture": ROAD.picture, "metres": ((0, 0), (1e9, 0), (1, 1), (0, 1))}, "farther than"),
    ],
)
def test_points_that_fix_no_map_are_refused(facts: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        GroundSpec(**facts)  # type: ignore[arg-type]
