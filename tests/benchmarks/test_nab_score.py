"""NAB's formula on cases that can be worked out by hand."""

from __future__ import annotations

import pytest

from benchmarks.nab_score import Score, probation, score

ROWS = 1_000
WINDOWS = ((300, 399), (600, 649))


def test_silence_is_nought_and_the_first_row_of_every_window_a_hundred() -> None:
    assert score(ROWS, WINDOWS, ()).normalised == 0
    assert score(ROWS, WINDOWS, (300, 600)).normalised == pytest.approx(100)


def test_the_later_in_a_window_the_less_and_its_last_row_is_worth_almost_nothing() -> None:
    early, middle, last = (score(ROWS, WINDOWS[:1], (row,)).normalised for row in (310, 350, 399))
    assert 100 > early > middle > last > 50
    assert last == pytest.approx(50 + 50 * 0.025, abs=0.1)


def test_only_the_first_detection_in_a_window_counts() -> None:
    assert score(ROWS, WINDOWS, (310, 311, 399)) == score(ROWS, WINDOWS, (310,))


def test_a_false_detection_costs_most_far_from_any_window() -> None:
    before, behind, far = (score(ROWS, WINDOWS[:1], (row,)) for row in (250, 402, 900))
    assert before.raw == far.raw == pytest.approx(-1 - 0.11)
    assert before.raw < behind.raw < -1
    assert (before.false, before.found, before.windows) == (1, 0, 1)


def test_the_first_rows_are_not_scored() -> None:
    assert probation(ROWS) == 150
    assert probation(100_000) == 750
    assert score(ROWS, WINDOWS, (0, 149)) == score(ROWS, WINDOWS, ())


def test_scores_add_up_over_series() -> None:
    both = score(ROWS, WINDOWS[:1], (300,)) + score(ROWS, WINDOWS[:1], ())
    assert both.normalised == pytest.approx(50)
    assert Score().normalised == 0
