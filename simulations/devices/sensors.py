"""What simulated city sensors measure: quantities with a daily rhythm. Nothing here is measured data. Called by script.py and the demo."""

from __future__ import annotations

import math
from dataclasses import dataclass

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity with a daily rhythm of two peaks and noise that drifts."""

    name: str
    unit: str
    mean: float
    swing: float
    """How far the daily peaks rise above the mean."""
    noise: float
    peaks_h: tuple[float, float] = (8.0, 18.0)
    """Local hours of the peaks."""
    digits: int = 1


AIR_QUALITY = (
    Quantity("PM2.5", "ug/m3", 38.0, 22.0, 6.0),
    Quantity("NO2", "ug/m3", 34.0, 18.0, 4.0),
    Quantity("temperature", "Cel", 12.0, 6.0, 0.5, peaks_h=(14.0, 15.0)),
)
"""What a generated air station measures."""
TRAFFIC_FLOW = (
    Quantity("vehicles", "1/h", 420.0, 380.0, 35.0, digits=0),
    Quantity("speed", "km/h", 46.0, -18.0, 3.0),
)
"""What a generated traffic detector measures."""


def rhythm(quantity: Quantity, time_us: int) -> float:
    """The mean of `quantity` at this moment of the local day."""
    hour = (time_us / 1e6 + 8 * 3_600) % DAY_S / 3_600
    nearest = min(abs((hour - peak + 12.0) % 24.0 - 12.0) for peak in quantity.peaks_h)
    return quantity.mean + quantity.swing * math.exp(-((nearest / 2.5) ** 2))
