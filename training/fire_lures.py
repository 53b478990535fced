"""What looks like fire or smoke in a picture and is neither: lamps, vests, cars, flags, sunsets, glitter, fog, clouds, shadows, leaves.

Every lure is a function of time alone, like the flames of fire_flames.py. Called by fire_scene.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.fire_flames import Box, Canvas, grid
from training.fire_noise import SIDE, Floats, cloudy, sampled

Paint = Callable[[Canvas, float], None]


@dataclass(frozen=True, slots=True)
class Lure:
    """One thing that is no fire and no smoke."""

    kind: str
    box: Box
    """Where it is, or passes, at second 0."""
    speed: tuple[float, float]
    """Pixels a second along x and y of what passes; the box moves with it."""
    paint: Paint

    def box_at(self, time_s: float) -> Box:
        """Where it is at `time_s`."""
        along, down = self.speed[0] * time_s, self.speed[1] * time_s
        return self.box[0] + along, self.box[1] + down, self.box[2] + along, self.box[3] + down


def warm_colour(rng: np.random.Generator) -> Floats:
    """The orange, red or yellow of a coat, a car or a sign."""
    red = rng.uniform(150, 255)
    green = red * rng.uniform(0.15, 0.85)
    return np.array((green * rng.uniform(0.1, 0.9), green, red), np.float32)


def any_colour(rng: np.random.Generator) -> Floats:
    """Any colour, mostly dull."""
    return np.asarray(np.clip(rng.uniform(20, 240) + rng.normal(0, 16, 3), 0, 255), np.float32)


def blend(canvas: Canvas, window: tuple[slice, slice], colour: Floats, cover: Floats) -> None:
    """Lay a colour over a window; what burns behind it is hidden."""
    shown = canvas.pixels[window]
    canvas.pixels[window] = shown + (colour - shown) * cover[..., None]
    canvas.fire[window] *= 1 - cover
    canvas.smoke[window] *= 1 - cover


def body(rng: np.random.Generator, box: Box, speed: tuple[float, float], colour: Floats) -> Lure:
    """A car, coat or sign: shaded, with a darker part, standing or passing."""
    is_round, texture, grain = rng.random() < 0.35, cloudy(rng, 1.2), rng.uniform(0, 0.35)
    split, dark = rng.uniform(0.15, 0.85), rng.uniform(0.2, 0.9)

    def paint(canvas: Canvas, time_s: float) -> None:
        x1, y1, x2, y2 = lure.box_at(time_s)
        window = canvas.window((x1, y1, x2, y2))
        columns, rows = grid(window)
        along, down = (columns - x1) / (x2 - x1), (rows - y1) / (y2 - y1)
        shade = (1.1 - 0.35 * down) * (1 - grain + 2 * grain * sampled(texture, along * 30, down * 30))
        shade = np.where((down > split) & (np.abs(along - 0.5) < 0.35), shade * dark, shade)
        inside = ((along - 0.5) ** 2 + (down - 0.5) ** 2 < 0.25) if is_round else np.ones_like(along, bool)
        blend(canvas, window, np.asarray(colour * shade[..., None], np.float32), inside.astype(np.float32))

    lure = Lure("body", box, speed, paint)
    return lure


def lamp(rng: np.random.Generator, box: Box, speed: tuple[float, float]) -> Lure:
    """A lamp, still or blinking, with its glow; passing it is a headlight."""
    warmth, rate = rng.uniform(0, 1), rng.choice((0.0, 0.0, rng.uniform(0.7, 3.0)))
    colour = np.array((255 - 170 * warmth, 255 - 90 * warmth, 255), np.float32)
    unrest, start = rng.uniform(0, 0.15), rng.uniform(0, 10)

    def paint(canvas: Canvas, time_s: float) -> None:
        x1, y1, x2, y2 = lure.box_at(time_s)
        half = np.array((x2 - x1, y2 - y1)) / 2
        window = canvas.window((x1 - 1.5 * half[0], y1 - 1.5 * half[1], x2 + 1.5 * half[0], y2 + 1.5 * half[1]))
        columns, rows = grid(window)
        far = np.sqrt(((columns - x1) / half[0] - 1) ** 2 + ((rows - y1) / half[1] - 1) ** 2)
        lit = 1.0 if rate == 0 else float((time_s * rate + start) % 1 < 0.5)
        lit *= 1 - unrest + unrest * np.sin(2 * np.pi * 3.7 * time_s + start)
        canvas.pixels[window] += (colour * (lit * 0.55 * np.exp(-((far / 1.2) ** 2)))[..., None]).astype(np.float32)
        blend(canvas, window, colour * np.float32(0.35 + 0.65 * lit), np.clip((1 - far) * 4, 0, 1).astype(np.float32))

    lure = Lure("lamp", box, speed, paint)
    return lure


def flag(rng: np.random.Generator, box: Box, colour: Floats) -> Lure:
    """Cloth that waves in the wind."""
    waves, quick, stripes = rng.uniform(0.8, 2.5), rng.uniform(0.5, 2.5), rng.choice((0.0, rng.uniform(2, 5)))
    second, start = warm_colour(rng) if rng.random() < 0.5 else any_colour(rng), rng.uniform(0, 10)

    def paint(canvas: Canvas, time_s: float) -> None:
        x1, y1, x2, y2 = box
        window = canvas.window((x1, y1 - 4, x2, y2 + 4))
        columns, rows = grid(window)
        along, down = (columns - x1) / (x2 - x1), (rows - y1) / (y2 - y1)
        phase = 2 * np.pi * (waves * along - quick * time_s) + start
        edge = 0.1 * along * np.sin(phase)
        inside = ((down > 0.1 + edge) & (down < 0.9 + edge)).astype(np.float32)
        shade = 0.8 + 0.3 * along * np.cos(phase)
        striped = (stripes > 0) & (((down - edge) * stripes) % 1 < 0.5)
        blend(canvas, window, np.asarray(np.where(striped[..., None], second, colour) * shade[..., None], np.float32), inside)

    return Lure("flag", box, (0.0, 0.0), paint)


def glitter(rng: np.random.Generator, box: Box, colour: Floats) -> Lure:
    """A low sun, or a lamp, on water or wet ground: glints that come and go on flat waves."""
    first, second = cloudy(rng, 1.0), cloudy(rng, 1.0)
    quick, few = rng.uniform(6, 30), rng.uniform(0.5, 0.75)

    def paint(canvas: Canvas, time_s: float) -> None:
        x1, _, x2, _ = box
        window = canvas.window(box)
        columns, rows = grid(window)
        waves = (
            sampled(first, columns * 0.6 + time_s * quick, rows * 2.2) * 0.5
            + sampled(second, columns * 0.5 - time_s * quick, rows * 2) * 0.5
        )
        near = np.exp(-(((columns - (x1 + x2) / 2) / (x2 - x1) * 2.2) ** 2))
        blend(canvas, window, colour, np.asarray(np.clip((waves - few) * 7, 0, 0.95) * near, np.float32))

    return Lure("glitter", box, (0.0, 0.0), paint)


def veil(rng: np.random.Generator, box: Box) -> Lure:
    """Fog over all of the picture, or clouds that drift over its upper part; neither has a root."""
    field, drift = cloudy(rng, rng.uniform(1.8, 2.6)), rng.uniform(-4, 4)
    is_fog, grey, thick = rng.random() < 0.5, rng.uniform(150, 245), rng.uniform(0.3, 0.85)

    def paint(canvas: Canvas, time_s: float) -> None:
        height, width = canvas.fire.shape
        bottom = height if is_fog else int(height * thick * 0.7)
        window = (slice(0, bottom), slice(0, width))
        columns, rows = grid(window)
        puffs = sampled(field, columns * 0.35 + time_s * drift, rows * 0.6)
        fade = 0.55 + 0.45 * puffs if is_fog else np.clip(puffs * 1.8 - 0.4, 0, 1) * np.clip((bottom - rows) / 8, 0, 1)
        cover = np.asarray(fade * thick, np.float32)
        canvas.pixels[window] += (np.float32(grey) - canvas.pixels[window]) * cover[..., None]

    return Lure("veil", box, (0.0, 0.0), paint)


def sunset(rng: np.random.Generator, box: Box) -> Lure:
    """A warm sky whose brightness goes slowly."""
    colour, field, drift = warm_colour(rng), cloudy(rng, 2.0), rng.uniform(-2, 2)

    def paint(canvas: Canvas, time_s: float) -> None:
        window = canvas.window(box)
        columns, rows = grid(window)
        down = (rows - box[1]) / (box[3] - box[1])
        cover = np.clip(0.95 - 0.7 * down, 0, 1) * (0.55 + 0.45 * sampled(field, columns * 0.4 + time_s * drift, rows))
        blend(canvas, window, np.minimum(colour * 1.3, 255), np.asarray(cover, np.float32))

    return Lure("sunset", box, (0.0, 0.0), paint)


def shadow(rng: np.random.Generator, box: Box, speed: tuple[float, float]) -> Lure:
    """A shadow, or a patch of light, that passes."""
    factor = rng.choice((rng.uniform(0.35, 0.75), rng.uniform(1.25, 1.7)))

    def paint(canvas: Canvas, time_s: float) -> None:
        x1, y1, x2, y2 = lure.box_at(time_s)
        window = canvas.window((x1, y1, x2, y2))
        columns, rows = grid(window)
        far = np.maximum(np.abs(columns - (x1 + x2) / 2) / (x2 - x1), np.abs(rows - (y1 + y2) / 2) / (y2 - y1)) * 2
        canvas.pixels[window] *= (1 + (factor - 1) * np.clip((1 - far) * 5, 0, 1))[..., None].astype(np.float32)

    lure = Lure("shadow", box, speed, paint)
    return lure


def leaves(rng: np.random.Generator, box: Box) -> Lure:
    """Leaves that sway; in autumn they are as warm as a flame."""
    field, colour = (
        cloudy(rng, 0.9),
        (warm_colour(rng) if rng.random() < 0.4 else np.array((30, 95, 60), np.float32) * rng.uniform(0.5, 1.8)),
    )
    reach, quick, start = rng.uniform(0.3, 2.5), rng.uniform(0.3, 1.6), rng.uniform(0, 10)

    def paint(canvas: Canvas, time_s: float) -> None:
        window = canvas.window(box)
        columns, rows = grid(window)
        sway = reach * np.sin(2 * np.pi * quick * time_s + start + rows * 0.1)
        light = sampled(field, columns * 1.3 + sway, rows * 1.3 + 0.4 * sway)
        blend(canvas, window, np.asarray(colour * (0.25 + 1.2 * light)[..., None], np.float32), np.clip(light * 6 - 1, 0, 1))

    return Lure("leaves", box, (0.0, 0.0), paint)


def exhaust(rng: np.random.Generator, box: Box) -> Lure:
    """Small pale puffs low behind something that stands: they leave and are gone at once."""
    field, way, grey = cloudy(rng, 1.8), rng.choice((-1, 1)), rng.uniform(160, 240)

    def paint(canvas: Canvas, time_s: float) -> None:
        x1, y1, x2, y2 = box
        window = canvas.window(box)
        columns, rows = grid(window)
        along = (columns - x1) / (x2 - x1)
        along = along if way > 0 else 1 - along
        flat = np.exp(-(((rows - y1) / (y2 - y1) - 0.6) ** 2) * 14)
        puff = sampled(field, along * 20 - time_s * SIDE * 0.4, (rows - y1) / (y2 - y1) * 12)
        cover = np.clip(puff * 1.6 - 0.5, 0, 1) * flat * np.clip(1 - 1.6 * along, 0, 1) * np.clip(along * 8, 0, 1) * 0.5
        blend(canvas, window, np.full(3, grey, np.float32), np.asarray(cover, np.float32))

    return Lure("exhaust", box, (0.0, 0.0), paint)


def lure_from(rng: np.random.Generator, size: tuple[int, int], seconds: float) -> Lure:
    """Any lure in a picture of `size` (width, height); what passes is in the middle of its way after `seconds`."""
    width, height = size
    wide, tall = rng.uniform(0.08, 0.5) * height, rng.uniform(0.08, 0.5) * height
    x, y = rng.uniform(0, width - wide), rng.uniform(0, height - tall)
    passing = rng.random() < 0.5
    speed = (rng.uniform(-40, 40), rng.uniform(-4, 4)) if passing else (0.0, 0.0)
    box = (x - speed[0] * seconds, y - speed[1] * seconds)
    box4 = (*box, box[0] + wide, box[1] + tall)
    still = (x, y, x + wide, y + tall)
    small = (*box, box[0] + wide / 3, box[1] + wide / 3)
    colour = warm_colour(rng) if rng.random() < 0.7 else any_colour(rng)
    makers: tuple[Callable[[], Lure], ...] = (
        lambda: body(rng, box4, speed, colour),
        lambda: body(rng, box4, speed, colour),
        lambda: lamp(rng, small, speed),
        lambda: flag(rng, still, colour),
        lambda: glitter(rng, still, colour if rng.random() < 0.7 else np.full(3, 250, np.float32)),
        lambda: veil(rng, (0, 0, width, height)),
        lambda: sunset(rng, (0, 0, width, height * rng.uniform(0.3, 0.7))),
        lambda: shadow(rng, box4, speed),
        lambda: leaves(rng, still),
        lambda: exhaust(rng, still),
    )
    return makers[rng.integers(len(makers))]()
