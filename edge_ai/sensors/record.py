"""The furthest excursion that a series has made, against which the next one is held; it fades slowly.

Pure. Called by usual.py and groups.py.
"""

from __future__ import annotations

import numpy as np

from edge_ai.sensors.parameters import Parameters
from edge_ai.sensors.table import Bools, Floats, Records


def is_over(parameters: Parameters, size: Floats, record: Floats, *, bound: float) -> Bools:
    """Where an excursion is further out than `bound`, and further than any that is remembered."""
    return np.asarray((size >= bound) & (size >= record * parameters.record_factor))


def is_back(parameters: Parameters, size: Floats) -> Bools:
    """Where an excursion has ended."""
    return np.asarray(size < parameters.deviation / 2)


def remember(own: Records, name: str, size: Floats, parameters: Parameters, is_learnt: Bools) -> Floats:
    """The record before this reading. An excursion becomes part of it only when it has ended: while it climbs it is not its own bar."""
    before, pending = own[f"{name}_record"].copy(), own[f"{name}_pending"]
    highest = np.where(is_learnt, np.maximum(pending, size), 0.0)
    ended, faded = is_back(parameters, size), before * (1 - 1 / parameters.record_memory)
    own[f"{name}_record"] = np.where(ended, np.maximum(faded, highest), faded)
    own[f"{name}_pending"] = np.where(ended, 0.0, highest)
    return before
