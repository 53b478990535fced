"""One camera's way from a frame to events: gate, detector, tracker, rules, evidence.

Does no I/O and reads no clock; times come with the frames. Called by edge_ai/worker.py and, frame by frame, by tests and benchmarks.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from edge_ai.algorithm import Algorithm
from edge_ai.detectors.port import Detector
from edge_ai.evidence import Evidence, RecentFrames
from edge_ai.gate import GateState, Motion, MotionGate
from edge_ai.picture import Shot
from edge_ai.rules import Begun, Ended, Rule, RuleOutcome
from edge_ai.spec import CameraKind, CameraSpec
from edge_ai.tracker import Track, Tracker
from edge_ai.wire import EventMessage, EventRow, EvidenceInfo
from sync.model import Instant

HEARTBEAT_S = 5.0
"""Seconds after which a quiet picture is analysed all the same: it finds what was left behind and what has gone."""
HIGH_ABOVE = 0.1
"""A box counts as confident this far above the detector's own threshold."""


@dataclass(slots=True)
class PipelineCounts:
    """What one camera's pipeline has done."""

    frames: int = 0
    analysed: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class _Open:
    """An event that has begun and not ended."""

    row: EventRow


class CameraPipeline:
    """The analysis of one camera. `nonce` makes event ids unique over restarts."""

    def __init__(self, camera: CameraSpec, algorithm: Algorithm, detector: Detector, *, nonce: str) -> None:
        self._camera = camera
        self._algorithm = algorithm
        self._detector = detector
        self._nonce = nonce
        self._gate = MotionGate()
        self._tracker = Tracker(score_high=min(algorithm.manifest.score_min + HIGH_ABOVE, 0.6))
        self._rules = [Rule(spec, detector.classes) for spec in camera.rules]
        self._recent = RecentFrames(detector.classes, shows_people=camera.kind is not CameraKind.RENDERED)
        self._open: dict[tuple[str, str], _Open] = {}
        self._generation = -1
        self._analysed_at: Instant | None = None
        self.counts = PipelineCounts()

    @property
    def storms(self) -> int:
        """Full-frame changes the gate has seen."""
        return self._gate.storms

    def analyse(self, shot: Shot) -> list[EventMessage]:
        """The events that begin or end with this frame."""
        self.counts.frames += 1
        messages = self._restart(shot) if shot.generation != self._generation else []
        motion = self._gate.look(shot.pixels)
        if not self._worth_analysing(motion, shot.now):
            return messages
        tracks = self._track(shot, motion)
        messages += self._apply_rules(shot, tracks)
        self.counts.events += len(messages)
        return messages

    def _worth_analysing(self, motion: Motion, now: Instant) -> bool:
        if motion.state in (GateState.MUTED, GateState.CALIBRATING, GateState.STORM):
            return False
        due = self._analysed_at is None or now.seconds_since(self._analysed_at) >= HEARTBEAT_S
        return due or motion.state is GateState.MOTION

    def _track(self, shot: Shot, motion: Motion) -> list[Track]:
        self.counts.analysed += 1
        passed_s = shot.now.seconds_since(self._analysed_at) if self._analysed_at is not None else 0.0
        self._analysed_at = shot.now
        tracks = self._tracker.update(self._detector.detect(shot.pixels, motion), passed_s)
        self._recent.add(shot.pixels, tracks)
        return tracks

    def _restart(self, shot: Shot) -> list[EventMessage]:
        """A new connection or loop: forget what was tracked and end what was open."""
        if self._generation >= 0:
            self._gate.reconnected()
        self._generation = shot.generation
        self._tracker.clear()
        self._recent.clear()
        self._analysed_at = None
        return self._apply_rules(shot, [])

    def _apply_rules(self, shot: Shot, tracks: list[Track]) -> list[EventMessage]:
        size = (shot.pixels.shape[1], shot.pixels.shape[0])
        messages: list[EventMessage] = []
        for rule in self._rules:
            for outcome in rule.update(tracks, self._tracker.alive, size, shot.now):
                messages += self._message(outcome, shot)
        return messages

    def _message(self, outcome: RuleOutcome, shot: Shot) -> list[EventMessage]:
        if isinstance(outcome, Ended):
            begun = self._open.pop((outcome.rule, outcome.place), None)
            return [] if begun is None else [_ended(begun.row, shot.wall_us)]
        evidence = self._recent.evidence_for(outcome.track.id)
        row = self._row(outcome, evidence, shot)
        if not outcome.ends_at_once:
            self._open[(outcome.rule, outcome.place)] = _Open(row)
        return [EventMessage(row, evidence.jpeg, evidence.thumb_rgb)]

    def _row(self, begun: Begun, evidence: Evidence, shot: Shot) -> EventRow:
        manifest, camera = self._algorithm.manifest, self._camera
        identity = f"{self._nonce}|{camera.id}|{begun.rule}|{begun.place}|{begun.track.id}|{shot.now.us}"
        return EventRow(
            event_id=hashlib.sha256(identity.encode()).hexdigest()[:24],
            camera=camera.id,
            territory=camera.territory,
            rule=begun.rule,
            label=self._detector.classes[begun.track.label],
            score=round(min(max(begun.track.score, 0.0), 1.0), 4),
            time_us=shot.wall_us,
            algorithm=manifest.id,
            algorithm_sha256=self._algorithm.sha256,
            evidence_sha256=evidence.info.sha256,
            evidence_grade=manifest.evidence_grade.value,
            scene="rendered" if camera.kind is CameraKind.RENDERED else "real",
            ended=begun.ends_at_once,
            place=begun.place,
            evidence=evidence.info,
            overlays=evidence.overlays,
        )


def _ended(row: EventRow, wall_us: int) -> EventMessage:
    """The second message of an event: no blobs, the first one has them."""
    values = {name: getattr(row, name) for name in EventRow.__struct_fields__}
    values |= {"ended": True, "time_us": wall_us, "evidence": EvidenceInfo(row.evidence_sha256, 0, 0), "overlays": ()}
    return EventMessage(EventRow(**values), b"", b"")
