"""Identity of moving boxes, on scripted detections."""

from __future__ import annotations

import numpy as np

from edge_ai.picture import NOTHING, Detections
from edge_ai.tracking.tracker import MISSES_MAX, TRACKS_MAX, Track, Tracker

STEP_S = 0.2


def seen(*boxes: tuple[float, float, float, float], score: float = 0.9, label: int = 0) -> Detections:
    return Detections(np.array(boxes, np.float32), np.full(len(boxes), score, np.float32), np.full(len(boxes), label))


def box(x: float, y: float = 100, width: float = 40, height: float = 20) -> tuple[float, float, float, float]:
    return (x - width / 2, y - height, x + width / 2, y)


def run(tracker: Tracker, frames: list[Detections]) -> list[list[Track]]:
    return [tracker.update(frame, STEP_S) for frame in frames]


def test_one_box_is_no_track_and_two_in_a_row_are() -> None:
    found = run(Tracker(score_high=0.5), [seen(box(50)), seen(box(55))])
    assert [len(tracks) for tracks in found] == [0, 1]


def test_two_that_pass_each_other_keep_their_identity() -> None:
    tracker = Tracker(score_high=0.5)
    frames = [seen(box(50 + 10 * step, 100), box(250 - 10 * step, 108)) for step in range(20)]
    found = run(tracker, frames)
    right = {track.id for tracks in found for track in tracks if track.box[3] == 100}
    left = {track.id for tracks in found for track in tracks if track.box[3] == 108}
    assert (len(right), len(left)) == (1, 1)
    assert right != left


def test_short_gap_keeps_the_identity() -> None:
    tracker = Tracker(score_high=0.5)
    frames = [seen(box(50 + 8 * step)) if step not in (6, 7, 8) else NOTHING for step in range(14)]
    assert len({track.id for tracks in run(tracker, frames) for track in tracks}) == 1


def test_walk_behind_a_post_keeps_the_identity_though_the_walker_slows() -> None:
    tracker = Tracker(score_high=0.5)
    before = [seen(box(50 + 8 * step)) for step in range(6)]
    after = [seen(box(120 + 6 * step)) for step in range(4)]
    assert len({track.id for tracks in run(tracker, before + [NOTHING] * 9 + after) for track in tracks}) == 1


def test_what_was_hidden_does_not_come_back_as_another_class() -> None:
    tracker = Tracker(score_high=0.5)
    frames = [seen(box(50))] * 4 + [NOTHING] * 2 + [seen(box(75), label=1)] * 4
    found = run(tracker, frames)
    assert {track.label for track in found[-1]} == {1}
    assert found[-1][0].id != found[3][0].id


def test_track_ends_after_too_many_misses() -> None:
    tracker = Tracker(score_high=0.5)
    run(tracker, [seen(box(50))] * 3 + [NOTHING] * MISSES_MAX)
    assert len(tracker.alive) == 1
    run(tracker, [NOTHING])
    assert tracker.alive == frozenset()


def test_track_of_a_quiet_camera_ends_by_the_clock() -> None:
    tracker = Tracker(score_high=0.5)
    run(tracker, [seen(box(50))] * 3)
    tracker.update(NOTHING, 5.0)
    tracker.update(seen(box(50)), 5.0)
    assert len(tracker.alive) == 1, "one missed picture is no departure"
    for _ in range(3):
        tracker.update(NOTHING, 5.0)
    assert tracker.alive == frozenset()


def test_doubtful_box_keeps_a_track_and_starts_none() -> None:
    tracker = Tracker(score_high=0.5)
    run(tracker, [seen(box(50)), seen(box(52))])
    kept = run(tracker, [seen(box(54), box(300), score=0.3)] * 3)
    assert [len(tracks) for tracks in kept] == [1, 1, 1]
    assert len(tracker.alive) == 1


def test_class_is_the_one_seen_most_and_surest() -> None:
    tracker = Tracker(score_high=0.5)
    found = run(tracker, [seen(box(50), label=1), seen(box(50), label=1), seen(box(50), label=0, score=0.6)])
    assert found[-1][0].label == 1


def test_fast_new_thing_is_followed_by_its_widened_box() -> None:
    found = run(Tracker(score_high=0.5), [seen(box(50 + 38 * step)) for step in range(6)])
    assert {track.id for tracks in found for track in tracks} == {1}


def test_no_more_tracks_than_the_limit() -> None:
    tracker = Tracker(score_high=0.5)
    many = seen(*(box(60.0 * (index % 20), 30.0 * (index // 20)) for index in range(TRACKS_MAX + 50)))
    run(tracker, [many, many])
    assert len(tracker.alive) == TRACKS_MAX
