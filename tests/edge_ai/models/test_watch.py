"""Verdicts over new versions, with a simulated clock."""

from __future__ import annotations

import pytest

from edge_ai.models.watch import JUDGED_FRAMES_MIN, SHADOW_FRAMES, WATCH_S, LiveWatch, ShadowWatch, Tally, Verdict
from edge_ai.reasons import plain
from sync.model import Instant

BEGAN = Instant(5_000_000)


def tally(frames: int, *, each: int = 2, ms: float = 10.0) -> Tally:
    made = Tally()
    for _ in range(frames):
        made.add(each, ms)
    return made


def shadow(*, each: int = 2, ms: float = 10.0, frames: int = SHADOW_FRAMES) -> ShadowWatch:
    watch = ShadowWatch()
    for _ in range(frames):
        watch.old.add(2, 10.0)
        watch.new.add(each, ms)
    return watch


def test_shadow_waits_for_enough_pictures_and_then_lets_go() -> None:
    assert shadow(frames=SHADOW_FRAMES - 1).judge().verdict is Verdict.WAIT
    judged = shadow().judge()
    assert judged.verdict is Verdict.GO
    assert plain(judged.why) == "in shadow for 100 pictures: 2.00 things a picture (before 2.00), 10.0 ms (before 10.0)"


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (shadow(each=0), "found 0.00 things a picture, the one before 2.00"),
        (shadow(each=11), "found 11.00 things a picture"),
        (shadow(ms=16.0), "took 16.0 ms a picture, the one before 10.0: more than 1.5 times"),
    ],
)
def test_shadow_refuses_what_does_worse(watch: ShadowWatch, words: str) -> None:
    judged = watch.judge()
    assert judged.verdict is Verdict.BACK
    assert words in judged.why


@pytest.mark.parametrize("watch", [shadow(each=1), shadow(each=9), shadow(ms=14.9)])
def test_bounds_are_wide_enough_for_another_net(watch: ShadowWatch) -> None:
    assert watch.judge().verdict is Verdict.GO


def test_one_error_in_shadow_is_enough() -> None:
    watch = ShadowWatch()
    watch.new.failed()
    assert plain(watch.judge().why) == "it failed on 1 of 1 pictures in shadow"


def test_an_empty_street_proves_nothing_against_a_new_version() -> None:
    watch = ShadowWatch()
    for number in range(SHADOW_FRAMES):
        watch.old.add(1 if number % 10 == 0 else 0, 10.0)
        watch.new.add(0, 10.0)
    assert watch.judge().verdict is Verdict.GO


def test_a_millisecond_more_is_no_reason() -> None:
    assert shadow(ms=11.9).judge().verdict is Verdict.GO
    watch = ShadowWatch()
    for _ in range(SHADOW_FRAMES):
        watch.old.add(2, 1.0)
        watch.new.add(2, 2.5)
    assert watch.judge().verdict is Verdict.GO


def test_live_watch_ends_after_ten_minutes_of_pipeline_time() -> None:
    watch = LiveWatch(tally(200), BEGAN)
    watch.new = tally(200)
    assert watch.judge(BEGAN.plus(WATCH_S - 0.1)).verdict is Verdict.WAIT
    assert watch.judge(BEGAN.plus(WATCH_S)).verdict is Verdict.GO


def test_live_watch_waits_for_pictures_when_the_camera_was_away() -> None:
    watch = LiveWatch(tally(200), BEGAN)
    watch.new = tally(JUDGED_FRAMES_MIN - 1)
    assert watch.judge(BEGAN.plus(10 * WATCH_S)).verdict is Verdict.WAIT


@pytest.mark.parametrize(
    ("new", "words"),
    [(tally(60, each=0), "found 0.00 things"), (tally(60, each=20), "found 20.00 things"), (tally(60, ms=30.0), "took 30.0 ms")],
)
def test_live_watch_sends_back_what_does_worse_long_before_the_end(new: Tally, words: str) -> None:
    watch = LiveWatch(tally(200), BEGAN)
    watch.new = new
    judged = watch.judge(BEGAN.plus(12.0))
    assert judged.verdict is Verdict.BACK
    assert words in judged.why


def test_what_was_long_ago_fades_from_a_tally() -> None:
    made = tally(3_000, each=10)
    for _ in range(3_000):
        made.add(0, 10.0)
    assert made.rate < 10 / 3
    assert made.frames <= 3_000
