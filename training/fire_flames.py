"""Rendered flames and smoke: what burns in a picture is a function of time, so any picture can be had without the ones before it.

A flame is tongues of rising noise through a ramp of colours from dark red to near white, with its glow around it. Smoke is a rising plume
of noise that veils and blurs what lies behind it. They claim to look like fire to a small net, and nothing about physics. Called by
fire_scene.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.fire_noise import SIDE, Floats, cloudy, sampled

RAMP_AT = (0.0, 0.25, 0.5, 0.75, 1.0)
RAMP = np.array([(10, 15, 90), (20, 50, 200), (30, 120, 250), (90, 205, 255), (205, 245, 255)], np.float32)
"""Blue, green, red of a flame, from its dark edge to its bright heart."""
CORE_MIN = 0.35
"""Cover of a pixel from which it counts as burning, or as smoke, in the truth."""

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels."""


class Canvas:
    """A picture being painted, and how far fire and smoke cover each pixel."""

    def __init__(self, pixels: Floats, blurred: Floats) -> None:
        self.pixels, self.blurred = pixels, blurred
        """Height x width x 3, 0-255; `blurred` is the same ground as smoke shows it."""
        self.fire: Floats = np.zeros(pixels.shape[:2], np.float32)
        self.smoke: Floats = np.zeros(pixels.shape[:2], np.float32)

    def window(self, box: Box) -> tuple[slice, slice]:
        """What of a box lies in the picture."""
        height, width = self.fire.shape
        x1, y1, x2, y2 = (round(value) for value in box)
        return slice(min(max(y1, 0), height), min(max(y2, 0), height)), slice(min(max(x1, 0), width), min(max(x2, 0), width))


def grid(window: tuple[slice, slice]) -> tuple[Floats, Floats]:
    """x and y of the middle of every pixel of a window."""
    rows, columns = np.mgrid[window]
    return columns.astype(np.float32) + np.float32(0.5), rows.astype(np.float32) + np.float32(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a flame comes out in a camera."""

    heat: float
    """Above 1 the heart burns out to white."""
    tint: tuple[float, float, float]
    """Factors of blue, green and red."""
    cover: float
    glow: float
    """Grey levels by which a flame lights what is around it."""


class Flame:
    """Tongues of fire that stand on one line."""

    def __init__(self, rng: np.random.Generator, foot: tuple[float, float], width: float, height: float) -> None:
        self._foot, self._size = foot, (width, height)
        self._fields = cloudy(rng, rng.uniform(1.4, 2.0)), cloudy(rng, rng.uniform(1.6, 2.4))
        self._tongues = [(rng.uniform(-0.55, 0.55), rng.uniform(0.5, 1.0), rng.uniform(0.6, 1.0)) for _ in range(rng.integers(1, 5))]
        """Place along the line, share of the width and of the height."""
        self._rise = rng.uniform(1.2, 3.0) * 24
        self._wild, self._lean = rng.uniform(0.3, 0.9), rng.uniform(-0.4, 0.4)
        self._start = rng.uniform(0, 100)
        self._look = Look(
            heat=rng.uniform(0.85, 1.5),
            tint=(rng.uniform(0.7, 1.5), rng.uniform(0.75, 1.05), rng.uniform(0.9, 1.05)),
            cover=rng.uniform(0.75, 1.0),
            glow=rng.uniform(0, 45),
        )

    @property
    def box(self) -> Box:
        """Where it burns at most."""
        (x, y), (width, height) = self._foot, self._size
        return x - width / 2, y - height, x + width / 2, y

    def paint(self, canvas: Canvas, time_s: float) -> None:
        """Burn at `time_s`."""
        time_s = time_s + self._start
        self._shine(canvas, time_s)
        (x, y), (width, height) = self._foot, self._size
        window = canvas.window((x - 0.9 * width, y - 1.35 * height, x + 0.9 * width, y + 1))
        if canvas.fire[window].size == 0:
            return
        columns, rows = grid(window)
        heat = self._heat((columns - x) / (width / 2), (y - rows) / height, time_s)
        cover = np.clip(heat * 3.2, 0, 1) * self._look.cover
        hot = np.clip(heat * self._look.heat, 0, 1)
        colours = np.stack([np.interp(hot, RAMP_AT, RAMP[:, channel]) for channel in range(3)], axis=-1)
        colours = np.minimum(colours * np.array(self._look.tint), 255)
        canvas.pixels[window] += ((colours - canvas.pixels[window]) * cover[..., None]).astype(np.float32)
        canvas.fire[window] = np.maximum(canvas.fire[window], cover)

    def _heat(self, along: Floats, up: Floats, time_s: float) -> Floats:
        """0 where nothing burns; `along` is -1..1 over the line, `up` 0..1 over the height."""
        cells = 26.0
        first = sampled(self._fields[0], along * cells * 0.6, up * cells * 0.7 - time_s * self._rise)
        second = sampled(self._fields[1], along * cells * 0.4 + 40, up * cells * 0.5 - time_s * self._rise * 0.6)
        sway = (second - 0.5) * 2 * self._wild * np.clip(up, 0, 2) + self._lean * up
        total = np.zeros_like(along)
        for number, (middle, share, tall) in enumerate(self._tongues):
            tallness = tall * (0.75 + 0.5 * float(self._fields[0][int(time_s * 37) % SIDE, (number * 31 + 7) % SIDE]))
            rest = np.clip(1 - up / tallness, 0, 1)
            side = 1 - np.abs(along - middle - sway) / (share * (0.25 + 0.75 * rest**0.6))
            total = np.maximum(total, np.clip(side, 0, 1) ** 0.7 * rest**0.45 * (0.45 + 0.9 * first))
        return np.asarray(np.where(up < -0.02, 0, total), np.float32)

    def _shine(self, canvas: Canvas, time_s: float) -> None:
        (x, y), (width, height) = self._foot, self._size
        reach = 1.3 * max(width, height)
        window = canvas.window((x - reach, y - height / 2 - reach, x + reach, y - height / 2 + reach))
        if canvas.fire[window].size == 0:
            return
        columns, rows = grid(window)
        far = ((columns - x) ** 2 + (rows - y + height / 2) ** 2) / (0.45 * reach) ** 2
        bright = self._look.glow * (0.6 + 0.8 * float(self._fields[1][int(time_s * 31) % SIDE, 11]))
        canvas.pixels[window] += (np.exp(-far)[..., None] * bright * np.array((0.15, 0.5, 1.0))).astype(np.float32)


class Smoke:
    """A plume that rises from one place and veils what is behind it."""

    def __init__(self, rng: np.random.Generator, foot: tuple[float, float], width: float, height: float) -> None:
        self._foot, self._size = foot, (width, height)
        self._fields = cloudy(rng, rng.uniform(1.7, 2.4)), cloudy(rng, rng.uniform(1.3, 1.9))
        self._rise = rng.uniform(0.12, 0.6)
        """Heights a second."""
        self._wind = rng.uniform(-0.5, 0.5)
        self._thick = rng.uniform(0.65, 1.4)
        self._root = rng.uniform(0.2, 0.7)
        """Share of the width at the foot."""
        grey = rng.uniform(35, 235)
        self._colour = np.clip(grey + rng.normal(0, 6, 3) + rng.uniform(-8, 8) * np.array((1, 0, -1)), 0, 255).astype(np.float32)
        self._start = rng.uniform(0, 60)

    @property
    def box(self) -> Box:
        """Where it drifts at most, about."""
        (x, y), (width, height) = self._foot, self._size
        middle = x + self._wind * height / 2
        return middle - width / 2, y - height, middle + width / 2, y

    def paint(self, canvas: Canvas, time_s: float, age_s: float = 1e3) -> None:
        """Drift at `time_s`; the plume is `age_s` old and has risen no further than that."""
        (x, y), (width, height) = self._foot, self._size
        window = canvas.window((x - width - abs(self._wind) * height, y - 1.1 * height, x + width + abs(self._wind) * height, y + 2))
        if canvas.smoke[window].size == 0:
            return
        columns, rows = grid(window)
        cover = self._cover(columns - x, (y - rows) / height, time_s, self._rise * age_s)
        shown = canvas.pixels[window]
        dim = cover[..., None]
        veiled = shown + (canvas.blurred[window] - shown) * np.minimum(1.5 * dim, 0.8) * (1 - canvas.fire[window][..., None])
        canvas.pixels[window] = veiled + (self._colour - veiled) * dim
        canvas.fire[window] *= 1 - cover
        canvas.smoke[window] = np.maximum(canvas.smoke[window], cover)

    def _cover(self, aside: Floats, up: Floats, time_s: float, risen: float) -> Floats:
        width, height = self._size
        time_s = time_s + self._start
        climbed, cells = time_s * self._rise, 20.0
        slow = sampled(self._fields[0], aside / width * cells, (up - climbed) * cells)
        quick = sampled(self._fields[1], aside / width * cells * 1.7 + 30, (up - 1.25 * climbed) * cells * 1.5)
        middle = self._wind * height * np.clip(up, 0, 1) ** 1.3 + (slow - 0.5) * 0.35 * width * np.clip(up, 0, 1)
        half = width / 2 * (self._root + (1 - self._root) * np.clip(up, 0, 1.2) ** 0.8)
        body = np.exp(-(((aside - middle) / np.maximum(half, 1)) ** 2) * 1.6)
        ends = np.clip((min(1.0, risen) - up) * 3.5, 0, 1) * np.clip(up * 12 + 0.6, 0, 1)
        knots = np.clip(2.0 * (0.6 * slow + 0.4 * quick) - 0.25, 0, 1.3)
        return np.asarray(np.clip(body * ends * knots * self._thick, 0, 0.97), np.float32)
