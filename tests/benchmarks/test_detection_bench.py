"""How the detection benchmark counts."""

from __future__ import annotations

import numpy as np

from benchmarks.detection_bench import event_f1, f1, spans

MARKS = np.array([0, 1, 1, 0, 0, 1, 0, 0], dtype=bool)
LABELS = np.array([0, 0, 1, 1, 0, 0, 0, 1], dtype=bool)


def test_runs_have_their_first_row_and_the_one_behind_the_last() -> None:
    assert spans(MARKS) == [(1, 3), (5, 6)]
    assert spans(np.ones(3, dtype=bool)) == [(0, 3)]
    assert spans(np.zeros(3, dtype=bool)) == []


def test_by_points() -> None:
    assert f1(MARKS, LABELS) == (1 / 3, 1 / 3, 1 / 3)
    assert f1(np.zeros(8, dtype=bool), LABELS) == (0, 0, 0)


def test_by_events() -> None:
    assert event_f1([MARKS], [LABELS]) == (0.5, 0.5, 0.5)
    assert event_f1([LABELS], [LABELS]) == (1, 1, 1)
