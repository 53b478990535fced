"""Training and test samples of `fire-smoke`, all from rendered scenes of given seeds: strips as the detector shows them, and their class.

A sample is a place of a scene: of something that burns or smokes, of a lure, or anywhere. Its class is what covers it in the newest
picture; what is neither clearly one nor the other is left out. Called by fire_train.py and fire_score.py.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.detectors.fire_smoke_crops import STEP, Box, strip_of
from training.fire_scene import FireFrame, FireScene, Pixels

SEED = 20261
TRAINING_SEEDS = range(1_000, 4_000)
CLASSES = ("fire", "smoke", "neither")
SIZE = (200, 140)
"""Pixels of a scene, as much of a picture that is 320 across."""
PICTURE_S = 0.2
"""Seconds between analysed pictures."""
PLACES = 9
"""Samples tried in one scene."""
FIRE_MIN, FIRE_NONE = 0.08, 0.01
"""Share of a box that burns in a sample of fire, and in one that is none."""
SMOKE_MIN, SMOKE_NONE = 0.3, 0.04
BURNING_BEFORE = 0.35
"""Share of scenes in which it burnt already when the background was learnt."""


def samples(seeds: range) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Strips (N x 48 x 192 x 3) and classes of all scenes of `seeds`."""
    strips: list[Pixels] = []
    classes: list[int] = []
    for seed in seeds:
        for strip, label in _of_scene(seed):
            strips.append(strip)
            classes.append(label)
    return np.stack(strips), np.array(classes, np.int64)


def _of_scene(seed: int) -> list[tuple[Pixels, int]]:
    rng = np.random.default_rng(seed + 7_000_000)
    what = rng.integers(10)
    scene = FireScene(seed, size=SIZE, fire=what < 4, smoke=what in (2, 3, 4, 5, 6))
    now_s = rng.uniform(2, 9)
    frames = [scene.frame_at(now_s - gap * STEP * PICTURE_S) for gap in (2, 1, 0)]
    pictures = [_coded(rng, picture) for picture in (_background(rng, scene, frames, now_s), *(frame.pixels for frame in frames))]
    found: list[tuple[Pixels, int]] = []
    for _ in range(PLACES):
        box = _place(rng, scene, now_s)
        label = _class_of(frames[-1], box)
        if label is not None:
            found.append((strip_of(pictures, box), label))
    return found


def _background(rng: np.random.Generator, scene: FireScene, frames: list[FireFrame], now_s: float) -> Pixels:
    """What a slow background would have learnt: the place as it was, or a mean of it burning, in slightly other light."""
    if rng.random() < BURNING_BEFORE:
        early = [scene.frame_at(now_s - 2.1 - 0.37 * back).pixels for back in range(3)]
        learnt = np.mean([*early, *(frame.pixels for frame in frames)], axis=0)
    else:
        learnt = np.mean([scene.frame_at(-now_s - 3.3 * back, burns=False).pixels for back in range(3)], axis=0)
    light = 1 + rng.normal(0, 0.06)
    return np.asarray(np.clip(learnt * light + rng.normal(0, 3), 0, 255), np.uint8)


def _place(rng: np.random.Generator, scene: FireScene, now_s: float) -> Box:
    """A box around something of the scene, not quite as it is, or anywhere."""
    boxes = [*scene.boxes, *scene.boxes, *(lure.box_at(now_s) for lure in scene.lures)]
    width, height = SIZE
    if boxes and rng.random() < 0.85:
        x1, y1, x2, y2 = boxes[rng.integers(len(boxes))]
        scale = np.exp(rng.uniform(-0.6, 0.3))
        wide, tall = min(x2 - x1, width) * scale, min(y2 - y1, height) * scale * np.exp(rng.uniform(-0.3, 0.1))
        x, y = (x1 + x2) / 2 + rng.normal(0, 0.15) * (x2 - x1), (y1 + y2) / 2 + rng.normal(0, 0.2) * (y2 - y1)
    else:
        wide, tall = rng.uniform(4, 60), rng.uniform(4, 60)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
    x, y = min(max(x, 2), width - 2), min(max(y, 2), height - 2)
    return max(x - wide / 2, 0), max(y - tall / 2, 0), min(x + wide / 2, width), min(y + tall / 2, height)


def _class_of(frame: FireFrame, box: Box) -> int | None:
    x1, y1, x2, y2 = (round(value) for value in box)
    inner = (slice(y1, max(y2, y1 + 1)), slice(x1, max(x2, x1 + 1)))
    fire, smoke = float(frame.fire[inner].mean()), float(frame.smoke[inner].mean())
    if fire >= FIRE_MIN:
        return 0
    if fire > FIRE_NONE:
        return None
    if smoke >= SMOKE_MIN:
        return 1
    return 2 if smoke <= SMOKE_NONE else None


def _coded(rng: np.random.Generator, picture: Pixels) -> Pixels:
    """As a camera's lens and coder leave it."""
    if rng.random() < 0.5:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1)), np.uint8)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
