"""`yunnao recall show`: who fetched pages with recalled records, and under which requests, is named for people."""

from __future__ import annotations

import pytest

from node.verbs.recall import _fetched

RECEIPTS: list[dict[str, object]] = [
    {"node": "liaoyuan", "fetched": {"badaguan": 40, "jimo": 2}, "requests": []},
    {"node": "badaguan", "fetched": {}, "requests": ["8bb5"]},
    {"node": "shinan", "fetched": {}, "requests": []},
]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_fetched_and_who_must_destroy_files_is_said(language: str) -> None:
    given, destroy = _fetched(RECEIPTS, language)
    assert all(node in given for node in ("liaoyuan", "badaguan", "jimo"))
    assert "8bb5" in destroy
    assert "badaguan" in destroy


def test_receipts_of_an_older_program_name_no_pages() -> None:
    assert _fetched([{"node": "shinan"}], "en") == []
