"""Topic filters and routes."""

from __future__ import annotations

import pytest

from node.ingest import profiles
from node.ingest.errors import IngestError
from node.ingest.profiles import Format, Profile, ProfileTable, default_profiles, topic_matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matches"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/+", "a", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("+/+", "/a", True),
        ("a", "a/", False),
    ],
)
def test_filters_match_as_the_standard_says(topic_filter: str, topic: str, *, matches: bool) -> None:
    assert topic_matches(topic_filter, topic) is matches


@pytest.mark.parametrize("topic_filter", ["", "a#", "a/#/b", "a+/b"])
def test_bad_filters_are_refused(topic_filter: str) -> None:
    with pytest.raises(IngestError, match="refused"):
        ProfileTable([Profile("p", topic_filter, Format.JSON, "air-quality", "37")])


def test_the_first_profile_decides_and_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "ROUTES_CACHED_MAX", 3)
    table = ProfileTable(default_profiles("air-quality", territory="37", grade=1))
    found = [table.route(f"air-quality/reading/{number}") for number in range(10)]
    assert {profile.name for profile in found if profile} == {"air-quality-reading"}
    assert table.route("elsewhere") is None
    assert len(table._routes) <= 3
