"""One training picture with its true boxes, from a number: the same number always gives the same picture.

Owns the composition: view, background, who stands where, shadows. One picture in five is of the demo's street
(simulations/devices/street_scene.py), the others are painted here. Called by street_data.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from simulations.devices.street_actors import ActorKind
from simulations.devices.street_scene import HEIGHT as DEMO_HEIGHT
from simulations.devices.street_scene import WIDTH as DEMO_WIDTH
from simulations.devices.street_scene import StreetScene
from training.street_camera import Camera
from training.street_clutter import clutter_shadow, paint_clutter
from training.street_ground import Backdrop, paint_markings, paint_scraps
from training.street_painter import Painter
from training.street_people import Chance, Rod, paint_rods, paint_wheels, person, rods_shadow, two_wheeler
from training.street_vehicles import paint_vehicle, vehicle, vehicle_shadow
from training.street_wear import worn

INPUT_WIDTH = 416
INPUT_HEIGHT = 256
"""The net's input; pictures of any shape are stretched to it."""
CLASSES = tuple(kind.value for kind in ActorKind)
DEMO_EVERY = 5
"""One picture of so many is of the demo's street."""
FINER = 2
"""Painted so many times finer and scaled down, which smooths edges."""
FIGURES_MAX = 14
TALL_MIN = 7.0
TALL_MAX = 300.0
"""Pixels of the input that a person standing where a figure is put may be tall."""
VEHICLE_TALL_MAX = 110.0
"""The same where a vehicle is put: nearer ones would fill the picture."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Truth:
    """One figure: class index, box in input pixels not cut at the edge, share that is seen."""

    label: int
    box: tuple[float, float, float, float]
    visible: float


@dataclass(frozen=True, slots=True)
class _Figure:
    label: int
    at: tuple[float, float]
    paint: Callable[[Painter, int], None]
    shade: Callable[[Painter, Pixels], None]


def picture(number: int, backdrop: Backdrop) -> tuple[Pixels, list[Truth]]:
    """The picture of `number`, 256 x 416 x 3, and who is in it."""
    rng = np.random.default_rng([20260, number])
    if number % DEMO_EVERY == 0:
        return _of_the_demo(number, rng)
    return _painted(rng, backdrop)


def _of_the_demo(number: int, rng: Chance) -> tuple[Pixels, list[Truth]]:
    chance = Random(number)
    frame = StreetScene(number, busy=chance.uniform(0.5, 1.8)).frame_at(chance.uniform(0, 60))
    scale = np.array([INPUT_WIDTH / DEMO_WIDTH, INPUT_HEIGHT / DEMO_HEIGHT] * 2)
    truths = [Truth(CLASSES.index(one.kind.value), _four(np.array(one.box) * scale), one.visible) for one in frame.boxes]
    pixels = frame.pixels
    if rng.random() < 0.5:
        _, coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 95))])
        pixels = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.resize(pixels, (INPUT_WIDTH, INPUT_HEIGHT)), np.uint8), truths


def _four(values: NDArray[np.float64]) -> tuple[float, float, float, float]:
    return float(values[0]), float(values[1]), float(values[2]), float(values[3])


def _painted(rng: Chance, backdrop: Backdrop) -> tuple[Pixels, list[Truth]]:
    camera = _view(rng)
    sun = np.array([rng.normal(0, 1), rng.normal(0, 1), rng.uniform(0.5, 2.5)])
    painter = Painter(backdrop.paint(rng, camera), camera, sun, rng.uniform(0.45, 0.85))
    for _ in range(int(rng.integers(0, 3))):
        paint_markings(painter, rng)
    if rng.random() < 0.4:
        paint_scraps(painter, rng)
    count = 0 if rng.random() < 0.1 else int(rng.integers(1, FIGURES_MAX))
    figures = [_figure(rng, spot, near=_tall(camera, spot) > VEHICLE_TALL_MAX) for spot in _spots(rng, camera, count)]
    _paint_shadows(painter, rng, figures)
    truths = _paint_figures(painter, rng, figures)
    if rng.random() < 0.12:
        _paint_across(painter, rng)
    small = np.asarray(cv2.resize(painter.pixels, (INPUT_WIDTH, INPUT_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
    return worn(rng, _grained(rng, small)), truths


def _view(rng: Chance) -> Camera:
    """A camera along a street, on a mast, straight above, or in a room; the picture's shape varies, since inputs are stretched."""
    kind = rng.random()
    if kind < 0.5:
        height, pitch, focal = rng.uniform(3, 9), rng.uniform(0.12, 0.6), rng.uniform(0.8, 2.2)
    elif kind < 0.75:
        height, pitch, focal = rng.uniform(1.4, 3.2), rng.uniform(-0.05, 0.45), rng.uniform(0.7, 1.4)
    else:
        height, pitch, focal = rng.uniform(4, 16), rng.uniform(0.6, 1.55), rng.uniform(0.7, 1.6)
    height_px = INPUT_HEIGHT * FINER
    width_px = round(height_px * rng.choice((4 / 3, 16 / 9, 16 / 9, 1.5)))
    return Camera(width=width_px, height=height_px, height_m=height, pitch=pitch, focal=focal * height_px)


def _tall(camera: Camera, at: tuple[float, float]) -> float:
    """Pixels of the input that a person is tall at a place, seen from the side."""
    return 1.7 * camera.focal / float(np.hypot(np.hypot(*at), camera.height_m)) / FINER


def _spots(rng: Chance, camera: Camera, count: int) -> list[tuple[float, float]]:
    """Where things stand: spread over the picture rather than over the ground, which is mostly far away."""
    crowd = rng.random() < 0.2
    spots: list[tuple[float, float]] = []
    for _ in range(count * 4):
        u, v = rng.uniform(-0.03, 1.03) * camera.width, rng.uniform(0, 1.12) * camera.height
        x, y, seen = camera.on_ground(np.array([u]), np.array([v]))
        if not seen[0] or len(spots) >= count:
            continue
        if crowd and spots:
            near = spots[int(rng.integers(len(spots)))]
            x, y = np.array([near[0] + rng.normal(0, 1.2)]), np.array([near[1] + rng.normal(0, 1.2)])
        spot = (float(x[0]), float(y[0]))
        if TALL_MIN <= _tall(camera, spot) <= TALL_MAX:
            spots.append(spot)
    return spots


def _figure(rng: Chance, at: tuple[float, float], *, near: bool) -> _Figure:
    heading, kind = rng.uniform(0, 2 * np.pi), rng.random()
    if kind < 0.5 or near:
        rods = person(rng)
        return _Figure(0, at, _rods_painter(rods, at, heading), _rods_shader(rods, at, heading))
    if kind < 0.82:
        what, chance = vehicle(rng), np.random.default_rng(int(rng.integers(1 << 30)))
        return _Figure(
            1, at,
            lambda painter, label: paint_vehicle(painter, chance, what, at=at, heading=heading, label=label),
            lambda painter, mask: vehicle_shadow(painter, mask, what, at=at, heading=heading),
        )  # fmt: skip
    rods, wheels = two_wheeler(rng)

    def paint(painter: Painter, label: int) -> None:
        paint_wheels(painter, wheels, at=at, heading=heading, label=label)
        paint_rods(painter, rods, at=at, heading=heading, label=label)

    return _Figure(2, at, paint, _rods_shader(rods, at, heading))


def _rods_painter(rods: list[Rod], at: tuple[float, float], heading: float) -> Callable[[Painter, int], None]:
    return lambda painter, label: paint_rods(painter, rods, at=at, heading=heading, label=label)


def _rods_shader(rods: list[Rod], at: tuple[float, float], heading: float) -> Callable[[Painter, Pixels], None]:
    return lambda painter, mask: rods_shadow(painter, mask, rods, at=at, heading=heading)


def _paint_shadows(painter: Painter, rng: Chance, figures: list[_Figure]) -> None:
    if rng.random() < 0.25:
        return
    mask = np.zeros(painter.pixels.shape[:2], np.uint8)
    for figure in figures:
        figure.shade(painter, mask)
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.4 else 0):
        clutter_shadow(painter, mask, rng, (rng.uniform(-6, 6), rng.uniform(1, 20)))
    dark = cv2.convertScaleAbs(painter.pixels, alpha=rng.uniform(0.35, 0.85))
    cv2.copyTo(dark, mask, painter.pixels)


def _paint_figures(painter: Painter, rng: Chance, figures: list[_Figure]) -> list[Truth]:
    """The farthest first, clutter among them."""
    queue: list[tuple[float, _Figure | tuple[float, float]]] = [(figure.at[1], figure) for figure in figures]
    spots = _spots(rng, painter.camera, int(rng.integers(0, 9)))
    queue += [(spot[1], spot) for spot in spots if _tall(painter.camera, spot) < VEHICLE_TALL_MAX]
    found: list[tuple[int, int, int, tuple[float, float, float, float]]] = []
    for _, what in sorted(queue, key=lambda pair: -pair[0]):
        if not isinstance(what, _Figure):
            paint_clutter(painter, rng, what)
            continue
        painter.begin()
        number = len(found) + 1
        what.paint(painter, number)
        if (extent := painter.extent()) is not None:
            found.append((what.label, number, int(np.count_nonzero(painter.labels == number)), extent))
    scale = np.array([INPUT_WIDTH / painter.camera.width, INPUT_HEIGHT / painter.camera.height] * 2)
    size = (painter.camera.width, painter.camera.height)
    seen = np.bincount(painter.labels.ravel(), minlength=256)
    return [
        Truth(label, _four(np.array(box) * scale), seen[number] / own * _inside(box, size)) for label, number, own, box in found if own
    ]


def _inside(box: tuple[float, float, float, float], size: tuple[int, int]) -> float:
    """Share of a box inside the picture."""
    width = max(0.0, min(box[2], size[0]) - max(box[0], 0.0)) / max(box[2] - box[0], 1e-6)
    height = max(0.0, min(box[3], size[1]) - max(box[1], 0.0)) / max(box[3] - box[1], 1e-6)
    return width * height


def _paint_across(painter: Painter, rng: Chance) -> None:
    """Something right before the lens: a pole, a beam."""
    rows, columns = painter.pixels.shape[:2]
    if rng.random() < 0.5:
        x = int(rng.integers(columns))
        box = (x, 0, x + int(rng.integers(4, 60)), rows)
    else:
        y = int(rng.integers(rows))
        box = (0, y, columns, y + int(rng.integers(3, 30)))
    shade = rng.uniform(10, 220)
    cv2.rectangle(painter.pixels, box[:2], box[2:], (shade, shade, shade), -1)
    cv2.rectangle(painter.labels, box[:2], box[2:], 0, -1)


def _grained(rng: Chance, pixels: Pixels) -> Pixels:
    """Cloth, paint and glass are not flat."""
    field = rng.standard_normal((INPUT_HEIGHT // 3, INPUT_WIDTH // 3), np.float32)
    gain = 1 + np.asarray(cv2.resize(field, (INPUT_WIDTH, INPUT_HEIGHT)), np.float32) * np.float32(rng.uniform(0.0, 0.12))
    return np.clip(pixels * gain[..., None], 0, 255).astype(np.uint8)
