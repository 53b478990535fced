"""What is known of each camera: what its capture process and its analysis process said last, and which of them is down.

Called by node/cameras/supervisor.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_ai.looks.capacity import Admission
from edge_ai.spec import CameraKind, CameraSpec
from edge_ai.wire import AnalysisRow, Refusal, StateRow
from sync.model import Instant


@dataclass(frozen=True, slots=True)
class Down:
    """A process of a camera is down."""

    why: str
    retry_in_s: float | None
    """None: not before its configuration has changed."""


@dataclass(slots=True)
class _Camera:
    """What is known of a camera."""

    spec: CameraSpec
    state: StateRow
    reported_at: Instant
    analysis: AnalysisRow | None = None
    analysis_down: Down | None = None
    slowed: str = ""
    """What admission did to it."""
    events: int = 0


class CameraBoard:
    """All cameras of a node."""

    def __init__(self, cameras: Sequence[CameraSpec], now: Instant, wall_us: int) -> None:
        self._cameras = {camera.id: _Camera(camera, _row(camera.id, "connecting", wall_us, ""), now) for camera in cameras}

    def take_admission(self, admission: Admission, wall_us: int) -> None:
        """Cameras that the box has no room for are lost with the numbers; those that run slower say so."""
        for camera, why in admission.refused.items():
            self._cameras[camera].state = _row(camera, "lost", wall_us, why)
        for camera, words in admission.slowed.items():
            self._cameras[camera].slowed = words

    def knows(self, camera: str) -> bool:
        """True for a camera that is configured here."""
        return camera in self._cameras

    def take_state(self, row: StateRow, now: Instant) -> None:
        """What a capture process said of a camera it reads."""
        known = self._cameras[row.camera]
        known.state, known.reported_at = row, now

    def take_analysis(self, row: AnalysisRow) -> Refusal | None:
        """What an analysis process said; the refusal that the camera's capture process has to hear, if it reads on in vain."""
        known = self._cameras[row.camera]
        known.analysis, known.analysis_down = row, None
        return Refusal(row.camera, row.why) if row.refused and known.state.state != "lost" else None

    def capture_down(self, cameras: Sequence[str], down: Down, now: Instant, wall_us: int) -> None:
        """Their capture process has ended."""
        for camera in cameras:
            known = self._cameras[camera]
            known.state, known.reported_at = _row(camera, "lost", wall_us, down.why, down.retry_in_s), now

    def analysis_down(self, cameras: Sequence[str], down: Down) -> None:
        """Their analysis process has ended."""
        for camera in cameras:
            self._cameras[camera].analysis_down = down

    def count_event(self, camera: str) -> None:
        """An event of it was delivered."""
        self._cameras[camera].events += 1

    def rows(self, now: Instant) -> list[dict[str, object]]:
        """Every camera with its newest state, for `status` of docs/api.md."""
        return [_shown(name, known, now) for name, known in self._cameras.items()]


def _shown(name: str, known: _Camera, now: Instant) -> dict[str, object]:
    state, analysis, down = known.state, known.analysis, known.analysis_down
    is_blind = down is not None and state.state == "live"
    return {
        "camera": name,
        "name": known.spec.name,
        "algorithm": known.spec.algorithm,
        "scene": "rendered" if known.spec.kind is CameraKind.RENDERED else "real",
        "state": "degraded" if is_blind else state.state,
        "since_us": state.since_us,
        "fps": state.fps,
        "frames": state.frames,
        "analysed": 0 if analysis is None else analysis.analysed,
        "dropped": state.dropped + (0 if analysis is None else analysis.lost),
        "age_ms": 0.0 if analysis is None else analysis.age_ms,
        "model": "" if analysis is None else analysis.model,
        "storms": state.storms,
        "reconnects_per_hour": state.reconnects_per_hour,
        "stalls": state.stalls,
        "damaged": state.damaged,
        "retry_in_s": down.retry_in_s if is_blind and down is not None else state.retry_in_s,
        "why": down.why if is_blind and down is not None else state.why or ("" if analysis is None else analysis.why) or known.slowed,
        "events": known.events,
        "age_s": round(now.seconds_since(known.reported_at), 1),
    }


def _row(camera: str, state: str, since_us: int, why: str, retry_in_s: float | None = None) -> StateRow:
    return StateRow(camera=camera, state=state, since_us=since_us, fps=0.0, frames=0, dropped=0, retry_in_s=retry_in_s, why=why[:400])
