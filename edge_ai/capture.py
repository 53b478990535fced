"""One thread per camera: opens, reads, paces files, keeps the health, and leaves frames in the mailbox.

A camera that fails is tried again with backoff; nothing a camera does ends the thread or disturbs another camera. Called by
edge_ai/worker.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

from edge_ai.backoff import Backoff
from edge_ai.clock import Clock
from edge_ai.errors import SourceError
from edge_ai.health import Health, HealthReport
from edge_ai.mailbox import Mailbox
from edge_ai.picture import Shot
from edge_ai.source import FrameSource, open_source
from edge_ai.spec import CameraSpec

JOIN_S = 2.0
"""Seconds to wait for a thread at the end; a read that still blocks is abandoned with the process."""


class CameraCapture:
    """The reading of one camera."""

    def __init__(
        self,
        camera: CameraSpec,
        mailbox: Mailbox,
        clock: Clock,
        rng: Random,
        open_camera: Callable[[CameraSpec], FrameSource] = open_source,
    ) -> None:
        self.camera = camera
        self._mailbox = mailbox
        self._clock = clock
        self._open_camera = open_camera
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._health = Health(Backoff(rng), clock.now())
        self._generation = 0
        self._thread = threading.Thread(target=self._run, name=f"capture-{camera.id}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and wait a little."""
        self._stop.set()
        self._thread.join(JOIN_S)

    def refuse(self, why: str) -> None:
        """The camera cannot run as configured: shown as lost with the reason, never started."""
        with self._lock:
            self._health.refused(self._clock.now(), why)

    def report(self) -> HealthReport:
        """The camera's state now; safe from any thread."""
        with self._lock:
            return self._health.report(self._clock.now())

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                self._health.connecting(self._clock.now())
            try:
                while self._read_until_end():
                    pass
            except SourceError as error:
                self._wait_for_retry(str(error))
            else:
                return

    def _wait_for_retry(self, why: str) -> None:
        with self._lock:
            now = self._clock.now()
            wait_s = self._health.failed(now, why).seconds_since(now)
        self._stop.wait(wait_s)

    def _read_until_end(self) -> bool:
        """Read one connection to its end; True when a looped clip is to begin again. Raises SourceError."""
        source = self._open_camera(self.camera)
        try:
            frames = self._pump(source)
        finally:
            source.close()
        self._generation += 1
        if self._stop.is_set():
            return False
        if not self.camera.kind.is_clip:
            raise SourceError(f"camera {self.camera.id} gave no more pictures after {frames} frames: check camera and network")
        return self._clip_ended(frames, source.ending())

    def _clip_ended(self, frames: int, damage: str) -> bool:
        if frames == 0:
            raise SourceError(f"camera {self.camera.id}: no picture could be read from the file: it is damaged or no video; copy it again")
        with self._lock:
            if damage:
                self._health.remark(damage)
            if not self.camera.loop:
                self._health.ended(self._clock.now(), damage or f"end of file after {frames} frames")
        return self.camera.loop

    def _pump(self, source: FrameSource) -> int:
        """Read frames at the source's pace and leave `analysed_fps` of them; the number read."""
        began, frames, due_s = self._clock.now(), 0, 0.0
        while not self._stop.is_set():
            if self.camera.kind.is_clip:
                self._stop.wait(max(0.0, began.plus(frames / source.fps).seconds_since(self._clock.now())))
                at_s = frames / source.fps
            else:
                at_s = self._clock.now().seconds_since(began)
            wanted = at_s >= due_s
            if not (self._deliver(source) if wanted else source.skip()):
                break
            if wanted:
                due_s = max(due_s + 1 / self.camera.analysed_fps, at_s - 1 / self.camera.analysed_fps)
            frames += 1
            with self._lock:
                self._health.frame(self._clock.now())
        return frames

    def _deliver(self, source: FrameSource) -> bool:
        pixels = source.read()
        if pixels is None:
            return False
        self._mailbox.put(Shot(self.camera.id, pixels, self._clock.now(), self._clock.wall_us(), self._generation))
        return True
