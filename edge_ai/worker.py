"""The worker process: `python -m edge_ai.worker --config FILE.json`.

Serves up to 8 cameras: a capture thread each, and one loop that analyses, keeps and sends. It ends on the node's `stop`, on SIGTERM and
when its parent is gone; Ctrl-C is the parent's business. Started by node/cameras/supervisor.py.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from random import Random

import cv2

from edge_ai.algorithm import load_algorithm
from edge_ai.capture import CameraCapture
from edge_ai.clock import Clock, SystemClock
from edge_ai.detectors.build import build_detector
from edge_ai.errors import AlgorithmError, EdgeError, EvidenceError, SpecError
from edge_ai.health import HealthReport
from edge_ai.mailbox import Mailbox
from edge_ai.outlet import Outlet
from edge_ai.picture import Shot
from edge_ai.pipeline import CameraPipeline
from edge_ai.spec import CameraSpec, WorkerSpec, decode_spec
from edge_ai.spool import Spool
from edge_ai.wire import StateRow

TURN_S = 0.05
"""Longest wait for a frame before orders and states get their turn."""
STATE_PERIOD_S = 1.0
CONFIG_BYTES_MAX = 1_048_576
EXIT_REFUSED = 2
"""Exit status when the description cannot be used; starting again would not help."""


class Worker:
    """All cameras of one process."""

    def __init__(self, spec: WorkerSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._mailbox = Mailbox()
        self._spool = Spool(Path(spec.spool_dir))
        self._outlet = Outlet(spec.endpoint, spec.worker, self._spool)
        self._captures: dict[str, CameraCapture] = {}
        self._pipelines: dict[str, CameraPipeline] = {}
        self._trouble: dict[str, str] = {}
        self._refused_events: Counter[str] = Counter()
        self._stopping = False
        rng = Random(spec.seed)  # noqa: S311 - jitter
        for camera in spec.cameras:
            self._add(camera, Random(rng.getrandbits(64)))  # noqa: S311 - jitter

    def run(self) -> None:
        """Serve until told to stop or orphaned."""
        for name in self._pipelines:
            self._captures[name].start()
        states_due = self._clock.now()
        while not self._stopping and os.getppid() == self._spec.parent_pid:
            shot = self._mailbox.take(TURN_S)
            if shot is not None:
                self._analyse(shot)
            self._stopping = self._outlet.orders() or self._stopping
            now = self._clock.now()
            self._outlet.send_due(now)
            if now >= states_due:
                self._send_states()
                states_due = now.plus(STATE_PERIOD_S)
        self._close()

    def stop(self) -> None:
        """End after the current turn."""
        self._stopping = True

    def _add(self, camera: CameraSpec, rng: Random) -> None:
        capture = self._captures[camera.id] = CameraCapture(camera, self._mailbox, self._clock, rng)
        try:
            algorithm = load_algorithm(camera, self._spec.algorithms_dir)
            self._pipelines[camera.id] = CameraPipeline(camera, algorithm, build_detector(algorithm), nonce=self._spec.nonce)
        except AlgorithmError as error:
            capture.refuse(str(error))

    def _analyse(self, shot: Shot) -> None:
        try:
            for message in self._pipelines[shot.camera].analyse(shot):
                if not self._spool.add(message):
                    self._refused_events[shot.camera] += 1
            self._trouble.pop(shot.camera, None)
        except EvidenceError as error:
            self._refused_events[shot.camera] += 1
            self._trouble[shot.camera] = str(error)

    def _send_states(self) -> None:
        now, wall_us = self._clock.now(), self._clock.wall_us()
        for name, capture in self._captures.items():
            report = capture.report()
            since_us = wall_us - round(now.seconds_since(report.since) * 1e6)
            retry_in_s = None if report.retry_at is None else max(0.0, report.retry_at.seconds_since(now))
            self._outlet.send_state(self._state(name, report, since_us, retry_in_s))

    def _state(self, name: str, report: HealthReport, since_us: int, retry_in_s: float | None) -> StateRow:
        return StateRow(
            camera=name,
            state=report.state.value,
            since_us=since_us,
            fps=round(report.fps, 2),
            frames=report.frames,
            dropped=self._mailbox.dropped(name) + self._refused_events[name],
            retry_in_s=retry_in_s,
            why=self._trouble.get(name, report.why),
        )

    def _close(self) -> None:
        for name in self._pipelines:
            self._captures[name].stop()
        self._outlet.close()


def read_spec(path: Path) -> WorkerSpec:
    """The description in the file; raises SpecError."""
    try:
        with path.open("rb") as file:
            data = file.read(CONFIG_BYTES_MAX + 1)
    except OSError as error:
        raise SpecError(f"worker description {path} cannot be read: {error.strerror}") from error
    if len(data) > CONFIG_BYTES_MAX:
        raise SpecError(f"worker description {path} refused: over {CONFIG_BYTES_MAX} bytes")
    return decode_spec(data)


def main() -> int:
    """Run one worker; 0 after an ordered end, 2 when the description cannot be used."""
    parser = argparse.ArgumentParser(prog="edge_ai.worker", description="analyses the cameras of a yunnao node")
    parser.add_argument("--config", type=Path, required=True, help="JSON file written by the node")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    try:
        worker = Worker(read_spec(parser.parse_args().config), SystemClock())
    except EdgeError as error:
        sys.stderr.write(f"edge worker: {error}\n")
        return EXIT_REFUSED
    signal.signal(signal.SIGTERM, lambda _signal, _frame: worker.stop())
    worker.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
