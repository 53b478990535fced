"""Windows of weekdays and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge_ai.errors import SpecError
from edge_ai.schedule import WINDOWS_MAX, Schedule

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def on(windows: list[str], day: int, hour: int, minute: int = 0, *, offset: int = 0) -> bool:
    moment = MONDAY + timedelta(days=day, hours=hour, minutes=minute)
    return Schedule(windows, utc_offset_minutes=offset).is_on(round(moment.timestamp() * 1e6))


def test_without_windows_a_rule_is_always_on() -> None:
    assert on([], 6, 3)


def test_window_begins_with_its_first_minute_and_ends_before_its_last() -> None:
    assert [on(["mon-fri 07:00-22:00"], 0, hour, minute) for hour, minute in ((6, 59), (7, 0), (21, 59), (22, 0))] == [
        False,
        True,
        True,
        False,
    ]
    assert not on(["mon-fri 07:00-22:00"], 5, 12)


def test_night_belongs_to_the_day_it_begins_on() -> None:
    night = ["fri 22:00-06:00"]
    assert on(night, 4, 23)
    assert on(night, 5, 5, 59)
    assert not on(night, 4, 5)
    assert not on(night, 5, 23)


def test_days_may_wrap_over_the_weekend_and_be_listed() -> None:
    assert [on(["sat-mon 00:00-24:00"], day, 12) for day in range(7)] == [True, False, False, False, False, True, True]
    assert [on(["tue,thu 00:00-24:00"], day, 12) for day in range(4)] == [False, True, False, True]


def test_times_are_local() -> None:
    assert on(["mon 07:00-08:00"], -1, 23, 30, offset=480)
    assert not on(["mon 07:00-08:00"], 0, 7, 30, offset=480)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mon",
        "mon 7:00-8:00",
        "mon 07:00",
        "mon 07:00-07:00",
        "mon 24:00-24:00",
        "mon 24:30-25:00",
        "xyz 07:00-08:00",
        "mon- 07:00-08:00",
    ],
)
def test_text_that_is_no_window_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(SpecError, match="write days and times as `mon-fri 07:00-22:00`"):
        Schedule([text], utc_offset_minutes=0)


def test_too_many_windows_are_refused() -> None:
    with pytest.raises(SpecError, match="at most 32"):
        Schedule(["mon 07:00-08:00"] * (WINDOWS_MAX + 1), utc_offset_minutes=0)
