"""A rule tried on a clip: what it would have said and when, marked pictures, and how often it would have spoken with other numbers.

Runs the pipeline of a camera with the clip's own time, as fast as it goes. The rule with other numbers runs over the same tracks, so the
detector works once. Marked pictures show the clip as it is, nothing is masked, so they are for whoever tries alone (mode 0600). Called by
the `rule` verb.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

from edge_ai.algorithm import load_algorithm
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.analysis.second_stage import StageShelf
from edge_ai.detectors.build import build_detector
from edge_ai.errors import EvidenceError
from edge_ai.evidence.handing import write_whole
from edge_ai.ground import Ground
from edge_ai.looks.drawing import drawn
from edge_ai.looks.values import Shape
from edge_ai.picture import Pixels, Shot
from edge_ai.reasons import reason, system_reason, told
from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules import Begun, Rule
from edge_ai.sources.opening import open_source
from edge_ai.sources.port import FrameSource
from edge_ai.spec import CameraSpec
from edge_ai.tracking.tracker import Track
from edge_ai.wire.events import EventMessage
from sync.model import Instant

PICTURES_MAX = 200
"""Marked pictures of one trial."""
BOX_COLOUR = (0, 0, 255)
"""Blue-green-red."""
FRAMES_MAX = 500_000
"""Frames of a clip that are read: over five hours at 25 a second."""
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times a number is taken for the table of suggestions."""
LADDERS = {
    RuleKind.DWELL: "dwell_s", RuleKind.LEFT_OBJECT: "dwell_s", RuleKind.CROWDING: "count_min", RuleKind.ABSENCE: "dwell_s",
    RuleKind.COUNT: "count_min", RuleKind.SPEED: "speed_kmh",
}  # fmt: skip
"""The number that decides most, by kind; of the others `frames_min`."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One beginning or end."""

    at_s: float
    place: str
    label: str
    score: float
    ended: bool
    """True for an end, which has no picture."""
    picture: str
    """Name of the marked picture; empty for an end and beyond PICTURES_MAX."""


@dataclass(frozen=True, slots=True)
class Rung:
    """How often the rule would have spoken with another number."""

    key: str
    value: float
    events: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the clip."""

    seconds: float
    analysed: int
    events: tuple[Tried, ...]
    rungs: tuple[Rung, ...]
    ending: str
    """What was missing at the end of the clip, as it travels (edge_ai/reasons.py); empty when nothing was."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """The tracks of one analysed frame."""

    tracks: tuple[Track, ...]
    alive: frozenset[int]
    size: tuple[int, int]
    now: Instant
    wall_us: int


def try_rule(camera: CameraSpec, rule: RuleSpec, folder: Path, *, wall_us: int, algorithms_dir: str = "") -> Trial:
    """Play the camera's clip, which begins at `wall_us` for schedules, through `rule` alone. Raises EdgeError."""
    # What the library thinks of a file stands in the error: one sentence for whoever tries.
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    algorithm = load_algorithm(camera, algorithms_dir)
    detector = build_detector(algorithm)
    alone = replace(camera, rules=(rule,))
    pipeline = CameraPipeline(alone, algorithm, detector, nonce="trial", stages=StageShelf(algorithms_dir).of(alone))
    marking = _Marking(folder, rule, detector.classes)
    seen: list[_Seen] = []
    source = open_source(camera)
    try:
        at_s = 0.0
        for at_s, pixels in _frames(source, camera.analysed_fps):
            shot = Shot(camera.id, pixels, Instant(round(at_s * 1e6)), wall_us + round(at_s * 1e6), 0)
            before = pipeline.counts.analysed
            messages = pipeline.analyse(shot)
            if pipeline.counts.analysed > before:
                size = (pixels.shape[1], pixels.shape[0])
                seen.append(_Seen(pipeline.tracks, pipeline.alive, size, shot.now, shot.wall_us))
            for message in messages:
                marking.add(at_s, message, pixels, pipeline.tracks)
        rungs = tuple(_ladder(rule, camera, detector.classes, seen))
        ending = source.ending()
        return Trial(round(at_s, 2), pipeline.counts.analysed, tuple(marking.events), rungs, told(ending) if ending else "")
    finally:
        source.close()


class _Marking:
    """The events of a trial and their pictures."""

    def __init__(self, folder: Path, rule: RuleSpec, classes: Sequence[str]) -> None:
        self._folder, self._classes = folder, classes
        self._shape = Shape(name=rule.name[:64], points=rule.points, is_line=rule.kind.has_two_points)
        self.events: list[Tried] = []
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise EvidenceError(reason("out-folder-unmade", folder=folder, what=system_reason(error))) from error

    def add(self, at_s: float, message: EventMessage, pixels: Pixels, tracks: Sequence[Track]) -> None:
        """Note a beginning with its picture, or an end, which has none."""
        row, ends = message.row, not message.jpeg
        told = sum(not event.ended for event in self.events)
        name = "" if ends or told >= PICTURES_MAX else f"{told + 1:03d}-{at_s:08.2f}s.jpg"
        if name:
            self._write(self._folder / name, self._marked(pixels, tracks))
        self.events.append(Tried(round(at_s, 2), row.place, row.label, row.score, ends, name))

    def _marked(self, pixels: Pixels, tracks: Sequence[Track]) -> Pixels:
        canvas = drawn(pixels, [self._shape], has_grid=False)
        for track in tracks:
            x1, y1, x2, y2 = (round(value) for value in track.box)
            cv2.rectangle(canvas, (x1, y1), (x2, y2), BOX_COLOUR, 2)
            words = f"{self._classes[track.label]} {track.score:.2f}".encode("ascii", "replace").decode()
            cv2.putText(canvas, words, (x1, max(12, y1 - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, BOX_COLOUR, 1, cv2.LINE_AA)
        return canvas

    @staticmethod
    def _write(path: Path, pixels: Pixels) -> None:
        made, coded = cv2.imencode(".jpg", pixels)
        try:
            if made:
                write_whole(path, coded.tobytes())
        except OSError as error:
            raise EvidenceError(reason("out-picture-unwritable", picture=path, what=system_reason(error))) from error


def _frames(source: FrameSource, analysed_fps: float) -> Iterator[tuple[float, Pixels]]:
    """Pictures of a clip at the rate they are analysed at, each with its second."""
    due_s = 0.0
    for index in range(FRAMES_MAX):
        at_s = index / source.fps
        if at_s < due_s - 1e-9:
            if not source.skip():
                return
            continue
        pixels = source.read()
        if pixels is None:
            return
        due_s += 1 / analysed_fps
        yield at_s, pixels


def _ladder(rule: RuleSpec, camera: CameraSpec, classes: Sequence[str], seen: Sequence[_Seen]) -> Iterator[Rung]:
    """How often the rule speaks with less and more of its deciding number; a gauge is read from pictures, which are gone by then."""
    if rule.kind is RuleKind.LEVEL or rule.second_stage:
        return
    key = LADDERS.get(rule.kind, "frames_min")
    plain = getattr(rule, key)
    steps = [plain * factor for factor in FACTORS]
    values = sorted({max(1, round(step)) for step in steps}) if isinstance(plain, int) else steps
    for value in values:
        changes: dict[str, Any] = {key: value}
        if key == "frames_min" and rule.frames_of:
            changes["frames_of"] = max(rule.frames_of, value)
        changed = replace(rule, **changes)
        yield Rung(key, value, _begun(changed, camera, classes, seen))


def _begun(rule: RuleSpec, camera: CameraSpec, classes: Sequence[str], seen: Sequence[_Seen]) -> int:
    ground = None if camera.ground is None else Ground(camera.ground)
    tried = Rule(rule, classes, ground=ground, utc_offset_minutes=camera.utc_offset_minutes)
    told = 0
    for one in seen:
        outcomes = tried.update(one.tracks, one.alive, one.size, one.now, wall_us=one.wall_us)
        told += sum(isinstance(outcome, Begun) for outcome in outcomes)
    return told
