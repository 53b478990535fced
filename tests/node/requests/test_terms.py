"""Working days: weekends, holidays and working weekends from an editable table, and what is wrong with one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from node.requests.errors import TermsError
from node.requests.terms import CHINA, LATEST_US, TABLE_NAME, parse_terms, read_terms, shipped_terms

TERMS = shipped_terms()
DAYS = "[days]\nunconditional = 2\nconditional = 5\nmissing = 10\nsupplied = 2\nappeal = 5\noverturned = 2\n"


def at(text: str) -> int:
    """A time in China."""
    return round(datetime.fromisoformat(text).replace(tzinfo=CHINA).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("asked", "days", "due"),
    [
        ("2026-11-16T09:00", 2, "2026-11-19T00:00"),
        ("2026-11-16T23:59", 2, "2026-11-19T00:00"),
        ("2026-11-19T09:00", 2, "2026-11-24T00:00"),
        ("2026-11-21T09:00", 1, "2026-11-24T00:00"),
        ("2026-09-30T09:00", 2, "2026-10-10T00:00"),
        ("2026-10-08T09:00", 2, "2026-10-11T00:00"),
        ("2026-02-13T09:00", 2, "2026-02-25T00:00"),
        ("2026-12-31T09:00", 1, "2027-01-02T00:00"),
    ],
    ids=["in the week", "late on a day", "over a weekend", "from a saturday", "national day", "working saturday", "spring", "no table yet"],
)
def test_a_wait_ends_with_its_last_working_day(asked: str, days: int, due: str) -> None:
    assert TERMS.due_us(at(asked), days) == at(due)


def test_the_table_that_ships_says_what_the_city_promises() -> None:
    days = TERMS.days
    assert (days.unconditional, days.conditional, days.missing, days.appeal) == (2, 5, 10, 5)


def test_a_node_may_have_its_own_table(tmp_path: Path) -> None:
    assert read_terms(tmp_path) == TERMS
    (tmp_path / TABLE_NAME).write_text(DAYS.replace("conditional = 5", "conditional = 7"), "utf-8")
    assert read_terms(tmp_path).days.conditional == 7
    assert read_terms(tmp_path).calendar.holidays == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "days"),
        (DAYS.replace("appeal = 5", "appeal = 0"), "appeal"),
        (DAYS.replace("appeal = 5", "appeal = 9999"), "appeal"),
        (DAYS + "colour = 1\n", "colour"),
        (DAYS + "[calendar]\nholidays = ['soon']\n", "holidays"),
        (DAYS + "[calendar]\nholidays = [2026-10-01]\nworking_weekends = [2026-10-01]\n", "2026-10-01 is a holiday and a working day"),
        ("[days", "refused"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(TermsError, match=why):
        parse_terms(text, "requests.toml")


def test_a_table_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / TABLE_NAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TermsError, match="cannot be read"):
        read_terms(tmp_path)
    (tmp_path / TABLE_NAME).write_bytes(b" " * (1 << 20) + b" ")
    with pytest.raises(TermsError, match="over 1 MiB"):
        read_terms(tmp_path)


@pytest.mark.parametrize("moment", [0, -5, LATEST_US, (1 << 63) - 1])
def test_no_time_that_a_peer_writes_stops_the_clock(moment: int) -> None:
    assert 0 < TERMS.due_us(moment, 250) < LATEST_US + 400 * 86_400_000_000


def test_a_year_of_holidays_ends_the_wait_all_the_same() -> None:
    from datetime import date, timedelta

    days = [date(2026, 1, 1) + timedelta(days=day) for day in range(4_000)]
    table = parse_terms(DAYS + f"[calendar]\nholidays = [{', '.join(map(str, days))}]\n", "requests.toml")
    assert table.due_us(at("2026-01-01T09:00"), 1) > at("2035-01-01T09:00")
