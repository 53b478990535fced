"""A rendered yard in bad weather, from a seed, with known truth: rain, snow, a sensor's noise at night, headlights that sweep over it.

No clip of the real thing is here, so what these pictures prove holds for rendered weather and is called so. Each picture is a function of
its number alone; somebody may walk through, and `Walker.box` says where. `mild` is one fixed scene of each weather, `hard` draws a worse
one from its seed: dark coats in a noisier night, beams that light most of the picture, snow twice as thick, and who walks there anyhow.
Called by tests/edge_ai/weather_score.py, tests/edge_ai/capture/test_weather.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Pixels

WIDTH, HEIGHT = 480, 270
FPS = 5.0
DRAWN_HEIGHT = 84
"""Pixels of the figure that is drawn; another height scales it."""
BEAM_EVERY, BEAM_STEP = 20, 60
"""Pictures from one beam to the next, and pixels it moves in one."""
_TILE = 64
"""Pixels by which a field of noise may be moved, so that no two pictures have the same."""


class Weather(Enum):
    """What goes on besides people."""

    CLEAR = "clear"
    RAIN = "rain"
    SNOW = "snow"
    NIGHT = "night"
    HEADLIGHTS = "headlights"


@dataclass(frozen=True, slots=True)
class Walker:
    """Somebody who walks through at one height of the picture."""

    feet: int = 215
    """Row of the feet, in pixels."""
    height: int = DRAWN_HEIGHT
    step: int = 9
    """Pixels from one picture to the next; to the left below 0."""
    coat: tuple[int, int, int] = (150, 190, 200)
    """Colour by day, as all colours here blue, green, red."""

    def box(self, steps: int) -> tuple[float, float, float, float]:
        """x1, y1, x2, y2 in pixels, so many pictures after the walk began; it may lie beyond the picture."""
        half = self.height / 6
        x = steps * self.step + (-20 if self.step > 0 else WIDTH + 20)
        return x - half, self.feet - self.height, x + half, self.feet

    def is_whole(self, steps: int) -> bool:
        """Whether nothing of the figure lies beyond the picture."""
        x1, _, x2, _ = self.box(steps)
        return x1 >= 0 and x2 <= WIDTH


@dataclass(frozen=True, slots=True)
class Beam:
    """The light of a car that turns outside of the picture, as it sweeps over wall and ground."""

    strength: float = 1.6
    """Times the light of day that its middle adds."""
    half: tuple[float, float] = (60.0, 60.0)
    """Pixels across and down at which a third of it is left."""
    phase: int = 0

    def gain(self, number: int) -> NDArray[np.float32]:
        """Light that it adds to each pixel of picture `number`."""
        rows, columns = np.ogrid[:HEIGHT, :WIDTH]
        reach = round(2 * max(self.half) + 120)
        middle = ((number + self.phase) % BEAM_EVERY) * BEAM_STEP - reach
        broad, low = ((columns - middle - 0.5 * (rows - 130)) / self.half[0]) ** 2, ((rows - 160) / self.half[1]) ** 2
        return np.asarray(self.strength * np.exp(-broad - low), np.float32)


@dataclass(frozen=True, slots=True)
class Scene:
    """How bad it is, and who walks there."""

    weather: Weather
    light: float = 1.0
    """Share of the light of day."""
    noise: float = 2.0
    """Standard deviation of the sensor's noise in grey levels."""
    flakes: int = 0
    """Drops or flakes in the picture."""
    size_max: float = 0.0
    """Of a drop or flake: pixels of radius, or ninths of a length."""
    beam: Beam | None = None
    walker: Walker = field(default_factory=Walker)


def mild(weather: Weather) -> Scene:
    """The scene of a weather in which everything must hold."""
    match weather:
        case Weather.RAIN:
            return Scene(weather, flakes=220, size_max=2.5)
        case Weather.SNOW:
            return Scene(weather, flakes=160, size_max=3.4)
        case Weather.NIGHT:
            return Scene(weather, light=0.4, noise=9.0)
        case Weather.HEADLIGHTS:
            return Scene(weather, light=0.4, noise=9.0, beam=Beam())
        case Weather.CLEAR:
            return Scene(weather)


def hard(weather: Weather, seed: int) -> Scene:
    """A worse scene of a weather, drawn from `seed`; one in a clear day is easy still."""
    rng = np.random.default_rng((seed, 1))
    walker = _walker(rng, dark=weather is Weather.NIGHT)
    light, noise = rng.uniform(0.3, 0.45), rng.uniform(8, 12)
    beam = Beam(rng.uniform(1.2, 2.0), (rng.uniform(90, 160), rng.uniform(90, 140)), int(rng.integers(BEAM_EVERY)))
    match weather:
        case Weather.RAIN:
            return Scene(weather, flakes=int(rng.integers(300, 450)), size_max=rng.uniform(2.5, 4), walker=walker)
        case Weather.SNOW:
            return Scene(weather, flakes=int(rng.integers(220, 340)), size_max=rng.uniform(3.4, 5), walker=walker)
        case Weather.NIGHT:
            return Scene(weather, light=light, noise=noise, walker=walker)
        case Weather.HEADLIGHTS:
            return Scene(weather, light=light, noise=noise, beam=beam, walker=walker)
        case Weather.CLEAR:
            return Scene(weather, walker=walker)


def _walker(rng: np.random.Generator, *, dark: bool) -> Walker:
    """Anybody: as tall as one is there, give or take, from either side, in any coat or in a dark one."""
    feet = int(rng.integers(190, 255))
    height = round((0.12 + 0.33 * feet / HEIGHT) * HEIGHT * rng.uniform(0.75, 1.0))
    grey = rng.uniform(25, 60) if dark else rng.choice([rng.uniform(25, 60), rng.uniform(140, 220)])
    tint = rng.normal(0, 6, 3)
    blue, green, red = (int(np.clip(grey + part, 0, 255)) for part in tint)
    return Walker(feet, height, int(rng.integers(5, 12)) * int(rng.choice([-1, 1])), (blue, green, red))


@dataclass(frozen=True, slots=True)
class Flake:
    """A drop or a flake: where it is at picture 0 and how it falls, in pixels a picture."""

    x: float
    y: float
    speed: tuple[float, float]
    size: float


class Yard:
    """One yard; `picture` may be asked for any number in any order."""

    def __init__(self, scene: Scene, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self.scene, self._seed = scene, seed
        self._ground = _ground(rng)
        self._noise = rng.normal(0, 1, (HEIGHT + _TILE, WIDTH + _TILE)).astype(np.float32)
        self._flakes = _flakes(rng, scene)

    def picture(self, number: int, *, person_since: int | None = None) -> Pixels:
        """Picture `number`; somebody walks in at picture `person_since`."""
        shown = self._ground.copy()
        if person_since is not None and number >= person_since:
            _draw(self.scene.walker, shown, number - person_since)
        light = np.full((HEIGHT, WIDTH), self.scene.light, np.float32)
        if self.scene.beam is not None:
            light += self.scene.beam.gain(number)
        shown *= light[..., None]
        self._fall(shown, number)
        return self._sensed(shown, number)

    def _fall(self, shown: NDArray[np.float32], number: int) -> None:
        is_rain = self.scene.weather is Weather.RAIN
        veil = shown.copy() if self._flakes else shown
        for flake in self._flakes:
            x = int(flake.x + flake.speed[0] * number) % WIDTH
            y = int(flake.y + flake.speed[1] * number) % HEIGHT
            if is_rain:
                cv2.line(veil, (x, y), (int(x + 3), int(y + 9 * flake.size)), (205, 205, 205), 1)
            else:
                cv2.circle(veil, (x, y), round(flake.size), (240, 240, 240), -1)
        if self._flakes:
            share = 0.45 if is_rain else 0.9
            cv2.addWeighted(veil, share, shown, 1 - share, 0, dst=shown)

    def _sensed(self, shown: NDArray[np.float32], number: int) -> Pixels:
        tick = np.random.default_rng((self._seed, number))
        row, column = tick.integers(0, _TILE, 2)
        grain = self._noise[row : row + HEIGHT, column : column + WIDTH, None]
        return np.asarray(np.clip(shown + self.scene.noise * grain, 0, 255), np.uint8)


def _ground(rng: np.random.Generator) -> NDArray[np.float32]:
    """A wall with windows over paving, and a lamp post."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    picture[:130], picture[130:] = (120, 130, 140), (95, 98, 100)
    for column in range(20, WIDTH, 90):
        picture[30:90, column : column + 50] = (80, 70, 60)
    picture[40:200, 400:406] = (50, 50, 50)
    grain = cv2.resize(rng.normal(0, 6, (HEIGHT // 3, WIDTH // 3)).astype(np.float32), (WIDTH, HEIGHT))
    return np.asarray(picture + grain[..., None], np.float32)


def _flakes(rng: np.random.Generator, scene: Scene) -> tuple[Flake, ...]:
    fall, drift, size_min = ((60.0, 110.0), 8.0, 0.8) if scene.weather is Weather.RAIN else ((8.0, 30.0), 6.0, 1.0)
    return tuple(
        Flake(
            rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), (rng.normal(0, drift), rng.uniform(*fall)), rng.uniform(size_min, scene.size_max)
        )
        for _ in range(scene.flakes)
    )


def _draw(walker: Walker, scene: NDArray[np.float32], steps: int) -> None:
    x1, y1, x2, y2 = (round(value) for value in walker.box(steps))
    middle, legs, one = (x1 + x2) // 2, (35, 35, 40), walker.height / DRAWN_HEIGHT

    def scaled(pixels: float) -> int:
        return round(pixels * one)

    cv2.ellipse(scene, (middle, y1 + scaled(9)), (scaled(7), scaled(9)), 0, 0, 360, (150, 175, 205), -1)
    cv2.rectangle(scene, (middle - scaled(12), y1 + scaled(18)), (middle + scaled(12), y1 + scaled(52)), walker.coat, -1)
    swing = scaled((-6, 0, 6, 0)[steps % 4])
    for side in (-1, 1):
        cv2.line(scene, (middle, y1 + scaled(50)), (middle + side * (scaled(4) - swing), y2), legs, scaled(8))
