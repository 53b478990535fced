"""`yunnao summary`: what could not be counted, and what was taken back since, is said beside the table."""

from __future__ import annotations

import pytest

from node.verbs.summary import _print

ANSWER: dict[str, object] = {
    "columns": ["bucket_us", "territory", "count", "distinct_devices"],
    "rows": [[0, "370202001", 4, None], [0, "370202002", 3, 2]],
    "uncounted": 1,
    "withdrawn": [{"order": "NL-1@x", "source": "air-quality", "until_us": 0}],
    "contributed": ["grid-1"],
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_count_that_cannot_be_told_is_a_dash_and_said(capsys: pytest.CaptureFixture[str], language: str) -> None:
    _print(ANSWER, language)
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[1].split()[-1] == "-"
    assert lines[2].split()[-1] == "2"
    assert "docs/policy.md" in told.err
    assert "NL-1@x" in told.err


def test_nothing_is_said_where_nothing_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    _print({**ANSWER, "uncounted": 0, "withdrawn": []}, "en")
    assert capsys.readouterr().err.splitlines() == ["contributed: grid-1"]
