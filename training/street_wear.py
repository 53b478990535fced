"""What light, lens, sensor and encoder do to a picture. Called by street_pictures.py."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.street_people import Chance

Pixels = NDArray[np.uint8]


def worn(rng: Chance, pixels: Pixels) -> Pixels:
    """The picture as a camera would send it."""
    picture = _lit(rng, pixels.astype(np.float32))
    picture = _blurred(rng, picture)
    picture = _noisy(rng, picture)
    return _coded(rng, _shrunk(rng, np.clip(picture, 0, 255).astype(np.uint8)))


def _lit(rng: Chance, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = picture.shape[:2]
    gain = np.array(rng.uniform(0.55, 1.35) * (1 + rng.normal(0, 0.06, 3)), np.float32)
    contrast = np.float32(rng.uniform(0.6, 1.25))
    picture = picture * (gain * contrast) + (np.float32(128) * (1 - contrast) * gain + np.float32(rng.uniform(-20, 20)))
    if rng.random() < 0.4:
        corner = rng.uniform(0.55, 1.3, (2, 2)).astype(np.float32)
        picture *= cv2.resize(corner, (columns, rows), interpolation=cv2.INTER_LINEAR)[..., None]
    grey = picture.mean(axis=2, keepdims=True)
    keep = np.float32(0.0 if rng.random() < 0.1 else rng.uniform(0.4, 1.15))
    return grey + (picture - grey) * keep


def _blurred(rng: Chance, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    if rng.random() < 0.45:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.2:
        blurred = cv2.GaussianBlur(picture, (0, 0), 1.2)
        picture = picture + (picture - blurred) * np.float32(rng.uniform(0.3, 1.5))
    return picture


def _noisy(rng: Chance, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    strength = rng.uniform(0, 9) if rng.random() < 0.7 else 0.0
    if strength:
        noise = rng.standard_normal(picture.shape[:2], np.float32)[..., None] * np.float32(strength)
        picture = picture + noise
    return picture


def _shrunk(rng: Chance, picture: Pixels) -> Pixels:
    if rng.random() < 0.3:
        rows, columns = picture.shape[:2]
        share = rng.uniform(0.45, 0.95)
        small = cv2.resize(picture, (int(columns * share), int(rows * share)), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (columns, rows)), np.uint8)
    return picture


def _coded(rng: Chance, picture: Pixels) -> Pixels:
    """JPEG: its blocks are like those of H.264's key pictures."""
    if rng.random() < 0.75:
        quality = int(rng.integers(12, 90))
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return picture
