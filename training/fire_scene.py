"""A rendered place from a seed where something may burn or smoke, among things that only look like it; with the truth, in numpy alone.

The training set of `fire-smoke` (training/fire_data.py) and the scenes it is measured on. It claims nothing about real fires. Called by
training and tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.fire_flames import CORE_MIN, Box, Canvas, Flame, Smoke, grid
from training.fire_lures import Lure, any_colour, lure_from
from training.fire_noise import Floats, cloudy, sampled

Pixels = NDArray[np.uint8]
LURES_MAX = 4


@dataclass(frozen=True, slots=True)
class FireFrame:
    """One picture and what of it burns or smokes."""

    pixels: Pixels
    fire: NDArray[np.bool_]
    """Pixels that burn."""
    smoke: NDArray[np.bool_]


class FireScene:
    """The place of one seed; `frame_at` may be asked for any second in any order."""

    def __init__(self, seed: int, *, size: tuple[int, int] = (320, 180), fire: bool, smoke: bool, lures: int | None = None) -> None:
        rng = np.random.default_rng(seed)
        self._size, self._seed = size, seed
        self._ground = _ground(rng, size)
        self._blurred = _blurred(self._ground, 7)
        self._clutter = [lure_from(rng, size, 2.0) for _ in range(rng.integers(0, LURES_MAX + 1) if lures is None else lures)]
        place = (rng.uniform(0.15, 0.85) * size[0], rng.uniform(0.45, 0.97) * size[1])
        self._flames = [_flame(rng, place, size)] if fire else []
        self._plumes = [_plume(rng, place, size, self._flames)] if smoke else []
        self._begins_s = rng.uniform(0, 4)
        self._screen = _screen(rng, self._flames)
        """What hides part of a flame: a window's frame, a fence."""
        self._light, self._unrest = rng.uniform(0.8, 1.25), rng.uniform(0, 0.03)
        self._noise = cloudy(rng, 0.2) - 0.5
        self._grain = rng.uniform(2, 16)
        self._jitter = rng.uniform(0, 0.7) if rng.random() < 0.3 else 0.0

    @property
    def lures(self) -> tuple[Lure, ...]:
        """What only looks like fire or smoke."""
        return tuple(self._clutter)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Of everything that burns or smokes."""
        return (*(flame.box for flame in self._flames), *(plume.box for plume in self._plumes))

    def frame_at(self, time_s: float, *, burns: bool = True) -> FireFrame:
        """The picture at `time_s`; without `burns`, the place as it was before."""
        canvas = Canvas(self._ground.copy(), self._blurred)
        for lure in self._clutter[::2]:
            lure.paint(canvas, time_s)
        if burns:
            for flame in self._flames:
                flame.paint(canvas, time_s)
            self._paint_screen(canvas)
            for plume in self._plumes:
                plume.paint(canvas, time_s, self._begins_s + max(time_s, 0))
        for lure in self._clutter[1::2]:
            lure.paint(canvas, time_s)
        return FireFrame(self._seen(canvas.pixels, time_s), canvas.fire > CORE_MIN, canvas.smoke > CORE_MIN)

    def _paint_screen(self, canvas: Canvas) -> None:
        for box, colour in self._screen:
            window = canvas.window(box)
            canvas.pixels[window] = colour
            canvas.fire[window] = 0

    def _seen(self, pixels: Floats, time_s: float) -> Pixels:
        """The picture as a camera gives it: exposure, unrest, noise."""
        tick = np.random.default_rng((self._seed, round(time_s * 1000) + 1_000_000))
        shift = np.round(tick.normal(0, self._jitter, 2)).astype(int)
        if shift.any():
            pixels = np.roll(pixels, tuple(shift), (0, 1))
        height, width = pixels.shape[:2]
        begin = tick.integers(0, 128, 2)
        rows, columns = (np.arange(height) + begin[0]) % 128, (np.arange(width) + begin[1]) % 128
        noise = self._noise[rows][:, columns]
        light = self._light * (1 + self._unrest * tick.normal())
        coloured = np.stack([noise, noise[::-1, ::-1], np.roll(noise, 17, 1)], axis=-1)
        seen = pixels * light + self._grain * (0.7 * noise[..., None] + 0.5 * coloured)
        return np.asarray(np.clip(seen, 0, 255), np.uint8)


def _flame(rng: np.random.Generator, place: tuple[float, float], size: tuple[int, int]) -> Flame:
    height = size[1] * np.exp(rng.uniform(np.log(0.06), np.log(0.6)))
    return Flame(rng, place, height * rng.uniform(0.5, 1.4), height)


def _plume(rng: np.random.Generator, place: tuple[float, float], size: tuple[int, int], flames: list[Flame]) -> Smoke:
    if flames:
        x1, y1, x2, _ = flames[0].box
        place = ((x1 + x2) / 2, y1 + 0.3 * (place[1] - y1))
    height = max(size[1] * rng.uniform(0.25, 0.9), 20)
    return Smoke(rng, place, height * rng.uniform(0.4, 1.1), height)


def _screen(rng: np.random.Generator, flames: list[Flame]) -> list[tuple[Box, Floats]]:
    if not flames or rng.random() < 0.6:
        return []
    x1, y1, x2, y2 = flames[0].box
    colour = any_colour(rng)
    bars = rng.integers(1, 4)
    places = [x1 + (x2 - x1) * (bar + rng.uniform(0.2, 0.8)) / bars for bar in range(bars)]
    return [((x, y1 - 3, x + max(1.0, (x2 - x1) * 0.08), y2), colour) for x in places]


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Sky, walls and ground: bands of grain with boxes, some striped."""
    width, height = size
    columns, rows = grid((slice(0, height), slice(0, width)))
    picture = np.empty((height, width, 3), np.float32)
    horizon = rng.uniform(-0.2, 0.7) * height
    for below in (False, True):
        grain = 0.7 + 0.6 * sampled(cloudy(rng, rng.uniform(0.8, 2.2)), columns * rng.uniform(0.3, 2), rows * rng.uniform(0.3, 2))
        band = (rows >= horizon) == below
        picture[band] = (any_colour(rng) * grain[..., None])[band]
    for _ in range(rng.integers(2, 16)):
        wide, tall = rng.uniform(0.03, 0.5) * width, rng.uniform(0.03, 0.6) * height
        x, y = rng.uniform(-0.2, 1) * width, rng.uniform(-0.2, 1) * height
        window = (slice(max(0, int(y)), max(0, int(y + tall))), slice(max(0, int(x)), max(0, int(x + wide))))
        colour = any_colour(rng) if rng.random() < 0.85 else np.array((60, 100, 190), np.float32) * rng.uniform(0.5, 1.3)
        shade = 0.85 + 0.3 * (((columns if rng.random() < 0.5 else rows)[window] // rng.uniform(2, 9)) % 2) * rng.integers(0, 2)
        picture[window] = colour * shade[..., None] * rng.uniform(0.9, 1.1)
    return np.clip(picture, 0, 255)


def _blurred(picture: Floats, side: int) -> Floats:
    """The picture through a box of `side` pixels."""
    half = side // 2
    for axis in (0, 1):
        padded = np.pad(picture, [(half + 1, half) if each == axis else (0, 0) for each in range(3)], mode="edge")
        summed = np.cumsum(padded, axis=axis, dtype=np.float64)
        low = np.take(summed, np.arange(picture.shape[axis]), axis=axis)
        high = np.take(summed, np.arange(side, side + picture.shape[axis]), axis=axis)
        picture = ((high - low) / side).astype(np.float32)
    return picture
