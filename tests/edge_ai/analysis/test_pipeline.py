"""The whole pipeline on rendered scenes with their truth, and on real clips."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edge_ai.capture.gate import CALIBRATING_FRAMES, MUTED_FRAMES
from edge_ai.evidence.box_track import read_track
from edge_ai.picture import Shot
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from simulations.devices.street_clip import write_street_clip
from simulations.devices.street_scene import WIDTH, StreetScene, TrueBox
from sync.model import Instant
from tests.edge_ai.replay import DATA, needs_data, pipeline_for, replay

VIDEO = DATA / "video"
FASTESTDET = str(DATA / "models" / "FastestDet.onnx")
MIDDLE = RuleSpec(name="middle", kind=RuleKind.LINE, points=((0.5, 0.0), (0.5, 1.0)), frames_min=2)
TOLERANCE = 0.15
"""Share of the true crossings by which the counted ones may differ: people hidden behind cars are not seen."""
STREET_SECONDS = 60
STREET_FPS = 5.0


def rendered(clip: Path, rule: RuleSpec) -> CameraSpec:
    return CameraSpec(id="street", kind=CameraKind.RENDERED, source=str(clip), algorithm="street-s", rules=(rule,))


def true_crossings(seed: int) -> Counter[str]:
    """Crossings of the picture's middle by class, of actors that can be seen while they cross."""
    scene, crossings, last = StreetScene(seed), Counter[str](), dict[int, TrueBox]()
    for index in range(round(STREET_SECONDS * STREET_FPS)):
        boxes = {truth.actor: truth for truth in scene.frame_at(index / STREET_FPS).boxes}
        for actor, now in boxes.items():
            before = last.get(actor)
            if before is not None and (_middle(before) < 0) is not (_middle(now) < 0) and abs(_middle(now) - _middle(before)) < WIDTH / 2:
                crossings[now.kind.value] += 1
        last = boxes
    return crossings


def _middle(truth: TrueBox) -> float:
    return (truth.box[0] + truth.box[2]) / 2 - WIDTH / 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7, 11])
def test_counted_crossings_of_the_rendered_street_equal_the_truth_within_tolerance(seed: int, tmp_path: Path) -> None:
    clip = tmp_path / "street.avi"
    write_street_clip(clip, seed=seed, seconds=STREET_SECONDS, fps=STREET_FPS)
    camera = rendered(clip, MIDDLE)
    counted = Counter(timed.message.row.label for timed in replay(camera, pipeline_for(camera)))
    truth = true_crossings(seed)
    assert truth.total() >= 10
    assert abs(counted.total() - truth.total()) <= TOLERANCE * truth.total(), (counted, truth)
    assert abs(counted["vehicle"] - truth["vehicle"]) <= max(1, TOLERANCE * truth["vehicle"]), (counted, truth)


@pytest.mark.slow
@needs_data
def test_people_one_by_one_make_events_and_who_only_stands_there_makes_no_more() -> None:
    zone = RuleSpec(name="room", kind=RuleKind.ZONE, points=((0, 0), (1, 0), (1, 1), (0, 1)), classes=("person",))
    line = RuleSpec(name="door", kind=RuleKind.LINE, points=((0.62, 0.0), (0.62, 1.0)), classes=("person",))
    camera = CameraSpec(
        id="room", kind=CameraKind.FILE, source=str(VIDEO / "one-by-one-person-detection.mp4"), algorithm="fastestdet", model=FASTESTDET,
        rules=(zone, line), analysed_fps=5,
    )  # fmt: skip
    timed = list(replay(camera, pipeline_for(camera), to_s=60))
    rules = Counter(event.message.row.rule for event in timed if event.message.jpeg)
    assert rules["room"] >= 2
    assert rules["door"] >= 2
    assert [event for event in timed if 25 < event.at_s < 40] == [], "one man stands there from second 25 to second 40"


@pytest.mark.slow
@needs_data
def test_motion_objects_find_cars_from_above_without_weights() -> None:
    zone = RuleSpec(name="park", kind=RuleKind.ZONE, points=((0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)))
    camera = CameraSpec(id="park", kind=CameraKind.FILE, source=str(VIDEO / "car-detection.mp4"), algorithm="motion-object", rules=(zone,))
    rows = [timed.message.row for timed in replay(camera, pipeline_for(camera))]
    assert sum(not row.ended and row.label == "vehicle-sized" for row in rows) >= 2
    assert {row.scene for row in rows} == {"real"}
    assert {row.evidence_grade for row in rows} == {"none"}


@pytest.mark.slow
def test_every_beginning_carries_its_picture_and_every_end_follows_one(tmp_path: Path) -> None:
    clip = tmp_path / "street.avi"
    write_street_clip(clip, seed=7, seconds=20, fps=STREET_FPS)
    zone = RuleSpec(name="street", kind=RuleKind.ZONE, points=((0.2, 0.3), (0.8, 0.3), (0.8, 1.0), (0.2, 1.0)), clip_s=(2.0, 3.0))
    camera = rendered(clip, zone)
    begun: set[str] = set()
    pipeline = pipeline_for(camera)
    for timed in replay(camera, pipeline):
        row = timed.message.row
        if row.ended:
            assert row.event_id in begun
            assert (timed.message.jpeg, row.clip) == (b"", None)
        else:
            assert row.clip is not None
            assert (row.clip.at_us - row.clip.since_us, row.clip.until_us - row.clip.at_us) == (2_000_000, 3_000_000)
            assert row.event_id not in begun
            assert timed.message.jpeg.startswith(b"\xff\xd8")
            assert len(timed.message.thumb_rgb) == row.evidence.thumb_width * row.evidence.thumb_height * 3
            begun.add(row.event_id)
    assert begun
    assert pipeline.boxes is not None
    laid = pipeline.boxes.due(Instant(1 << 60))
    assert {event_id for event_id, _ in laid} == begun
    assert read_track(laid[0][1]) is not None


@pytest.mark.parametrize(("algorithm", "analysed"), [("motion-object", 0), ("still-object", CALIBRATING_FRAMES + MUTED_FRAMES)])
def test_while_the_gate_learns_only_who_sees_by_it_alone_is_not_asked(algorithm: str, analysed: int) -> None:
    pipeline = pipeline_for(CameraSpec(id="c", kind=CameraKind.FILE, source="", algorithm=algorithm))
    pixels = np.full((48, 64, 3), 90, np.uint8)
    for index in range(CALIBRATING_FRAMES):
        pipeline.analyse(Shot("c", pixels, Instant(200_000 * index), 0, 0))
    for index in range(MUTED_FRAMES):
        pipeline.analyse(Shot("c", pixels, Instant(9_000_000 + 200_000 * index), 0, 1))
    assert pipeline.counts.analysed == analysed
