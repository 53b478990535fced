"""The state of one camera: CONNECTING, LIVE, DEGRADED, LOST, OFF. Pure; the table of moves is here and nowhere else.

Called by edge_ai/capture/camera.py, which does the reading and waiting.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from edge_ai.capture.backoff import Backoff
from edge_ai.reasons import Reason, reason, told
from edge_ai.spec import CameraSpec, DecodeMode
from sync.model import Instant

STALL_DEGRADED_S = 2.0
"""Seconds without a frame after which a live camera is degraded."""
STALL_LOST_S = 10.0
"""Seconds without a frame after which it counts as lost, even while the read still blocks."""
KEYFRAME_DEGRADED_S, KEYFRAME_LOST_S = 12.0, 40.0
"""The same between key pictures, which are seconds apart; a silent camera is seen by its reader after 10 s all the same."""
STILL_LATE = (1.5, 3.0)
"""The same in parts of the time between stills."""
STILL_GRACE_S = 15.0
"""Seconds for opening and waiting for a key picture, beside that."""
DAMAGE_SHOWN_S = 5.0
"""Seconds after a damaged picture during which a camera is degraded."""
HOUR_S = 3600.0
RECONNECTS_MAX = 3600
"""Attempts remembered; the backoff's floor lets 720 happen in an hour."""


class CameraState(Enum):
    """How a camera does."""

    CONNECTING = "connecting"
    LIVE = "live"
    DEGRADED = "degraded"
    LOST = "lost"
    OFF = "off"


MOVES: dict[CameraState, frozenset[CameraState]] = {
    CameraState.CONNECTING: frozenset({CameraState.LIVE, CameraState.DEGRADED, CameraState.LOST, CameraState.OFF}),
    CameraState.LIVE: frozenset({CameraState.CONNECTING, CameraState.DEGRADED, CameraState.LOST, CameraState.OFF}),
    CameraState.DEGRADED: frozenset({CameraState.CONNECTING, CameraState.LIVE, CameraState.LOST, CameraState.OFF}),
    CameraState.LOST: frozenset({CameraState.CONNECTING, CameraState.LIVE, CameraState.DEGRADED, CameraState.OFF}),
    CameraState.OFF: frozenset(),
}
"""LOST to LIVE without CONNECTING: a read that stalled and then went on. OFF is final for a worker's life."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StallLimits:
    """Seconds without a frame."""

    degraded_s: float = STALL_DEGRADED_S
    lost_s: float = STALL_LOST_S


def stall_limits(camera: CameraSpec) -> StallLimits:
    """How long frames may be missing, by what is decoded of the camera."""
    if camera.kind.is_clip or camera.mode in (DecodeMode.FULL, DecodeMode.OFF):
        return StallLimits()
    if camera.mode is DecodeMode.KEYFRAME:
        return StallLimits(degraded_s=KEYFRAME_DEGRADED_S, lost_s=KEYFRAME_LOST_S)
    degraded_s, lost_s = (share * camera.still_every_s + STILL_GRACE_S for share in STILL_LATE)
    return StallLimits(degraded_s=degraded_s, lost_s=lost_s)


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
    """The last trouble as it travels (edge_ai/reasons.py); empty when there was none."""
    reconnects_per_hour: int = 0
    """Attempts to open it again within the last hour."""
    stalls: int = 0
    """Times its frames stayed away although the connection was there."""
    damaged: int = 0
    """Pictures left out because they, or what they build on, did not arrive whole or in time."""


class Health:
    """Follows one camera through its states; each method is one thing that happened."""

    def __init__(self, backoff: Backoff, now: Instant, limits: StallLimits = StallLimits()) -> None:
        self._backoff = backoff
        self._limits = limits
        self._attempts: deque[Instant] = deque(maxlen=RECONNECTS_MAX)
        self._has_tried = False
        self._stalls = 0
        self._damaged = 0
        self._damaged_at: Instant | None = None
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
        if self._has_tried:
            self._attempts.append(now)
        self._has_tried = True
        self._last_frame = now
        self._move(CameraState.CONNECTING, now)

    def frames(self, now: Instant, count: int = 1) -> None:
        """So many frames were read, the last of them now."""
        self._frames += count
        self._last_frame = now
        self._backoff.succeeded(now)
        self._move(CameraState.DEGRADED if self._is_damaged(now) else CameraState.LIVE, now)

    def damage(self, now: Instant, pictures: int) -> None:
        """So many pictures were left out because they did not arrive whole or in time."""
        if pictures > 0:
            self._damaged += pictures
            self._damaged_at = now
            self._why = told(self._damage_reason())

    def failed(self, now: Instant, why: str) -> Instant:
        """The source gave an error; the moment to try again."""
        self._why = why
        self._retry_at = self._backoff.failed(now)
        self._move(CameraState.LOST, now)
        return self._retry_at

    def remark(self, why: str) -> None:
        """Words about a camera that goes on all the same, such as a damaged file that loops."""
        self._why = why

    def refused(self, now: Instant, why: str) -> None:
        """The camera cannot run at all as configured: lost, without another attempt; one that is off stays so."""
        if self._state is CameraState.OFF:
            return
        self._why = why
        self._retry_at = None
        self._move(CameraState.LOST, now)

    def ended(self, now: Instant, why: str) -> None:
        """A file is at its end and does not loop."""
        self._why = why
        self._move(CameraState.OFF, now)

    def report(self, now: Instant) -> HealthReport:
        """The state at `now`; a stall shows here even while the read still blocks."""
        stalled_s = now.seconds_since(self._last_frame)
        if self._state in (CameraState.LIVE, CameraState.DEGRADED) and stalled_s >= self._limits.lost_s:
            self._why = self._stalled(stalled_s, now)
            self._move(CameraState.LOST, now)
        elif self._state is CameraState.LIVE and stalled_s >= self._limits.degraded_s:
            self._stalls += 1
            self._why = self._stalled(stalled_s, now)
            self._move(CameraState.DEGRADED, now)
        self._measure_rate(now)
        while self._attempts and now.seconds_since(self._attempts[0]) > HOUR_S:
            self._attempts.popleft()
        return HealthReport(
            self._state, self._since, self._frames, self._fps, self._retry_at, self._why, len(self._attempts), self._stalls, self._damaged
        )

    def _stalled(self, stalled_s: float, now: Instant) -> str:
        seconds = f"{stalled_s:.0f}"
        damaged = self._is_damaged(now)
        return told(
            reason("stalled-damaged", seconds=seconds, what=self._damage_reason()) if damaged else reason("stalled", seconds=seconds)
        )

    def _damage_reason(self) -> Reason:
        return reason("damaged", count=self._damaged)

    def _is_damaged(self, now: Instant) -> bool:
        return self._damaged_at is not None and now.seconds_since(self._damaged_at) < DAMAGE_SHOWN_S

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
