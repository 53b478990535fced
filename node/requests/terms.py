"""How long a request may wait in each state: an editable table of working days, with holidays. Pure but for reading a table's file.

Owns the arithmetic of working days. Refuses a table with unknown keys, a day that is both, and a wait without bound. Called by the kind
and where a node's parts are put together.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from node.misfit import misfit
from node.requests.errors import TermsError
from sync.model import MICROSECONDS

TABLE_NAME = "requests.toml"
"""A node's own table, in its folder; without it the one that ships is used."""
TABLE_BYTES_MAX = 1 << 20
DATES_MAX = 5_000
DAYS_MAX = 250
"""Working days of the longest wait."""
WALK_DAYS_MAX = 3_660
"""Calendar days that are looked at before a wait counts as endless: a table may make every day a holiday."""
CHINA = timezone(timedelta(hours=8))
LATEST_US = 4_102_444_800 * MICROSECONDS
"""The year 2100: a peer may write any time into a fact, and a later one is counted from here."""
_SATURDAY = 5

Days = Annotated[int, Meta(ge=1, le=DAYS_MAX)]
Dates = Annotated[tuple[date, ...], Meta(max_length=DATES_MAX)]


class Waits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Working days by what is waited for."""

    unconditional: Days
    """The answer about data that is shared without conditions."""
    conditional: Days
    """Check and answer about any other."""
    missing: Days
    """The supply of data that the provider does not have."""
    supplied: Days
    """The grant after it was supplied."""
    appeal: Days
    """The arbiter's answer."""
    overturned: Days
    """The grant after the arbiter overturned a refusal."""


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is different from Monday to Friday."""

    holidays: Dates = ()
    working_weekends: Dates = ()


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The table."""

    days: Waits
    calendar: Calendar = Calendar()

    def due_us(self, from_us: int, days: int) -> int:
        """The end of the last of `days` working days after the day of `from_us`, microseconds since 1970 UTC. Pure."""
        off, on = _sets(self.calendar)
        day = datetime.fromtimestamp(max(0, min(from_us, LATEST_US)) // MICROSECONDS, CHINA).date()
        left = days
        for _ in range(WALK_DAYS_MAX):
            if not left:
                break
            day += timedelta(days=1)
            left -= day in on or (day.weekday() < _SATURDAY and day not in off)
        midnight = datetime(day.year, day.month, day.day, tzinfo=CHINA) + timedelta(days=1)
        return round(midnight.astimezone(UTC).timestamp()) * MICROSECONDS


@cache
def _sets(calendar: Calendar) -> tuple[frozenset[date], frozenset[date]]:
    return frozenset(calendar.holidays), frozenset(calendar.working_weekends)


def parse_terms(text: str, where: str) -> Terms:
    """A table as TOML; raises TermsError naming the place."""
    try:
        terms = msgspec.convert(tomllib.loads(text), Terms)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        words = str(error) if isinstance(error, tomllib.TOMLDecodeError) else misfit(error, Terms)
        raise TermsError(f"{where} refused: {words}; node/requests/terms.toml in the program shows the layout") from None
    both = set(terms.calendar.holidays) & set(terms.calendar.working_weekends)
    if both:
        raise TermsError(f"{where} refused: {min(both)} is a holiday and a working day; take it out of one list")
    return terms


def shipped_terms() -> Terms:
    """The table that ships."""
    return parse_terms(files("node.requests").joinpath("terms.toml").read_text("utf-8"), "the table of terms that ships")


def read_terms(folder: Path) -> Terms:
    """The table of the node in `folder`: its own, else the one that ships. Raises TermsError."""
    path = folder / TABLE_NAME
    if not path.exists():
        return shipped_terms()
    try:
        if path.stat().st_size > TABLE_BYTES_MAX:
            raise TermsError(f"{path} refused: over {TABLE_BYTES_MAX >> 20} MiB")
        return parse_terms(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise TermsError(f"{path} cannot be read ({error}): mend it, or take it away to use the table that ships") from None
