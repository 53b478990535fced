"""The tables of `yunnao status` have a word over each column, and take what another version leaves out."""

from __future__ import annotations

import pytest

from node.texts import LANGUAGES
from node.verbs.status_parts import COLUMNS, header_of, line_of


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", COLUMNS)
def test_every_column_has_a_word(part: str, language: str) -> None:
    assert len(header_of(part, language)) == len(COLUMNS[part])
    assert all(header_of(part, language))


def test_moments_are_times_and_what_is_not_there_is_a_dash() -> None:
    row = {"camera": "c", "state": "lost", "out_since_us": 1_790_000_000_000_000, "analysed_per_s": 0.0, "why": "", "storms": 3}
    assert line_of("cameras", row, "en") == ["c", "lost", "2026-09-21 14:13:20Z", 0.0, "-", "-", "-", "-", "-"]


def test_what_a_camera_says_is_in_the_language_that_is_asked_for() -> None:
    row = {"camera": "c", "state": "lost", "why": 'camera c: it is silent ["of-camera","c",["silent"]]'}
    row["model"] = 'm 2, watched ["runs-watched","m 2"]'
    shown = line_of("cameras", row, "zh")
    assert (shown[1], shown[5], shown[8]) == ("离线", "m 2，观察中", "它没有回应")
    assert line_of("cameras", row | {"state": "asleep"}, "zh")[1] == "asleep"
