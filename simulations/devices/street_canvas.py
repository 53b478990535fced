"""Flat shapes on a picture and on a label map of the same size, in numpy alone.

Owns clipping and the label map by which the renderer knows how much of an actor stays visible. Knows nothing of streets.
Called by simulations/devices/street_scene.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
"""Blue, green, red, each 0-255."""

Pixels = NDArray[np.uint8]
"""Height x width x 3, blue-green-red."""


class Canvas:
    """A picture being painted; `label` marks every painted pixel with the number of the actor in front."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.labels: NDArray[np.int16] = np.zeros(pixels.shape[:2], np.int16)
        self._rows, self._columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]

    def rectangle(self, box: tuple[float, float, float, float], colour: Colour, label: int = 0) -> None:
        """Fill (x1, y1, x2, y2); what lies outside the picture is cut off."""
        window = self._window(box)
        self.pixels[window] = colour
        if label:
            self.labels[window] = label

    def ellipse(self, box: tuple[float, float, float, float], colour: Colour, label: int = 0) -> None:
        """Fill the ellipse inside (x1, y1, x2, y2)."""
        window = self._window(box)
        rows, columns = self._rows[window[0]], self._columns[:, window[1]]
        x1, y1, x2, y2 = box
        half_width, half_height = max((x2 - x1) / 2, 0.5), max((y2 - y1) / 2, 0.5)
        inside = ((columns + 0.5 - (x1 + x2) / 2) / half_width) ** 2 + ((rows + 0.5 - (y1 + y2) / 2) / half_height) ** 2 <= 1
        self.pixels[window][inside] = colour
        if label:
            self.labels[window][inside] = label

    def visible_pixels(self, label: int) -> int:
        """How many pixels show `label` in front."""
        return int(np.count_nonzero(self.labels == label))

    def _window(self, box: tuple[float, float, float, float]) -> tuple[slice, slice]:
        height, width = self.labels.shape
        x1, x2 = sorted((min(max(round(box[0]), 0), width), min(max(round(box[2]), 0), width)))
        y1, y2 = sorted((min(max(round(box[1]), 0), height), min(max(round(box[3]), 0), height)))
        return slice(y1, y2), slice(x1, x2)
