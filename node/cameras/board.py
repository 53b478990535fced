"""What is known of each camera: what its capture process and its analysis process said last, and which of them is down.

Called by node/cameras/supervisor.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from edge_ai.looks.capacity import Admission
from edge_ai.spec import CameraKind, CameraSpec
from edge_ai.wire.states import AnalysisRow, Refusal, StateRow
from node.cameras.grouping import as_read
from node.cameras.pace import Pace
from sync.model import Instant

WELL = ("live", "off")
"""States in which nothing is amiss."""
UNREAD = ("lost", "off")
"""States in which nobody reads the camera."""
COUNTS = ("frames", "dropped", "storms", "stalls", "damaged")
"""What a capture process counts from its own start on; a camera's counts go on over many of them."""


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
    is_admitted: bool = True
    slowed: str = ""
    """What admission did to it."""
    events: int = 0
    pace: Pace = field(default_factory=Pace)
    out_since_us: int | None = None
    """Since when it has not been live; tries to reach it again change nothing. None: it is."""
    earlier: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    """Counts of the capture processes before the one of now."""

    def lose(self, why: str, retry_in_s: float | None, wall_us: int) -> None:
        """Nobody reads it; its counts stay."""
        self.put("lost", why, wall_us, retry_in_s)

    def put(self, state: str, why: str, wall_us: int, retry_in_s: float | None = None) -> None:
        """Another state that no process told; its counts stay."""
        self.state = msgspec.structs.replace(
            self.state, state=state, since_us=wall_us, fps=0.0, retry_in_s=retry_in_s, why=why
        )  # fmt: skip
        self.note_out()

    def note_out(self) -> None:
        """Remember since when it is not live."""
        if self.state.state in WELL:
            self.out_since_us = None
        elif self.out_since_us is None:
            self.out_since_us = self.state.since_us

    def count(self, name: str) -> int:
        """One of COUNTS, since the node's start."""
        return self.earlier[name] + int(getattr(self.state, name))


class CameraBoard:
    """All cameras of a node."""

    def __init__(self, cameras: Sequence[CameraSpec], now: Instant, wall_us: int) -> None:
        self._cameras = {camera.id: _begun(camera, now, wall_us) for camera in cameras}

    def change(self, cameras: Sequence[CameraSpec], now: Instant, wall_us: int) -> None:
        """The cameras of now; what is known of one that stays is kept."""
        known = self._cameras
        self._cameras = {camera.id: known.get(camera.id) or _begun(camera, now, wall_us) for camera in cameras}
        for camera in cameras:
            found = self._cameras[camera.id]
            if not found.is_admitted or as_read(found.spec) != as_read(camera):
                found.put("connecting", "", wall_us)
            found.spec, found.is_admitted, found.slowed = camera, True, ""

    def take_admission(self, admission: Admission, wall_us: int) -> None:
        """Cameras that the box has no room for are lost with the numbers; those that run slower say so."""
        for camera, why in admission.refused.items():
            self._cameras[camera].is_admitted = False
            self._cameras[camera].lose(why, None, wall_us)
        for camera, words in admission.slowed.items():
            self._cameras[camera].slowed = words

    def knows(self, camera: str) -> bool:
        """True for a camera that is configured here."""
        return camera in self._cameras

    def take_state(self, row: StateRow, now: Instant) -> None:
        """What a capture process said of a camera it reads."""
        known = self._cameras[row.camera]
        if row.frames < known.state.frames:
            known.earlier = {name: known.count(name) for name in COUNTS}
        known.state, known.reported_at = row, now
        known.note_out()

    def take_analysis(self, row: AnalysisRow, now: Instant) -> Refusal | None:
        """What an analysis process said; the refusal that the camera's capture process has to hear, if it reads on in vain."""
        known = self._cameras[row.camera]
        known.analysis, known.analysis_down = row, None
        known.pace.note(now, analysed=row.analysed, dropped=known.count("dropped") + row.lost)
        return Refusal(row.camera, row.why) if row.refused and known.state.state not in UNREAD else None

    def capture_down(self, cameras: Sequence[str], down: Down, now: Instant, wall_us: int) -> None:
        """Their capture process has ended."""
        for known in self._those(cameras):
            known.lose(down.why, down.retry_in_s, wall_us)
            known.reported_at = now

    def capture_ended(self, cameras: Sequence[str], wall_us: int) -> None:
        """Their capture process has ended in order and starts again: what it said last holds no more."""
        for known in self._those(cameras):
            known.put("connecting", "", wall_us)

    def analysis_down(self, cameras: Sequence[str], down: Down) -> None:
        """Their analysis process has ended."""
        for known in self._those(cameras):
            known.analysis_down = down

    def _those(self, cameras: Sequence[str]) -> Iterator[_Camera]:
        """A process may end a moment after its camera was taken out."""
        return (self._cameras[camera] for camera in cameras if camera in self._cameras)

    def count_event(self, camera: str) -> None:
        """An event of it was delivered."""
        self._cameras[camera].events += 1

    def rows(self, now: Instant) -> list[dict[str, object]]:
        """Every camera with its newest state, for `status` of docs/api.md."""
        return [_shown(name, known, now) for name, known in self._cameras.items()]


def _shown(name: str, known: _Camera, now: Instant) -> dict[str, object]:
    state, analysis, down = known.state, known.analysis, known.analysis_down
    is_blind, rates = down is not None and state.state == "live", known.pace.rates(now)
    return {
        "camera": name,
        "name": known.spec.name,
        "algorithm": known.spec.algorithm,
        "mode": known.spec.mode.value,
        "scene": "rendered" if known.spec.kind is CameraKind.RENDERED else "real",
        "state": "degraded" if is_blind else state.state,
        "since_us": state.since_us,
        "out_since_us": known.out_since_us,
        "fps": state.fps,
        "frames": known.count("frames"),
        "analysed": 0 if analysis is None else analysis.analysed,
        "analysed_per_s": rates.analysed,
        "asked_per_s": rates.asked,
        "dropped": known.count("dropped") + (0 if analysis is None else analysis.lost),
        "age_ms": 0.0 if analysis is None else analysis.age_ms,
        "model": "" if analysis is None else analysis.model,
        "storms": known.count("storms"),
        "reconnects_per_hour": state.reconnects_per_hour,
        "stalls": known.count("stalls"),
        "damaged": known.count("damaged"),
        "retry_in_s": down.retry_in_s if is_blind and down is not None else state.retry_in_s,
        "why": down.why if is_blind and down is not None else _why(known),
        "events": known.events,
        "age_s": round(now.seconds_since(known.reported_at), 1),
    }


def _why(known: _Camera) -> str:
    """A refusal is told in the newest words of who refuses: who reads heard the first ones and stopped."""
    analysis = known.analysis
    if analysis is None:
        return known.state.why or known.slowed
    return (analysis.why if analysis.refused else "") or known.state.why or analysis.why or known.slowed


def _begun(camera: CameraSpec, now: Instant, wall_us: int) -> _Camera:
    """A camera of which nothing was heard yet."""
    state = StateRow(
        camera=camera.id, state="connecting", since_us=wall_us, fps=0.0, frames=0, dropped=0, retry_in_s=None, why=""
    )  # fmt: skip
    return _Camera(camera, state, now, out_since_us=wall_us)
