"""The command that plays clips for an hour: what it counts as empty, and that a loop ends and begins anew."""

from __future__ import annotations

import pytest

from tests.edge_ai.long_clips import Played, Told, Verdict, empty_spans


def test_frames_without_anything_in_a_row_are_one_spell() -> None:
    spans = empty_spans({"0": 1, "10": 0, "20": 0, "30": 2, "40": 0}, 10.0)
    assert spans == [pytest.approx((0.75, 2.25)), pytest.approx((3.75, 4.25))]


def test_a_clip_without_an_empty_frame_has_no_spell() -> None:
    assert empty_spans({"0": 1, "10": 2}, 10.0) == []


def test_a_verdict_names_the_first_events_and_says_how_many_more() -> None:
    told = tuple(Told(float(second), 1.0, "fire", "zone") for second in range(7))
    line = Verdict("c.mp4", "fire-smoke", "no event", False, told, Played(told, 60.0, 2, 300)).line()
    assert line.startswith("FAIL c.mp4 fire-smoke: no event: fire at 0.0 s in zone")
    assert "and 2 more; 60 s in 2 loops" in line
