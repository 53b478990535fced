"""The inference callers: threads on one-thread sessions, each with models of its own; onnxruntime and cv2 release the GIL meanwhile.

A thread that hangs cannot be ended, so an inference over its deadline, or a caller that is gone, is for the process to answer: it ends and
is started again. Called by edge_ai/analysis/worker.py.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_ai.algorithm import Algorithm
from edge_ai.capture.gate import Motion
from edge_ai.clock import Clock
from edge_ai.errors import AlgorithmError
from edge_ai.picture import Detections, Pixels
from edge_ai.reasons import Reason, reason
from edge_ai.ring.reader import Seen
from edge_ai.strain import strain
from sync.model import Instant

INFERENCE_S_MAX = 3.0
"""Seconds after which an inference counts as hung, longer on a box under strain; with another start within 5 s (EDGE_AI failure 8)."""


class Model(Protocol):
    """A detector that says which algorithm answered last. Implementations: HotModel; a scripted one in tests."""

    @property
    def algorithm(self) -> Algorithm:
        """Which made the newest detections."""

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """What is in the picture; raises AlgorithmError when it cannot say."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """What came of one inference."""

    seen: Seen
    detections: Detections | None
    """None when the detector refused; then `trouble` says why."""
    algorithm: Algorithm
    """Which made them."""
    cost_s: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """An inference that has begun."""

    seen: Seen
    since: Instant


class _Caller:
    """One thread and its models."""

    def __init__(self, number: int, models: Mapping[str, Model], clock: Clock, done: Callable[[Concluded], None]) -> None:
        self._models = models
        self._clock = clock
        self._done = done
        self._jobs: queue.SimpleQueue[Seen | None] = queue.SimpleQueue()
        self.running: Running | None = None
        self.thread = threading.Thread(target=self._run, name=f"caller-{number}", daemon=True)
        self.thread.start()

    def start(self, seen: Seen, now: Instant) -> None:
        self.running = Running(seen, now)
        self._jobs.put(seen)

    def stop(self) -> None:
        self._jobs.put(None)

    def _run(self) -> None:
        while (seen := self._jobs.get()) is not None:
            began = self._clock.now()
            model, detections, trouble = self._models[seen.shot.camera], None, ""
            try:
                detections = model.detect(seen.shot.pixels, seen.motion)
            except AlgorithmError as error:
                trouble = error.told
            concluded = Concluded(seen, detections, model.algorithm, self._clock.now().seconds_since(began), trouble)
            self.running = None
            self._done(concluded)


class Callers:
    """All callers of a process; each has a table from camera to its own model."""

    def __init__(
        self,
        tables: Sequence[Mapping[str, Model]],
        clock: Clock,
        wake: Callable[[], None],
        *,
        inference_s_max: float = INFERENCE_S_MAX,
        strain: Callable[[], float] = strain,
    ) -> None:
        self._inference_s_max = inference_s_max
        self._strain = strain
        self._wake = wake
        self._concluded: queue.SimpleQueue[Concluded] = queue.SimpleQueue()
        self._callers = [_Caller(number, table, clock, self._take) for number, table in enumerate(tables)]

    @property
    def has_idle(self) -> bool:
        """True when `start` may be called."""
        return any(caller.running is None for caller in self._callers)

    @property
    def is_busy(self) -> bool:
        """True while an inference runs."""
        return any(caller.running is not None for caller in self._callers)

    def start(self, seen: Seen, now: Instant) -> None:
        """Begin an inference on an idle caller."""
        next(caller for caller in self._callers if caller.running is None).start(seen, now)

    def concluded(self) -> list[Concluded]:
        """The inferences that ended since the last call."""
        ended: list[Concluded] = []
        while not self._concluded.empty():
            ended.append(self._concluded.get())
        return ended

    def failed(self, now: Instant) -> Reason | None:
        """An inference over its deadline or a caller that died; None when all is well."""
        for caller in self._callers:
            running = caller.running
            if running is not None and not caller.thread.is_alive():
                return reason("caller-broke", camera=running.seen.shot.camera)
            since_s = 0.0 if running is None else now.seconds_since(running.since)
            if running is not None and since_s > self._inference_s_max and since_s > self._inference_s_max * self._strain():
                return reason("inference-hung", camera=running.seen.shot.camera, seconds=f"{since_s:.1f}")
        return None

    def stop(self) -> None:
        """End the callers after what they have begun; hung ones end with the process."""
        for caller in self._callers:
            caller.stop()

    def _take(self, concluded: Concluded) -> None:
        self._concluded.put(concluded)
        self._wake()
