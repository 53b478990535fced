"""A rendered yard in bad weather, from a seed, with known truth: rain, snow, a sensor's noise at night, headlights that sweep over it.

No clip of the real thing is here, so what these pictures prove holds for rendered weather and is called so. Each picture is a function of
its number alone; somebody may walk through, and `box_of_person` says where. Called by tests/edge_ai/capture/test_weather.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_ai.picture import Pixels

WIDTH, HEIGHT = 480, 270
FPS = 5.0
PERSON_HEIGHT = 84
PERSON_STEP = 9
"""Pixels that somebody walks from one picture to the next."""
PERSON_FEET = 215
_DAY, _NIGHT = 1.0, 0.4
_NOISE_DAY, _NOISE_NIGHT = 2.0, 9.0
"""Standard deviation of the sensor's noise in grey levels."""
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
class Flake:
    """A drop or a flake: where it is at picture 0 and how it falls, in pixels a picture."""

    x: float
    y: float
    speed: tuple[float, float]
    size: float


class Yard:
    """One yard; `picture` may be asked for any number in any order."""

    def __init__(self, weather: Weather, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self._weather, self._seed = weather, seed
        self._ground = _ground(rng)
        self._noise = rng.normal(0, 1, (HEIGHT + _TILE, WIDTH + _TILE)).astype(np.float32)
        self._flakes = _flakes(rng, weather)

    def picture(self, number: int, *, person_since: int | None = None) -> Pixels:
        """Picture `number`; somebody walks in from the left at picture `person_since`."""
        scene = self._ground.copy()
        if person_since is not None and number >= person_since:
            _draw_person(scene, number - person_since)
        is_night = self._weather in (Weather.NIGHT, Weather.HEADLIGHTS)
        light = np.float32(_NIGHT if is_night else _DAY) * np.ones((HEIGHT, WIDTH), np.float32)
        if self._weather is Weather.HEADLIGHTS:
            light += _beam(number)
        shown = scene * light[..., None]
        self._fall(shown, number)
        return self._sensed(shown, number, _NOISE_NIGHT if is_night else _NOISE_DAY)

    def _fall(self, shown: NDArray[np.float32], number: int) -> None:
        veil = shown.copy() if self._flakes else shown
        for flake in self._flakes:
            x = int(flake.x + flake.speed[0] * number) % WIDTH
            y = int(flake.y + flake.speed[1] * number) % HEIGHT
            if self._weather is Weather.RAIN:
                cv2.line(veil, (x, y), (int(x + 3), int(y + 9 * flake.size)), (205, 205, 205), 1)
            else:
                cv2.circle(veil, (x, y), round(flake.size), (240, 240, 240), -1)
        if self._flakes:
            share = 0.45 if self._weather is Weather.RAIN else 0.9
            cv2.addWeighted(veil, share, shown, 1 - share, 0, dst=shown)

    def _sensed(self, shown: NDArray[np.float32], number: int, noise: float) -> Pixels:
        tick = np.random.default_rng((self._seed, number))
        row, column = tick.integers(0, _TILE, 2)
        grain = self._noise[row : row + HEIGHT, column : column + WIDTH, None]
        return np.asarray(np.clip(shown + noise * grain, 0, 255), np.uint8)


def box_of_person(number: int, *, person_since: int) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 of who walks, in pixels; it may lie beyond the picture."""
    x = (number - person_since) * PERSON_STEP - 20
    return x - 14, PERSON_FEET - PERSON_HEIGHT, x + 14, PERSON_FEET


def _ground(rng: np.random.Generator) -> NDArray[np.float32]:
    """A wall with windows over paving, and a lamp post."""
    picture = np.empty((HEIGHT, WIDTH, 3), np.float32)
    picture[:130], picture[130:] = (120, 130, 140), (95, 98, 100)
    for column in range(20, WIDTH, 90):
        picture[30:90, column : column + 50] = (80, 70, 60)
    picture[40:200, 400:406] = (50, 50, 50)
    grain = cv2.resize(rng.normal(0, 6, (HEIGHT // 3, WIDTH // 3)).astype(np.float32), (WIDTH, HEIGHT))
    return np.asarray(picture + grain[..., None], np.float32)


def _flakes(rng: np.random.Generator, weather: Weather) -> tuple[Flake, ...]:
    if weather is Weather.RAIN:
        count, fall, drift, sizes = 220, (60.0, 110.0), 8.0, (0.8, 2.5)
    elif weather is Weather.SNOW:
        count, fall, drift, sizes = 160, (8.0, 30.0), 6.0, (1.0, 3.4)
    else:
        return ()
    return tuple(
        Flake(rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), (rng.normal(0, drift), rng.uniform(*fall)), rng.uniform(*sizes))
        for _ in range(count)
    )


def _draw_person(scene: NDArray[np.float32], steps: int) -> None:
    x1, y1, x2, y2 = (round(value) for value in box_of_person(steps, person_since=0))
    middle, coat, legs = (x1 + x2) // 2, (150, 190, 200), (35, 35, 40)
    cv2.ellipse(scene, (middle, y1 + 9), (7, 9), 0, 0, 360, (150, 175, 205), -1)
    cv2.rectangle(scene, (middle - 12, y1 + 18), (middle + 12, y1 + 52), coat, -1)
    swing = (-6, 0, 6, 0)[steps % 4]
    cv2.line(scene, (middle, y1 + 50), (middle - 4 + swing, y2), legs, 8)
    cv2.line(scene, (middle, y1 + 50), (middle + 4 - swing, y2), legs, 8)


def _beam(number: int) -> NDArray[np.float32]:
    """The light of a car that turns outside of the picture: it comes every four seconds and sweeps over wall and ground."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    middle = (number % 20) * 60 - 240
    broad, low = ((columns - middle - 0.5 * (rows - 130)) / 60.0) ** 2, ((rows - 160) / 60.0) ** 2
    return np.asarray(1.6 * np.exp(-broad - low), np.float32)
