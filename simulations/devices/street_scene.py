"""A rendered street from a seed: pictures and the true boxes in them, in numpy alone.

Owns the look of the demo's camera and of the training set of `street-s`. It claims nothing about real streets. Called by street_clip.py,
by training/street_pictures.py and by tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from simulations.devices.street_actors import Actor, ActorKind, Box, Path
from simulations.devices.street_canvas import Canvas, Colour, Pixels

WIDTH = 320
"""Pixels."""
HEIGHT = 180
"""Pixels."""
ROAD_TOP = 84
"""Pixels from the top, like every y below."""
ROAD_BOTTOM = 150
MARGIN = 60
"""Pixels an actor walks outside the picture before it comes in again."""
LANES = ((100, -1), (114, -1), (130, 1), (145, 1))
"""Where the wheels of each lane stand, and which way it runs."""
CYCLE_LANES = (88, 149)
"""Where the wheels of two-wheelers stand."""
ACROSS_TOP = 78.0
ACROSS_LENGTH = 98.0
"""Where walks over the road begin, and how far they go, in pixels along y."""
SCALE_FAR = 0.75
SCALE_NEAR = 1.2
"""Size of an actor at the far and at the near edge of the street."""


@dataclass(frozen=True, slots=True)
class TrueBox:
    """Where an actor really is in a frame."""

    actor: int
    kind: ActorKind
    box: Box
    visible: float
    """Share of the box's painted pixels that nothing hides and the picture's edge does not cut, 0-1."""


@dataclass(frozen=True, slots=True)
class StreetFrame:
    """One picture with its truth."""

    pixels: Pixels
    boxes: tuple[TrueBox, ...]


class StreetScene:
    """The street of one seed; `frame_at` may be asked for any time in any order."""

    def __init__(self, seed: int, *, busy: float = 1.0) -> None:
        rng = Random(seed)  # noqa: S311 - a rendered street
        self._seed = seed
        self._light = rng.uniform(0.55, 1.15)
        self._noise = rng.uniform(2.0, 7.0)
        self._noise_rng = np.random.default_rng(seed)
        self._noise_field = self._noise_rng.normal(0, self._noise, (HEIGHT * 2, WIDTH * 2, 3)).astype(np.float32)
        self._background = _paint_background(rng)
        self.actors: tuple[Actor, ...] = _cast(rng, busy)

    def frame_at(self, time_s: float) -> StreetFrame:
        """The picture at `time_s`, noise and lighting included; the same time gives the same picture."""
        canvas = Canvas(self._background.copy())
        placed = sorted(self.actors, key=lambda actor: actor.path.at(time_s)[1])
        painted: list[tuple[Actor, Box, int]] = []
        for actor in placed:
            y = actor.path.at(time_s)[1]
            box = actor.paint(canvas, time_s, _scale_at(y))
            painted.append((actor, box, canvas.visible_pixels(actor.number)))
        truths = (_truth(canvas, actor, box, own_pixels) for actor, box, own_pixels in painted)
        return StreetFrame(self._lit(canvas.pixels, time_s), tuple(truth for truth in truths if truth.visible > 0))

    def _lit(self, pixels: Pixels, time_s: float) -> Pixels:
        tick = round(time_s * 1000)
        row, column = (tick * 7919 + self._seed) % HEIGHT, (tick * 104729 + self._seed) % WIDTH
        light = self._light * (1 + 0.03 * np.sin(time_s * 0.4))
        lit: NDArray[np.float32] = pixels * np.float32(light) + self._noise_field[row : row + HEIGHT, column : column + WIDTH]
        return np.clip(lit, 0, 255).astype(np.uint8)


def _scale_at(y: float) -> float:
    far, near = ROAD_TOP - 4, HEIGHT
    return SCALE_FAR + (SCALE_NEAR - SCALE_FAR) * min(max((y - far) / (near - far), 0.0), 1.0)


def _truth(canvas: Canvas, actor: Actor, box: Box, own_pixels: int) -> TrueBox:
    x1, _, x2, _ = box
    inside = max(min(x2, WIDTH) - max(x1, 0), 0) / (x2 - x1)
    in_front = canvas.visible_pixels(actor.number) / own_pixels if own_pixels else 0.0
    return TrueBox(actor.number, actor.kind, box, inside * in_front)


def _paint_background(rng: Random) -> Pixels:
    canvas = Canvas(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    sky = (rng.randint(190, 240), rng.randint(170, 220), rng.randint(140, 200))
    canvas.rectangle((0, 0, WIDTH, ROAD_TOP), sky)
    _paint_buildings(canvas, rng)
    pavement = rng.randint(130, 175)
    canvas.rectangle((0, ROAD_TOP - 14, WIDTH, ROAD_TOP), (pavement, pavement, pavement + 5))
    asphalt = rng.randint(70, 105)
    canvas.rectangle((0, ROAD_TOP, WIDTH, ROAD_BOTTOM), (asphalt, asphalt, asphalt))
    canvas.rectangle((0, ROAD_BOTTOM, WIDTH, HEIGHT), (pavement + 10, pavement + 10, pavement + 12))
    for y, dash in ((104, 12), (134, 12)):
        for x in range(-rng.randint(0, 23), WIDTH, dash * 2):
            canvas.rectangle((x, y, x + dash, y + 1), (210, 210, 210))
    canvas.rectangle((0, 118, WIDTH, 120), (70, 190, 220))
    crossing = rng.randint(60, 250)
    for y in range(ROAD_TOP + 2, ROAD_BOTTOM - 2, 7):
        canvas.rectangle((crossing, y, crossing + 26, y + 3), (205, 205, 205))
    return canvas.pixels


def _paint_buildings(canvas: Canvas, rng: Random) -> None:
    left = -rng.randint(0, 30)
    while left < WIDTH:
        width, top = rng.randint(34, 72), rng.randint(4, 38)
        wall: Colour = (rng.randint(70, 190), rng.randint(70, 190), rng.randint(80, 200))
        canvas.rectangle((left, top, left + width, ROAD_TOP - 14), wall)
        pane = rng.choice(((60, 60, 55), (90, 80, 70), (120, 200, 230)))
        for x in range(left + 4, left + width - 6, 11):
            for y in range(top + 5, ROAD_TOP - 24, 12):
                canvas.rectangle((x, y, x + 6, y + 7), pane)
        left += width + rng.randint(0, 8)


def _cast(rng: Random, busy: float) -> tuple[Actor, ...]:
    paths: list[tuple[ActorKind, Path]] = []
    for lane, way in LANES:
        speed = way * rng.uniform(38, 75)
        paths += [(ActorKind.VEHICLE, path) for path in _file_of(rng, lane, speed, count=_count(rng, 0, 2, busy))]
    for edge in CYCLE_LANES:
        speed = rng.choice((-1, 1)) * rng.uniform(24, 44)
        paths += [(ActorKind.TWO_WHEELER, path) for path in _file_of(rng, edge, speed, count=_count(rng, 0, 2, busy))]
    paths += [(ActorKind.PERSON, _walk_along(rng)) for _ in range(_count(rng, 1, 5, busy))]
    paths += [(ActorKind.PERSON, _walk_across(rng)) for _ in range(_count(rng, 0, 2, busy))]
    return tuple(Actor(number, kind, path, rng.randrange(1 << 30)) for number, (kind, path) in enumerate(paths, start=1))


def _walk_along(rng: Random) -> Path:
    """On one of the two pavements."""
    y = rng.choice((rng.uniform(76, 83), rng.uniform(ROAD_BOTTOM + 6, HEIGHT - 4)))
    speed = rng.choice((-1, 1)) * rng.uniform(7, 17)
    length = float(WIDTH + 2 * MARGIN)
    return Path(across=False, start=-MARGIN, length=length, fixed=y, speed=speed, phase=rng.uniform(0, length))


def _walk_across(rng: Random) -> Path:
    """From one pavement to the other, over the road."""
    x, speed = rng.uniform(40, 280), rng.choice((-1, 1)) * rng.uniform(9, 15)
    return Path(across=True, start=ACROSS_TOP, length=ACROSS_LENGTH, fixed=x, speed=speed, phase=rng.uniform(0, ACROSS_LENGTH))


def _count(rng: Random, least: int, most: int, busy: float) -> int:
    return round(rng.randint(least, most) * busy)


def _file_of(rng: Random, y: float, speed: float, *, count: int) -> list[Path]:
    """Actors of one lane keep their order and distance: they share a speed."""
    length = float(WIDTH + 2 * MARGIN)
    first = rng.uniform(0, length)
    phases = [first + slot * length / max(count, 1) + rng.uniform(-20, 20) for slot in range(count)]
    return [Path(across=False, start=-MARGIN, length=length, fixed=y, speed=speed, phase=phase) for phase in phases]
