"""A clip of the rendered street for the demo's camera. Called by the demo and by tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_ai.clips import write_clip
from simulations.devices.street_canvas import Pixels
from simulations.devices.street_scene import StreetScene

SECONDS_MAX = 600.0


def write_street_clip(path: Path, *, seed: int, seconds: float = 60.0, fps: float = 10.0, scale: int = 1) -> int:
    """Render `seconds` of the street of `seed` into a clip at `path` (see edge_ai/clips.py); the number of frames. About 4 ms a frame.

    Each pixel becomes `scale` x `scale` of them.
    """
    if not 0 < seconds <= SECONDS_MAX:
        raise ValueError(f"a clip of {seconds} s refused: give more than 0, at most {SECONDS_MAX:g}")
    return write_clip(_frames(StreetScene(seed), round(seconds * fps), fps, scale), path, fps)


def _frames(scene: StreetScene, count: int, fps: float, scale: int) -> Iterator[Pixels]:
    for index in range(count):
        pixels = scene.frame_at(index / fps).pixels
        yield pixels if scale == 1 else pixels.repeat(scale, 0).repeat(scale, 1)
