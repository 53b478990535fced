"""A version of an algorithm that is loaded and warmed beside the one that works, so that no picture waits for it. Called by hot.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread

from edge_ai.algorithm import Algorithm
from edge_ai.detectors.port import Detector
from edge_ai.errors import EdgeError
from edge_ai.reasons import reason, told


@dataclass(frozen=True, slots=True)
class Ready:
    """A version that is loaded and warm."""

    algorithm: Algorithm
    detector: Detector

    @property
    def version(self) -> str:
        """Of the package."""
        return self.algorithm.manifest.version


class Loading:
    """A version being loaded and warmed by a thread of its own; the pictures go on meanwhile."""

    def __init__(self, version: str, load: Callable[[], Ready]) -> None:
        self.version = version
        self.ready: Ready | None = None
        self.why = ""
        """Why it could not be loaded."""
        self._load = load
        self._thread = Thread(target=self._run, name=f"load-{version}", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """True once `ready` or `why` says how it went."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Until it is over."""
        self._thread.join()

    def _run(self) -> None:
        # Of a fault that nobody foresaw, which the thread tells on stderr, something has to be said as well.
        self.why = told(reason("loading-broke", version=self.version))
        try:
            self.ready = self._load()
            self.why = ""
        except EdgeError as error:
            self.why = error.told
