"""A sink for tests of capture: one place per camera for its newest frame, taken from another thread."""

from __future__ import annotations

import threading
from collections import Counter

from edge_ai.picture import Pixels, Shot


class Mailbox:
    """Newest frame per camera; cameras are served in the order their places became full."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._shots: dict[str, Shot] = {}
        self._dropped: Counter[str] = Counter()

    def room(self, camera: str) -> Pixels | None:
        """None: who takes a frame keeps it."""

    def put(self, shot: Shot) -> None:
        """Leave a frame; an older one of the same camera is dropped and counted, its turn is kept."""
        with self._changed:
            if shot.camera in self._shots:
                self._dropped[shot.camera] += 1
            self._shots[shot.camera] = shot
            self._changed.notify()

    def take(self, wait_s: float) -> Shot | None:
        """The frame whose camera has waited longest; None when none came within `wait_s`."""
        with self._changed:
            if not self._shots:
                self._changed.wait(wait_s)
            if not self._shots:
                return None
            return self._shots.pop(next(iter(self._shots)))

    def dropped(self, camera: str) -> int:
        """Frames of `camera` that newer ones replaced."""
        with self._changed:
            return self._dropped[camera]
