"""Rates of a camera are over the last seconds, and unknown where nobody counts."""

from __future__ import annotations

from node.cameras.pace import SILENT_S, WINDOW_S, Pace, Rates
from sync.model import Instant


def at(seconds: float) -> Instant:
    return Instant(round((100 + seconds) * 1_000_000))


def paced(*counts: tuple[float, int, int]) -> Pace:
    made = Pace()
    for seconds, analysed, dropped in counts:
        made.note(at(seconds), analysed=analysed, dropped=dropped)
    return made


def test_what_was_dropped_was_asked_for() -> None:
    assert paced((0, 100, 10), (4, 112, 14)).rates(at(4)) == Rates(3.0, 4.0)


def test_what_lies_further_back_than_the_window_does_not_count() -> None:
    assert paced((0, 0, 0), (5, 500, 0), (5 + WINDOW_S, 510, 0)).rates(at(5 + WINDOW_S)) == Rates(1.0, 1.0)


def test_counts_of_another_process_begin_anew() -> None:
    assert paced((0, 100, 0), (1, 3, 0)).rates(at(1)) == Rates()
    assert paced((0, 100, 0), (1, 3, 0), (2, 8, 0)).rates(at(2)) == Rates(5.0, 5.0)


def test_an_analysis_that_fell_silent_has_no_rate() -> None:
    assert paced((0, 0, 0), (1, 5, 0)).rates(at(1 + SILENT_S + 0.1)) == Rates()
