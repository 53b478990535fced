"""The rendered street three times as fast, so that a test with real processes waits a second for an event and not three."""

from __future__ import annotations

from pathlib import Path

from edge_ai.clips import write_clip
from simulations.devices.street_scene import StreetScene

SEED, SCENE_FPS, SCENE_S = 21, 10.0, 6.0
QUICKER = 3.0
ANALYSED_FPS = 5.0 * QUICKER
"""Analysed pictures a second for which the tracker sees the steps it is used to."""


def write_quick_street(path: Path) -> None:
    """Six seconds of the street in two."""
    scene = StreetScene(SEED)
    write_clip((scene.frame_at(index / SCENE_FPS).pixels for index in range(round(SCENE_FPS * SCENE_S))), path, SCENE_FPS * QUICKER)
