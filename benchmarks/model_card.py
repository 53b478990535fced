"""The figures of docs/model-card.md: motion-object, street-s, FastestDet and YOLOX-nano on real clips annotated by eye.

    python -m benchmarks.model_card tune [--model NAME] [--score-min X]
    python -m benchmarks.model_card held-out

Every clip runs through the node's own gate, detector and tracker at 5 pictures a second, and at the annotated ones. An event is a track
seen in three pictures. Refuses to run without ../shared/data. What recall, precision and false events mean is said in the card.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.places import Judged, Places, Reported, judge, read_places
from edge_ai.algorithm import Algorithm, load_algorithm
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.capture.gate import GateState, Motion
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.port import Detector
from edge_ai.picture import Detections, Pixels, Shot
from edge_ai.sources.opening import open_source
from edge_ai.spec import CameraKind, CameraSpec
from sync.model import Instant

DATA = Path(__file__).parents[2] / "shared" / "data"
TRUTH = Path(__file__).parents[1] / "tests" / "ground_truth"
ROLES = {
    "tune": ("car-detection", "one-by-one-person-detection"),
    "held-out": ("vtest_pets2009_480x360", "highway_640x360", "house6"),
}
IMAGES = "images"
"""Single pictures, held out."""
MODELS = {"motion-object": "", "street-s": "", "fastestdet": "FastestDet.onnx", "yolox-nano": "yolox_nano.onnx"}
KINDS = {
    "person": "person", "person-sized": "person", "vehicle": "vehicle", "vehicle-sized": "vehicle", "car": "vehicle", "bus": "vehicle",
    "truck": "vehicle", "two-wheeler": "two-wheeler", "bicycle": "two-wheeler", "motorbike": "two-wheeler",
}  # fmt: skip
"""What a class counts as; a rule names classes, so others are no report."""
CHOSEN = {"street-s": 0.2}
"""Thresholds chosen on the clips of `tune`; the others are those that ship."""
FPS = 5.0
HITS_MIN = 3
"""Pictures in which a track was seen before it is an event, as a zone rule asks."""
UNGATED = Motion(GateState.MOTION, np.zeros((0, 4), np.float32), 1.0)


@dataclass(slots=True)
class Sums:
    """Of one detector over some clips."""

    found: int = 0
    missed: int = 0
    right: int = 0
    wrong: int = 0
    unjudged: int = 0
    hours: float = 0.0
    ms: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        hourly = f"{self.wrong / self.hours:.0f}" if self.hours else "-"
        cost = f"{statistics.median(self.ms):.1f}" if self.ms else "-"
        recall, precision = share(self.found, self.missed), share(self.right, self.wrong)
        things, events = self.found + self.missed, self.right + self.wrong
        return f"{recall} ({self.found} of {things}) | {precision} ({self.right} of {events}) | {hourly} | {self.unjudged} | {cost}"


def share(part: int, rest: int) -> str:
    """`part` of both, in hundredths; a dash of nothing."""
    return f"{part / (part + rest):.2f}" if part + rest else "-"


class Timed:
    """A detector whose processor time is noted."""

    def __init__(self, detector: Detector, ms: list[float]) -> None:
        self.classes = detector.classes
        self._detector = detector
        self._ms = ms

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """What the detector sees."""
        began = time.thread_time()
        seen = self._detector.detect(pixels, motion)
        self._ms.append((time.thread_time() - began) * 1e3)
        return seen


def camera_of(name: str, clip: str) -> CameraSpec:
    """A camera of the clip. Kind `rendered`, since a demo-only net refuses others; nothing else depends on it here."""
    model = str(DATA / "models" / MODELS[name]) if MODELS[name] else ""
    return CameraSpec(id="card", kind=CameraKind.RENDERED, source=str(DATA / "video" / clip), algorithm=name, model=model)


def algorithm_of(name: str, clip: str, score_min: float | None) -> Algorithm:
    """The algorithm as it ships, or with another threshold."""
    found = load_algorithm(camera_of(name, clip))
    return found if score_min is None else replace(found, manifest=replace(found.manifest, score_min=score_min))


def played(camera: CameraSpec, pipeline: CameraPipeline, wanted: set[int]) -> Iterator[tuple[int, Pixels]]:
    """Run the clip through the pipeline; every analysed picture with its number."""
    source = open_source(camera)
    due_s, index = 0.0, -1
    while True:
        index += 1
        at_s = index / source.fps
        if at_s < due_s - 1e-9 and index not in wanted:
            if not source.skip():
                break
            continue
        if (pixels := source.read()) is None:
            break
        due_s = due_s if at_s < due_s - 1e-9 else due_s + 1 / FPS
        pipeline.analyse(Shot(camera.id, pixels, Instant(round(at_s * 1e6)), round(at_s * 1e6), 0))
        yield index, pixels
    source.close()


def clip_sums(name: str, places: Places, score_min: float | None) -> Sums:
    """What a detector does on one clip."""
    sums, camera = Sums(), camera_of(name, places.clip)
    algorithm = algorithm_of(name, places.clip, score_min)
    detector = Timed(build_detector(algorithm), sums.ms)
    pipeline = CameraPipeline(camera, algorithm, detector, nonce="card")
    judged, reported, last = list[Judged](), set[int](), 0
    for index, pixels in played(camera, pipeline, {int(key) for key in places.pictures}):
        reports = list(reports_of(pipeline, detector.classes))
        reported |= {report.id for report in reports}
        last = index
        if str(index) in places.pictures:
            judged.append(judge(reports, places, str(index), (pixels.shape[1], pixels.shape[0])))
    sums.hours = (last + 1) / fps_of(camera) / 3600
    return add_up(sums, judged, reported, all_wrong=places.is_empty)


def reports_of(pipeline: CameraPipeline, classes: tuple[str, ...]) -> Iterator[Reported]:
    """The events open in the newest picture."""
    for track in pipeline.tracks:
        if track.hits >= HITS_MIN and (kind := KINDS.get(classes[track.label])):
            yield Reported(kind, track.box, track.id)


def add_up(sums: Sums, judged: list[Judged], reported: set[int], *, all_wrong: bool) -> Sums:
    """Put the pictures' judgements together: an event once right is right; where nothing is to be found, every event is wrong."""
    right = set[int]().union(*(one.right for one in judged))
    wrong = (reported if all_wrong else set[int]().union(*(one.wrong for one in judged))) - right
    sums.found, sums.missed = sum(one.found for one in judged), sum(one.missed for one in judged)
    sums.right, sums.wrong, sums.unjudged = len(right), len(wrong), len(reported - right - wrong)
    return sums


def fps_of(camera: CameraSpec) -> float:
    """Pictures a second of the clip."""
    source = open_source(camera)
    source.close()
    return source.fps


def image_sums(name: str, places: Places, score_min: float | None) -> Sums:
    """What a detector sees in single pictures; its reports are detections, not events."""
    sums = Sums()
    algorithm = algorithm_of(name, IMAGES, score_min)
    detector = Timed(build_detector(algorithm), sums.ms)
    for picture in places.pictures:
        pixels = np.asarray(cv2.imread(str(DATA / "video" / IMAGES / picture)), np.uint8)
        seen = detector.detect(pixels, UNGATED)
        one = judge(list(reports_in(seen, detector.classes)), places, picture, (pixels.shape[1], pixels.shape[0]))
        sums.found, sums.missed = sums.found + one.found, sums.missed + one.missed
        sums.right, sums.wrong = sums.right + len(one.right), sums.wrong + len(one.wrong)
    return sums


def reports_in(seen: Detections, classes: tuple[str, ...]) -> Iterator[Reported]:
    """The detections of one picture, each its own event."""
    for number, (box, label) in enumerate(zip(seen.boxes.tolist(), seen.classes.tolist(), strict=True)):
        if kind := KINDS.get(classes[label]):
            yield Reported(kind, (box[0], box[1], box[2], box[3]), number)


def main() -> None:
    """Print the table of one role."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--score-min", type=float, help="another threshold; for `tune` alone")
    options = parser.parse_args()
    if options.score_min is not None and options.role != "tune":
        parser.error("a threshold may be chosen on the clips of `tune` alone")
    if not DATA.is_dir():
        parser.error(f"no {DATA}: the clips are needed")
    cv2.setNumThreads(1)
    print("| Clip | Detector | Recall | Precision of events | False events per hour | Not judged | ms |\n|---|---|---|---|---|---|---|")
    for clip in (*ROLES[options.role], *([IMAGES] if options.role == "held-out" else [])):
        places = read_places(TRUTH / f"places_{clip}.json")
        for name in options.model or MODELS:
            if clip == IMAGES and name == "motion-object":
                continue  # a single picture does not move
            scored = image_sums if clip == IMAGES else clip_sums
            threshold = CHOSEN.get(name) if options.score_min is None else options.score_min
            print(f"| {clip} | {name} | {scored(name, places, threshold)} |", flush=True)


if __name__ == "__main__":
    main()
