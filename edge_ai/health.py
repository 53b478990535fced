"""The state of one camera: CONNECTING, LIVE, DEGRADED, LOST, OFF. Pure; the table of moves is here and nowhere else.

Called by edge_ai/capture.py, which does the reading and waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edge_ai.backoff import Backoff
from sync.model import Instant

STALL_DEGRADED_S = 2.0
"""Seconds without a frame after which a live camera is degraded."""
STALL_LOST_S = 10.0
"""Seconds without a frame after which it counts as lost, even while the read still blocks."""
WHY_CHARACTERS_MAX = 300


class CameraState(Enum):
    """How a camera does."""

    CONNECTING = "connecting"
    LIVE = "live"
    DEGRADED = "degraded"
    LOST = "lost"
    OFF = "off"


MOVES: dict[CameraState, frozenset[CameraState]] = {
    CameraState.CONNECTING: frozenset({CameraState.LIVE, CameraState.LOST, CameraState.OFF}),
    CameraState.LIVE: frozenset({CameraState.CONNECTING, CameraState.DEGRADED, CameraState.LOST, CameraState.OFF}),
    CameraState.DEGRADED: frozenset({CameraState.CONNECTING, CameraState.LIVE, CameraState.LOST, CameraState.OFF}),
    CameraState.LOST: frozenset({CameraState.CONNECTING, CameraState.LIVE, CameraState.OFF}),
    CameraState.OFF: frozenset(),
}
"""LOST to LIVE without CONNECTING: a read that stalled and then went on. OFF is final for a worker's life."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """A camera's state as reported each second."""

    state: CameraState
    since: Instant
    frames: int
    fps: float
    """Frames read per second, over the last full second or more."""
    retry_at: Instant | None
    why: str
    """The last trouble in words; empty when there was none."""


class Health:
    """Follows one camera through its states; each method is one thing that happened."""

    def __init__(self, backoff: Backoff, now: Instant) -> None:
        self._backoff = backoff
        self._state = CameraState.CONNECTING
        self._since = now
        self._last_frame = now
        self._frames = 0
        self._retry_at: Instant | None = None
        self._why = ""
        self._rate_from = (now, 0)
        self._fps = 0.0

    def connecting(self, now: Instant) -> None:
        """An attempt to open begins."""
        self._retry_at = None
        self._move(CameraState.CONNECTING, now)

    def frame(self, now: Instant) -> None:
        """A frame arrived."""
        self._frames += 1
        self._last_frame = now
        self._backoff.succeeded(now)
        self._move(CameraState.LIVE, now)

    def failed(self, now: Instant, why: str) -> Instant:
        """The source gave an error; the moment to try again."""
        self._why = why[:WHY_CHARACTERS_MAX]
        self._retry_at = self._backoff.failed(now)
        self._move(CameraState.LOST, now)
        return self._retry_at

    def remark(self, why: str) -> None:
        """Words about a camera that goes on all the same, such as a damaged file that loops."""
        self._why = why[:WHY_CHARACTERS_MAX]

    def refused(self, now: Instant, why: str) -> None:
        """The camera cannot run at all as configured: lost, without another attempt."""
        self._why = why[:WHY_CHARACTERS_MAX]
        self._retry_at = None
        self._move(CameraState.LOST, now)

    def ended(self, now: Instant, why: str) -> None:
        """A file is at its end and does not loop."""
        self._why = why[:WHY_CHARACTERS_MAX]
        self._move(CameraState.OFF, now)

    def report(self, now: Instant) -> HealthReport:
        """The state at `now`; a stall shows here even while the read still blocks."""
        stalled_s = now.seconds_since(self._last_frame)
        if self._state in (CameraState.LIVE, CameraState.DEGRADED) and stalled_s >= STALL_LOST_S:
            self._why = f"no frame for {stalled_s:.0f} s"
            self._move(CameraState.LOST, now)
        elif self._state is CameraState.LIVE and stalled_s >= STALL_DEGRADED_S:
            self._move(CameraState.DEGRADED, now)
        self._measure_rate(now)
        return HealthReport(self._state, self._since, self._frames, self._fps, self._retry_at, self._why)

    def _measure_rate(self, now: Instant) -> None:
        since, frames = self._rate_from
        if (elapsed_s := now.seconds_since(since)) >= 1:
            self._fps = (self._frames - frames) / elapsed_s
            self._rate_from = (now, self._frames)

    def _move(self, state: CameraState, now: Instant) -> None:
        if state is self._state:
            return
        assert state in MOVES[self._state], f"camera cannot go from {self._state.value} to {state.value}"
        self._state, self._since = state, now
