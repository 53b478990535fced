"""One thread per camera: opens, reads, paces files, keeps the health, and leaves frames in the sink.

A camera that fails is tried again with backoff; nothing a camera does ends the thread or disturbs another camera. Called by
the process that captures.
"""

from __future__ import annotations

import math
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from edge_ai.capture.backoff import Backoff
from edge_ai.capture.health import Health, HealthReport, stall_limits
from edge_ai.clock import Clock
from edge_ai.errors import SourceError
from edge_ai.picture import FrameSink, Pixels, Shot
from edge_ai.reasons import Reason, reason, told
from edge_ai.sources.budget import OpenBudget
from edge_ai.sources.opening import open_source
from edge_ai.sources.packets import PacketRing
from edge_ai.sources.port import FrameSource
from edge_ai.spec import CameraSpec, DecodeMode
from sync.model import Instant

JOIN_S = 2.0
"""Seconds to wait for a thread at the end; a read that still blocks is abandoned with the process."""
GRACE_S = 0.3
"""Seconds for the next frame, after which the session is closed in order, before a read is interrupted."""
OPENING_JOIN_S = 0.1
"""Seconds for one that is still opening: there is nothing to close yet, and eight silent cameras shall not delay the end."""
BATCH_S = 0.5
"""Seconds of a clip that are decoded in one go at most: far below the limits after which frames count as missing."""
ROUNDING_S = 1e-6
_SEED_BITS = 64


class CameraCapture:
    """The reading of one camera. `opens` is shared by all captures of a process."""

    def __init__(
        self,
        camera: CameraSpec,
        sink: FrameSink,
        clock: Clock,
        rng: Random,
        open_camera: Callable[[CameraSpec], FrameSource] | None = None,
        opens: OpenBudget | None = None,
    ) -> None:
        self.camera = camera
        self._sink = sink
        self._clock = clock
        self._opens = opens or OpenBudget()
        self._open_camera = open_camera or partial(open_source, clock=clock, rng=Random(rng.getrandbits(_SEED_BITS)))  # noqa: S311 - no key
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._health = Health(Backoff(rng), clock.now(), stall_limits(camera))
        self._source: FrameSource | None = None
        self._damaged = 0
        """Of the source of now, as last told to the health."""
        self._generation = 0
        self._still_shape: tuple[int, ...] = ()
        self._thread = threading.Thread(target=self._run, name=f"capture-{camera.id}", daemon=True)

    @property
    def packets(self) -> PacketRing | None:
        """The last seconds as the camera sent them; None while it is not connected, and for sources without."""
        with self._lock:
            return None if self._source is None else self._source.packets

    def start(self) -> None:
        """Begin to read; a camera that is switched off is never opened."""
        if self.camera.mode is DecodeMode.OFF:
            with self._lock:
                self._health.ended(self._clock.now(), told(reason("switched-off")))
            return
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and wait a little."""
        self._stop.set()
        with self._lock:
            source = self._source
        if not self._thread.is_alive():
            return
        self._thread.join(OPENING_JOIN_S if source is None else GRACE_S)
        if source is not None and self._thread.is_alive():
            source.interrupt()
            self._thread.join(JOIN_S)

    def refuse(self, why: str) -> None:
        """The camera cannot run as configured: shown as lost with the reason, never started."""
        with self._lock:
            self._health.refused(self._clock.now(), why)

    def report(self) -> HealthReport:
        """The camera's state now; safe from any thread."""
        with self._lock:
            self._note_damage()
            return self._health.report(self._clock.now())

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wait_for_place()
            if self._stop.is_set():
                return
            with self._lock:
                self._health.connecting(self._clock.now())
            try:
                while self._read_once():
                    pass
            except SourceError as error:
                why = error.told
            except Exception as error:  # noqa: BLE001 - the thread's last handler: a camera that nobody reads must say so
                why = told(reason("reading-failed", camera=self.camera.id, what=_named(error)))
            else:
                return
            # Only now: an error at hand holds what it came through, and with it the connection's last seconds.
            self._wait_for_retry(why)

    def _wait_for_place(self) -> None:
        if not self.camera.kind.is_clip:
            self._stop.wait(self._opens.wait_s(self._clock.now()))

    def _wait_for_retry(self, why: str) -> None:
        with self._lock:
            now = self._clock.now()
            wait_s = self._health.failed(now, why).seconds_since(now)
        self._stop.wait(wait_s)

    def _read_once(self) -> bool:
        """Read one connection to its end; True when another is to follow at once. Raises SourceError."""
        source = self._open_camera(self.camera)
        with self._lock:
            self._source, self._damaged = source, 0
        is_still = self.camera.mode is DecodeMode.STILL and not self.camera.kind.is_clip
        try:
            frames = self._take_still(source) if is_still else self._pump(source)
        except SourceError as error:
            raise SourceError(reason("of-camera", camera=self.camera.id, what=error)) from error
        finally:
            with self._lock:
                self._source = None
            source.close()
            # Stills are neighbours although each has a connection of its own.
            self._generation += 0 if is_still else 1 + source.restarts
        if self._stop.is_set():
            return False
        if is_still:
            self._stop.wait(self.camera.still_every_s)
            return not self._stop.is_set()
        if not self.camera.kind.is_clip:
            raise SourceError(reason("no-more-pictures", camera=self.camera.id, frames=frames))
        return self._clip_ended(frames, source.ending())

    def _clip_ended(self, frames: int, damage: Reason | None) -> bool:
        if frames == 0:
            raise SourceError(reason("file-unreadable", camera=self.camera.id))
        with self._lock:
            if damage is not None:
                self._health.remark(told(damage))
            if not self.camera.loop:
                self._health.ended(self._clock.now(), told(damage or reason("file-ended", frames=frames)))
        return self.camera.loop

    def _take_still(self, source: FrameSource) -> int:
        """Read one picture; 1."""
        pixels = source.read()
        if pixels is None:
            raise SourceError(reason("no-picture"))
        if self._still_shape not in ((), pixels.shape):
            self._generation += 1
        self._still_shape = pixels.shape
        self._put(pixels, self._generation)
        with self._lock:
            self._health.frames(self._clock.now())
        return 1

    def _pump(self, source: FrameSource) -> int:
        """Read frames at the source's pace and leave `analysed_fps` of them; the number read."""
        began, frames, due_s = self._clock.now(), 0, 0.0
        while not self._stop.is_set():
            ahead = self._ahead(source, began, frames, due_s)
            passed = self._passed(source, ahead)
            at_s = (frames + passed) / source.fps if self.camera.kind.is_clip else self._clock.now().seconds_since(began)
            is_wanted = at_s >= due_s - ROUNDING_S
            goes_on = passed == ahead and (self._deliver(source) if is_wanted else source.skip())
            frames += passed + goes_on
            self._note_frames(passed + goes_on)
            if not goes_on:
                break
            if is_wanted:
                due_s = max(due_s + 1 / self.camera.analysed_fps, at_s - 1 / self.camera.analysed_fps)
        return frames

    def _ahead(self, source: FrameSource, began: Instant, frames: int, due_s: float) -> int:
        """How many frames of a clip lie before the next wanted one, after waiting for that one's time; 0 for cameras.

        Decoded in one go they find their code and tables in the processor's caches: one at a time costs a third more CPU.
        """
        if not self.camera.kind.is_clip:
            return 0
        wanted = math.ceil((due_s - ROUNDING_S) * source.fps)
        ahead = max(0, min(wanted - frames, round(BATCH_S * source.fps)))
        self._stop.wait(max(0.0, began.plus((frames + ahead) / source.fps).seconds_since(self._clock.now())))
        return ahead

    def _passed(self, source: FrameSource, count: int) -> int:
        """Pass over so many frames; how many there were."""
        for number in range(count):
            if self._stop.is_set() or not source.skip():
                return number
        return count

    def _note_frames(self, count: int) -> None:
        with self._lock:
            self._note_damage()
            if count:
                self._health.frames(self._clock.now(), count)

    def _note_damage(self) -> None:
        """Under the lock: what was left out since it was last looked at, also while no frame comes."""
        if self._source is not None:
            damaged = self._source.damaged
            self._health.damage(self._clock.now(), damaged - self._damaged)
            self._damaged = damaged

    def _deliver(self, source: FrameSource) -> bool:
        pixels = source.read(self._sink.room(self.camera.id))
        if pixels is None:
            return False
        self._put(pixels, self._generation + source.restarts)
        return True

    def _put(self, pixels: Pixels, generation: int) -> None:
        self._sink.put(Shot(self.camera.id, pixels, self._clock.now(), self._clock.wall_us(), generation))


def _named(error: Exception) -> str:
    """What a fault is and where; its own words may hold an address with its password."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
