"""What a power cut leaves on the disk of a simulated node. Called by simulations/host.py."""

from __future__ import annotations

from enum import Enum
from random import Random

from node.store.torn import DiskImage, torn, unsynced_bytes

FLIP_SHARE = 0.5
"""Torn commits of which one byte that arrived is wrong."""


class CrashPoint(Enum):
    """Where in a turn the power goes."""

    BEFORE_COMMIT = "before-commit"
    IN_COMMIT = "in-commit"
    """The disk is left torn."""
    BEFORE_SENDS = "before-sends"
    """Durable, but nothing was handed out."""


def left_on_disk(point: CrashPoint, before: DiskImage, after: DiskImage, rng: Random) -> DiskImage:
    """The files as the cut leaves them: closing tidied them up, which a power cut does not."""
    if point is not CrashPoint.IN_COMMIT:
        return after
    cut = rng.randint(0, unsynced_bytes(before, after))
    return torn(before, after, cut=cut, flip=rng if rng.random() < FLIP_SHARE else None)
