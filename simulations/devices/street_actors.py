"""Who moves in the rendered street: their kinds, paths and painting.

Every position is a function of time alone, so any frame can be rendered without the ones before it. Called by street_scene.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from random import Random

from simulations.devices.street_canvas import Canvas, Colour

Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels, not cut at the picture's edge."""

TYRE: Colour = (28, 28, 30)
GLASS: Colour = (96, 84, 70)
SKIN: Colour = (140, 170, 210)


class ActorKind(Enum):
    """The classes of the rendered street; the value is the class name of the detector."""

    PERSON = "person"
    VEHICLE = "vehicle"
    TWO_WHEELER = "two-wheeler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Back and forth along one axis: the actor leaves the span at one end and comes in again at the other."""

    across: bool
    """True for a walk over the crossing (the path runs along y), False along the street (x)."""
    start: float
    length: float
    """Pixels from entering to leaving, margins included."""
    fixed: float
    """The other coordinate: the y of the feet or wheels along the street, the x of a walk across."""
    speed: float
    """Pixels per second; negative runs towards smaller coordinates."""
    phase: float
    """Pixels along the path at time 0."""

    def at(self, time_s: float) -> tuple[float, float, int]:
        """Bottom centre (x, y) at `time_s`, and how many times the path was run through."""
        travelled = self.phase + abs(self.speed) * time_s
        lap, along = divmod(travelled, self.length)
        place = self.start + (along if self.speed > 0 else self.length - along)
        return (self.fixed, place, int(lap)) if self.across else (place, self.fixed, int(lap))


@dataclass(frozen=True, slots=True)
class Actor:
    """One person, vehicle or two-wheeler of a scene."""

    number: int
    """From 1; the label it is painted with."""
    kind: ActorKind
    path: Path
    looks: int
    """Seed of size and colours, mixed with the lap, so that who comes in again looks different."""

    def looks_at(self, lap: int) -> Random:
        """The generator that decides the looks in this lap; the same for every frame of the lap."""
        return Random(self.looks * 1_000_003 + lap)  # noqa: S311 - looks of a rendered actor

    def paint(self, canvas: Canvas, time_s: float, scale: float) -> Box:
        """Paint the actor at `time_s` and give its box."""
        x, y, lap = self.path.at(time_s)
        return _PAINTERS[self.kind](canvas, self, (x, y), scale, time_s, self.looks_at(lap))


def _colour(rng: Random) -> Colour:
    return (rng.randint(20, 235), rng.randint(20, 235), rng.randint(20, 235))


def _dark(rng: Random) -> Colour:
    return (rng.randint(20, 120), rng.randint(20, 110), rng.randint(20, 120))


def _paint_vehicle(canvas: Canvas, actor: Actor, foot: tuple[float, float], scale: float, _time_s: float, rng: Random) -> Box:
    x, y = foot
    shape = rng.choice(("car", "car", "car", "van", "bus"))
    length, tallness = {"car": (46, 20), "van": (50, 27), "bus": (76, 32)}[shape]
    width, height = length * scale * rng.uniform(0.9, 1.12), tallness * scale * rng.uniform(0.92, 1.08)
    left, right, top = x - width / 2, x + width / 2, y - height
    body, wheel = _colour(rng), 0.22 * min(height, 20 * scale) + 1
    canvas.rectangle((left + 2, y - 1, right + 2, y + 2), (40, 40, 42))
    if shape == "car":
        canvas.rectangle((left, top + 0.45 * height, right, y - 0.12 * height), body, actor.number)
        canvas.rectangle((left + 0.2 * width, top, right - 0.18 * width, top + 0.5 * height), body, actor.number)
        canvas.rectangle((left + 0.25 * width, top + 0.12 * height, right - 0.23 * width, top + 0.42 * height), GLASS, actor.number)
    else:
        canvas.rectangle((left, top, right, y - 0.1 * height), body, actor.number)
        for pane in range(5 if shape == "bus" else 2):
            pane_left = left + (0.06 + pane * 0.185) * width
            canvas.rectangle((pane_left, top + 0.15 * height, pane_left + 0.14 * width, top + 0.45 * height), GLASS, actor.number)
    for centre in (left + 0.2 * width, right - 0.2 * width):
        canvas.ellipse((centre - wheel, y - 2 * wheel, centre + wheel, y), TYRE, actor.number)
    return left, top, right, y


def _paint_person(canvas: Canvas, actor: Actor, foot: tuple[float, float], scale: float, time_s: float, rng: Random) -> Box:
    x, y = foot
    height, half = 27 * scale * rng.uniform(0.88, 1.1), 4.2 * scale * rng.uniform(0.9, 1.15)
    coat, trousers, top = _colour(rng), _dark(rng), y - height
    swing = math.sin(time_s * 7 + actor.looks) * half * 0.6
    for side in (-1, 1):
        leg = x + side * swing
        canvas.rectangle((leg - 0.4 * half, y - 0.45 * height, leg + 0.4 * half, y), trousers, actor.number)
    canvas.rectangle((x - half, top + 0.2 * height, x + half, y - 0.4 * height), coat, actor.number)
    canvas.ellipse((x - 0.62 * half, top, x + 0.62 * half, top + 0.21 * height), SKIN, actor.number)
    return x - half, top, x + half, y


def _paint_two_wheeler(canvas: Canvas, actor: Actor, foot: tuple[float, float], scale: float, _time_s: float, rng: Random) -> Box:
    x, y = foot
    reach, wheel, height = 14 * scale * rng.uniform(0.9, 1.1), 5.6 * scale, 29 * scale * rng.uniform(0.92, 1.08)
    frame, coat, top = _dark(rng), _colour(rng), y - height
    for side in (-1, 1):
        centre = x + side * (reach - wheel)
        canvas.ellipse((centre - wheel, y - 2 * wheel, centre + wheel, y), TYRE, actor.number)
        canvas.ellipse((centre - 0.55 * wheel, y - 1.55 * wheel, centre + 0.55 * wheel, y - 0.45 * wheel), (120, 120, 120), actor.number)
    canvas.rectangle((x - 0.6 * reach, y - 0.42 * height, x + 0.55 * reach, y - 0.3 * height), frame, actor.number)
    canvas.rectangle((x - 0.28 * reach, top + 0.2 * height, x + 0.24 * reach, y - 0.36 * height), coat, actor.number)
    canvas.ellipse((x - 0.2 * reach, top, x + 0.24 * reach, top + 0.2 * height), SKIN, actor.number)
    return x - reach, top, x + reach, y


_PAINTERS = {ActorKind.PERSON: _paint_person, ActorKind.VEHICLE: _paint_vehicle, ActorKind.TWO_WHEELER: _paint_two_wheeler}
