"""The furthest excursion that a series has made, against which the next one is held; it fades slowly.

Pure. Called by baseline.py and mahalanobis.py.
"""

from __future__ import annotations

import numpy as np

from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.table import Bools, Floats, Records


def is_over(parameters: Parameters, size: Floats, highest: Floats, *, bound: float) -> Bools:
    """Where an excursion is further out than `bound`, and further than any that is remembered."""
    return np.asarray((size >= bound) & (size >= highest * parameters.excursion_factor))


def is_back(parameters: Parameters, size: Floats) -> Bools:
    """Where an excursion has ended."""
    return np.asarray(size < parameters.deviation / 2)


def remember(own: Records, name: str, size: Floats, parameters: Parameters, is_learnt: Bools) -> Floats:
    """The furthest before this reading. An excursion counts only when it has ended: while it climbs it is not its own bar."""
    before, pending = own[f"{name}_highest"].copy(), own[f"{name}_pending"]
    highest = np.where(is_learnt, np.maximum(pending, size), 0.0)
    ended, faded = is_back(parameters, size), before * (1 - 1 / parameters.excursion_memory)
    own[f"{name}_highest"] = np.where(ended, np.maximum(faded, highest), faded)
    own[f"{name}_pending"] = np.where(ended, 0.0, highest)
    return before
