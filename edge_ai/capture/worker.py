"""A capture process: `python -m edge_ai.capture.worker --config FILE.json`.

Reads up to 8 cameras, a thread each, gates their frames into its frame ring, and reports their states. Started by node/cameras; Ctrl-C is
the parent's business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from edge_ai.analysis.bell import Bell
from edge_ai.capture.camera import CameraCapture
from edge_ai.clock import Clock, SystemClock
from edge_ai.evidence.clip_keeping import ClipKeeper
from edge_ai.evidence.handing import Handing
from edge_ai.looks.passing import piece
from edge_ai.memory import GIVE_BACK_PERIOD_S, give_back
from edge_ai.outlet import Outlet
from edge_ai.picture import Pixels, Shot
from edge_ai.ring.writer import RingWriter
from edge_ai.serving import STATE_PERIOD_S, serve
from edge_ai.sources.budget import OpenBudget
from edge_ai.spec import CameraKind, CaptureSpec, decode_capture_spec
from edge_ai.wire.clips import ClipNote, ClipOrder
from edge_ai.wire.parts import parts_of
from edge_ai.wire.states import Opens, Refusal, StateRow
from edge_ai.wire.views import VideoOrder

TURN_S = 0.5
"""Longest time before a lost parent is noticed."""


class CaptureWorker:
    """All cameras of one capture process; raises RingError when there is no room for their frames."""

    def __init__(self, spec: CaptureSpec, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._bell = Bell(spec.bell)
        self._ring = RingWriter(Path(spec.ring), spec.cameras, clock.now())
        self._outlet = Outlet(spec.endpoint, spec.worker)
        handing = Handing(Path(spec.evidence_dir), spec.evidence_floor_bytes) if spec.evidence_dir else None
        self._clips = ClipKeeper(handing, clock)
        self._refused: set[str] = set()
        self._stopping = False
        rng = Random(spec.seed)  # noqa: S311 - jitter
        opens = self._opens = OpenBudget(spec.opens_per_s)
        self._captures = {
            camera.id: CameraCapture(camera, self, clock, Random(rng.getrandbits(64)), opens=opens)  # noqa: S311 - jitter
            for camera in spec.cameras
        }

    def room(self, camera: str) -> Pixels | None:
        """The ring's memory for a camera's next picture."""
        return self._ring.room(camera)

    def put(self, shot: Shot) -> None:
        """Take a frame from a camera's thread."""
        if self._ring.put(shot):
            self._bell.ring()

    def run(self) -> int:
        """Serve until told to stop or orphaned."""
        for capture in self._captures.values():
            capture.start()
        states_due = give_back_due = self._clock.now()
        while not self._stopping and not self._outlet.stopped and os.getppid() == self._spec.parent_pid:
            self._outlet.wait(TURN_S)
            for order in self._outlet.orders():
                if isinstance(order, Refusal):
                    self._refuse(order)
                elif isinstance(order, ClipOrder):
                    self._keep_clip(order)
                elif isinstance(order, VideoOrder):
                    self._pass_on(order)
                elif isinstance(order, Opens):
                    self._opens.change(order.per_s)
            now = self._clock.now()
            self._tell_clips(self._clips.turn(now))
            if now >= states_due:
                self._send_states()
                states_due = now.plus(STATE_PERIOD_S)
            if now >= give_back_due:
                give_back()
                give_back_due = now.plus(GIVE_BACK_PERIOD_S)
        self._close()
        return 0

    def stop(self) -> None:
        """End after the current turn."""
        self._stopping = True

    def _refuse(self, refusal: Refusal) -> None:
        """Nobody can analyse the camera: reading it would only cost."""
        capture = self._captures.get(refusal.camera)
        if capture is not None and refusal.camera not in self._refused:
            self._refused.add(refusal.camera)
            capture.stop()
            capture.refuse(refusal.why)

    def _keep_clip(self, order: ClipOrder) -> None:
        capture = self._captures.get(order.camera)
        if capture is not None:
            self._clips.take(order, capture.packets, has_packets=capture.camera.kind is CameraKind.RTSP)

    def _pass_on(self, order: VideoOrder) -> None:
        capture = self._captures.get(order.camera)
        if capture is not None:
            has_packets = capture.camera.kind is CameraKind.RTSP
            self._outlet.send(parts_of(piece(order, capture.packets, self._clock, has_packets=has_packets)))

    def _tell_clips(self, notes: Sequence[ClipNote]) -> None:
        for note in notes:
            self._outlet.send(parts_of(note))

    def _send_states(self) -> None:
        for name in self._captures:
            self._outlet.send(parts_of(self._state(name)))

    def _state(self, name: str) -> StateRow:
        now, report = self._clock.now(), self._captures[name].report()
        return StateRow(
            camera=name,
            state=report.state.value,
            since_us=self._clock.wall_us() - round(now.seconds_since(report.since) * 1e6),
            fps=round(report.fps, 2),
            frames=report.frames,
            dropped=0,
            retry_in_s=None if report.retry_at is None else max(0.0, report.retry_at.seconds_since(now)),
            why=report.why,
            storms=self._ring.storms(name),
            reconnects_per_hour=report.reconnects_per_hour,
            stalls=report.stalls,
            damaged=report.damaged,
        )

    def _close(self) -> None:
        self._tell_clips(self._clips.close())
        for name, capture in self._captures.items():
            if name not in self._refused:
                capture.stop()
        self._outlet.close()
        self._ring.close()


def main() -> int:
    """Run one capture process."""
    return serve("capture", lambda data: CaptureWorker(decode_capture_spec(data), SystemClock()))


if __name__ == "__main__":
    sys.exit(main())
