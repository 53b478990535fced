"""What people counted in real clips, against what tracker and rules make of them."""

from __future__ import annotations

import json
from itertools import cycle, islice, pairwise

import pytest

from edge_ai.presets import preset_named
from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.rules import Begun, Ended, Rule
from edge_ai.spec import CameraKind, CameraSpec
from edge_ai.tracking.tracker import Track, Tracker
from sync.model import Instant
from tests.edge_ai.record_detections import DATA, FPS, TRUTH, recorded
from tests.edge_ai.replay import needs_data, pipeline_for, replay

CLIPS = ("car-detection", "highway_640x360", "house6", "one-by-one-person-detection", "vtest_pets2009_480x360")
FRAMES_MIN = 40
IDS_PER_TRACK_MAX = 1.6
PERSON, VEHICLES = 0, ("car", "bus", "truck")
SCORE_HIGH = 0.45
SIZE = (480, 360)
CLASSES = ("person", "bicycle", "car", "motorbike", "aeroplane", "bus", "train", "truck", *(f"other-{index}" for index in range(72)))
WATCHED_S = 58
"""Of the clip with single persons, for time's sake; all six visits of the whole clip are told, too."""
CORNER = ((0.7, 0.0), (1.0, 0.0), (1.0, 0.25), (0.7, 0.25))
"""Where the vans are parked."""


@pytest.mark.parametrize("clip", CLIPS)
def test_every_clip_has_its_frames_counted_with_who_and_how(clip: str) -> None:
    truth = json.loads((TRUTH / f"{clip}.json").read_text("utf-8"))
    assert len(truth["counts"]) >= FRAMES_MIN
    assert all(isinstance(count, int) and 0 <= count <= 50 for count in truth["counts"].values())
    assert set(truth["counts"]) >= {str(frame) for frame in truth["uncertain"]}
    assert all(truth[key] for key in ("who", "how", "things", "accuracy"))


@pytest.mark.slow
@needs_data
def test_every_visitor_to_the_room_is_told_and_none_while_it_is_empty() -> None:
    truth = json.loads((TRUTH / "one-by-one-person-detection.json").read_text("utf-8"))
    zone = RuleSpec(name="room", kind=RuleKind.ZONE, points=((0, 0), (1, 0), (1, 1), (0, 1)), classes=("person",))
    camera = CameraSpec(
        id="room", kind=CameraKind.FILE, source=str(DATA / "video" / truth["clip"]), algorithm="fastestdet",
        model=str(DATA / "models" / "FastestDet.onnx"), rules=(zone,), analysed_fps=2.5,
    )  # fmt: skip
    told = list(replay(camera, pipeline_for(camera), to_s=WATCHED_S))
    begun = [timed.at_s for timed in told if not timed.message.row.ended]
    watched = [count for frame, count in truth["counts"].items() if int(frame) < WATCHED_S * 10]
    assert len(begun) == sum(now > before for before, now in pairwise(watched)) == 3, begun
    empty = [int(frame) / 10 for frame, count in truth["counts"].items() if count == 0]
    assert not [(at_s, quiet) for at_s in begun for quiet in empty if abs(at_s - quiet) < 0.5]


def tracks_of_pets(seconds: float) -> list[tuple[list[Track], frozenset[int]]]:
    """Every picture's tracks, the clip played as often as it takes; ids go on over the seam."""
    tracker = Tracker(score_high=SCORE_HIGH)
    pictures = islice(cycle(recorded()), round(seconds * FPS))
    return [(tracker.update(seen, 1 / FPS), tracker.alive) for seen in pictures]


@pytest.mark.slow
def test_ids_on_pets_are_at_most_1_6_times_the_tracks_that_were_counted() -> None:
    truth = json.loads((TRUTH / "vtest_pets2009_480x360.json").read_text("utf-8"))
    labels = {track.id: track.label for tracks, _ in tracks_of_pets(len(recorded()) / FPS) for track in tracks}
    ids = [number for number, label in labels.items() if label == PERSON]
    assert truth["tracks"] <= len(ids) <= IDS_PER_TRACK_MAX * truth["tracks"], len(ids)


@pytest.mark.slow
def test_persons_per_picture_on_pets_are_those_that_were_counted_give_or_take_half() -> None:
    truth = json.loads((TRUTH / "vtest_pets2009_480x360.json").read_text("utf-8"))
    post = truth["mistaken"][0]["box"]
    played = tracks_of_pets(len(recorded()) / FPS)
    errors = []
    for frame, count in truth["counts"].items():
        people = [track for track in played[int(frame) // 2][0] if track.label == PERSON and abs(track.box[0] - post[0]) > 5]
        errors.append(abs(len(people) - count))
    assert sum(errors[1:]) <= 0.5 * len(errors), errors
    assert max(errors[1:]) <= 2, errors


@pytest.mark.slow
def test_each_parked_van_is_at_most_one_event_however_often_the_clip_is_played() -> None:
    preset = preset_named("illegal-parking")
    values = preset.rule | {"dwell_s": 20.0}
    rule = Rule(RuleSpec(name="parking", kind=preset.kind, points=CORNER, **values), CLASSES)  # type: ignore[arg-type]
    told = []
    for index, (tracks, alive) in enumerate(tracks_of_pets(170.0)):
        told += [(round(index / FPS, 1), each) for each in rule.update(tracks, alive, SIZE, Instant(0).plus(index / FPS))]
    begun = [(at_s, each.place) for at_s, each in told if isinstance(each, Begun)]
    assert 1 <= len(begun) <= 2, begun
    assert len({place for _, place in begun}) == len(begun), begun
    assert [each for _, each in told if isinstance(each, Ended)] == []
