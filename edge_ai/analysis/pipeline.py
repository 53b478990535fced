"""One camera's way from a frame to events: gate, detector, tracker, rules, evidence.

Reads no clock, times come with the frames; its rules remember their places in a file where they are given a folder. The analysis process
gates and detects elsewhere and calls `begin` and `conclude`; tests, benchmarks and trials call `analyse`, which does all of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_ai.algorithm import Algorithm
from edge_ai.analysis.scheduler import HEARTBEAT_S
from edge_ai.capture.gate import GateState, Motion, MotionGate
from edge_ai.condition import Values
from edge_ai.detectors.port import Detector
from edge_ai.evidence.box_track import BoxTrack
from edge_ai.evidence.coding import Evidence
from edge_ai.evidence.recent import Masked, RecentFrames
from edge_ai.models.manifest import Family
from edge_ai.picture import Detections, Shot
from edge_ai.rules import Begun, Ended, RuleBook, RuleOutcome
from edge_ai.rules.stage import SecondStage
from edge_ai.spec import CameraKind, CameraSpec, MaskWish, RuleKind
from edge_ai.tracking.tracker import Track, Tracker
from edge_ai.wire.clips import ClipSpan
from edge_ai.wire.events import EventMessage, EventRow, EvidenceInfo
from sync.model import Instant

HIGH_ABOVE = 0.1
"""A box counts as confident this far above the detector's own threshold."""


@dataclass(slots=True)
class PipelineCounts:
    """What one camera's pipeline has done."""

    frames: int = 0
    analysed: int = 0
    events: int = 0


class CameraPipeline:
    """The analysis of one camera. `nonce` makes event ids unique over restarts."""

    def __init__(
        self,
        camera: CameraSpec,
        algorithm: Algorithm,
        detector: Detector,
        *,
        nonce: str,
        places: Path | None = None,
        values: Values | None = None,
        stages: Mapping[str, SecondStage] | None = None,
    ) -> None:
        self._camera = camera
        self._algorithm = algorithm
        self._detector = detector
        self._nonce = nonce
        self._gate = MotionGate()
        self._tracker = Tracker(score_high=min(algorithm.manifest.score_min + HIGH_ABOVE, 0.6))
        self._book = RuleBook(camera, detector.classes, folder=places, values=values, stages=stages)
        self._zones = {spec.name: spec.points for spec in camera.rules if spec.kind is not RuleKind.LINE}
        shows_people, whole = camera.kind is not CameraKind.RENDERED, camera.mask is MaskWish.MOSAIC
        self._recent = RecentFrames(detector.classes, shows_people=shows_people, whole=whole)
        self._clips = {spec.name: spec.clip_s for spec in camera.rules if spec.clip_s}
        self.boxes = BoxTrack(detector.classes, self._recent.masking) if self._clips else None
        """What masks the clips of this camera; None where no rule wants any."""
        self._newest_us = 0
        self._generation = -1
        self._analysed_at: Instant | None = None
        self.counts = PipelineCounts()
        self.tracks: tuple[Track, ...] = ()
        """Of the newest analysed frame."""

    @property
    def storms(self) -> int:
        """Full-frame changes the gate has seen."""
        return self._gate.storms

    @property
    def alive(self) -> frozenset[int]:
        """Ids of all tracks that are not given up yet."""
        return self._tracker.alive

    @property
    def trouble(self) -> str:
        """What was wrong with the places remembered from before; empty when nothing was."""
        return self._book.trouble

    def newest(self) -> tuple[int, Masked] | None:
        """When the newest picture was taken (wall clock) and what masks it, for somebody who looks; None before the first one."""
        masked = self._recent.newest()
        return None if masked is None else (self._newest_us, masked)

    def analyse(self, shot: Shot) -> list[EventMessage]:
        """The events that begin or end with this frame, all steps in one."""
        if shot.generation != self._generation and self._generation >= 0:
            self._gate.reconnected()
        messages = self.begin(shot)
        motion = self._gate.look(shot.pixels)
        if self._worth_analysing(motion, shot.now):
            messages += self.conclude(shot, self._detector.detect(shot.pixels, motion))
        return messages

    def begin(self, shot: Shot) -> list[EventMessage]:
        """Before a frame is analysed: the first one of a new connection or loop ends what was open, and nothing is tracked over the gap."""
        self.counts.frames += 1
        if shot.generation == self._generation:
            return []
        self._generation = shot.generation
        self._tracker.clear()
        self._recent.clear()
        self._recent.add(shot.pixels, ())
        self._newest_us = shot.wall_us
        self._analysed_at = None
        return self._apply_rules(shot, [])

    def conclude(self, shot: Shot, seen: Detections, by: Algorithm | None = None) -> list[EventMessage]:
        """The events that begin or end with what was seen in this frame; frames come in the order they were taken.

        `by` is the algorithm that saw it, where a newer version may have taken over.
        """
        self._algorithm = by or self._algorithm
        passed_s = shot.now.seconds_since(self._analysed_at) if self._analysed_at is not None else 0.0
        self.counts.analysed += 1
        self._analysed_at = shot.now
        tracks = self._tracker.update(seen, passed_s)
        self.tracks = tuple(tracks)
        self._recent.add(shot.pixels, tracks, seen)
        if self.boxes is not None:
            self.boxes.add(shot.pixels, seen, shot.now)
        self._newest_us = shot.wall_us
        return self._apply_rules(shot, tracks)

    def remember(self) -> None:
        """Put on the disk what a restart must know; call when the messages of a frame are safe. Raises EvidenceError."""
        self._book.save()

    def is_blind(self, motion: Motion) -> bool:
        """True where the algorithm sees by the gate alone and that still learns: it would take "not known" for "nothing there"."""
        return motion.is_learning and self._algorithm.manifest.family is Family.MOTION_OBJECT

    def _worth_analysing(self, motion: Motion, now: Instant) -> bool:
        if self.is_blind(motion):
            return False
        due = self._analysed_at is None or now.seconds_since(self._analysed_at) >= HEARTBEAT_S
        return motion.calls or (due and motion.state is not GateState.STORM)

    def _apply_rules(self, shot: Shot, tracks: list[Track]) -> list[EventMessage]:
        size = (shot.pixels.shape[1], shot.pixels.shape[0])
        outcomes = self._book.update(tracks, self._tracker.alive, size, shot.now, pixels=shot.pixels, wall_us=shot.wall_us)
        messages = [message for outcome in outcomes for message in self._message(outcome, shot)]
        self.counts.events += len(messages)
        return messages

    def _message(self, outcome: RuleOutcome, shot: Shot) -> list[EventMessage]:
        if isinstance(outcome, Ended):
            begun = self._book.closed(outcome)
            return [] if begun is None else [_ended(begun, shot.wall_us)]
        evidence = self._recent.evidence_for(outcome.track.id, self._zones.get(outcome.rule, ()))
        row = self._row(outcome, evidence, shot)
        if not outcome.ends_at_once:
            self._book.opened(outcome, row)
        if self.boxes is not None and row.clip is not None:
            self.boxes.want(row.event_id, row.clip)
        return [EventMessage(row, evidence.jpeg, evidence.thumb_rgb, evidence.original)]

    def _row(self, begun: Begun, evidence: Evidence, shot: Shot) -> EventRow:
        manifest, camera = self._algorithm.manifest, self._camera
        identity = f"{self._nonce}|{camera.id}|{begun.rule}|{begun.place}|{begun.track.id}|{shot.now.us}"
        return EventRow(
            event_id=hashlib.sha256(identity.encode()).hexdigest()[:24],
            camera=camera.id,
            territory=camera.territory,
            rule=begun.rule,
            label=begun.label or self._detector.classes[begun.track.label],
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
            code=camera.code,
            clip=self._span(begun.rule, shot.now),
        )

    def _span(self, rule: str, now: Instant) -> ClipSpan | None:
        if rule not in self._clips:
            return None
        before_s, after_s = self._clips[rule]
        return ClipSpan(now.plus(-before_s).us, now.us, now.plus(after_s).us)


def _ended(row: EventRow, wall_us: int) -> EventMessage:
    """The second message of an event: no blobs, the first one has them."""
    values = {name: getattr(row, name) for name in EventRow.__struct_fields__}
    values |= {"ended": True, "time_us": wall_us, "evidence": EvidenceInfo(row.evidence_sha256, 0, 0), "overlays": (), "clip": None}
    return EventMessage(EventRow(**values), b"", b"")
