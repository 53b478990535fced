"""Counts that processes report once a second, taken from report to report."""

from __future__ import annotations

import pytest

from benchmarks.camera_run import Counted, Run, Tally


def test_what_is_counted_between_reports_is_charged_for_the_time_between_them() -> None:
    tally = Tally(0.0, 100)
    for at, count in [(0.3, 104), (0.7, 104), (1.3, 109), (2.35, 114), (2.9, 114)]:
        tally.see(at, count)
    counted = tally.counted(3.0)
    assert counted.count == 10
    assert counted.seconds == pytest.approx(2.05)
    assert counted.asked(5.0) == 10


def test_a_count_that_stands_still_is_charged_to_the_end() -> None:
    tally = Tally(0.0, 7)
    tally.see(0.5, 9)
    assert tally.counted(10.0) == Counted(0, 9.5)
    assert Tally(0.0, 7).counted(10.0) == Counted(0, 10.0)


def test_a_count_that_begins_late_is_charged_from_the_beginning() -> None:
    tally = Tally(0.0, 7)
    tally.see(6.0, 8)
    tally.see(7.0, 12)
    assert tally.counted(8.0) == Counted(5, 7.0)


def test_share_of_a_run_is_of_its_whole_pictures() -> None:
    run = Run(cores=1.0, frames_per_s=50.0, analysed={"a": Counted(39, 8.1), "b": Counted(41, 8.1)}, age_ms=1.0)
    assert run.analysed_share(5.0, ["a", "b"]) == 1.0
    assert run.analysed_share(5.0, ["a"]) == pytest.approx(39 / 40)
    assert run.frame_ms == 20.0
