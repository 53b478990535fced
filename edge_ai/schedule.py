"""When a rule is on: weekday and time windows in a fixed offset from UTC, as text such as `mon-fri 07:00-22:00`.

Holidays are not known. Pure. Called by edge_ai/rule_spec.py for its bounds and by edge_ai/rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge_ai.errors import SpecError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = "daily"
WINDOWS_MAX = 32
"""Windows of one rule."""
DAY_MINUTES = 1_440
EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday."""
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of some weekdays; it runs past midnight when `end` is not after `start`, and belongs to the day it begins on."""

    days: frozenset[int]
    """0 is Monday."""
    start: int
    """Minute of the day."""
    end: int
    """Minute of the day, not part of the window."""

    def covers(self, weekday: int, minute: int) -> bool:
        """True at `minute` of `weekday`."""
        if self.start < self.end:
            return weekday in self.days and self.start <= minute < self.end
        return (weekday in self.days and minute >= self.start) or ((weekday - 1) % 7 in self.days and minute < self.end)


class Schedule:
    """The windows of one rule. Raises SpecError naming the text that is no window."""

    def __init__(self, windows: Sequence[str], *, utc_offset_minutes: int) -> None:
        if len(windows) > WINDOWS_MAX:
            raise SpecError(f"schedule has {len(windows)} windows: at most {WINDOWS_MAX}")
        self._windows = tuple(parse_window(text) for text in windows)
        self._offset_us = utc_offset_minutes * 60_000_000

    def is_on(self, wall_us: int) -> bool:
        """True at `wall_us` (microseconds since 1970 UTC); without windows always."""
        if not self._windows:
            return True
        day, minute = divmod((wall_us + self._offset_us) // 60_000_000, DAY_MINUTES)
        return any(window.covers((day + EPOCH_WEEKDAY) % 7, minute) for window in self._windows)


def parse_window(text: str) -> Window:
    """The window that `text` says: days (`mon`, `mon-fri`, `sat,sun`, `daily`), a space, `HH:MM-HH:MM`. Raises SpecError."""
    days, _, times = text.strip().partition(" ")
    start, _, end = times.strip().partition("-")
    window = Window(_days(days, text), _minute(start, text), _minute(end, text))
    if window.start == window.end or window.start == DAY_MINUTES:
        raise _refusal(text)
    return window


def _days(words: str, text: str) -> frozenset[int]:
    if words == EVERY_DAY:
        return frozenset(range(7))
    found: set[int] = set()
    for part in words.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise _refusal(text)
        begin = DAYS.index(first)
        span = (DAYS.index(last) - begin) % 7 if dash else 0
        found |= {(begin + step) % 7 for step in range(span + 1)}
    return frozenset(found)


def _minute(words: str, text: str) -> int:
    match = _TIME.fullmatch(words.strip())
    minute = int(match[1]) * 60 + int(match[2]) if match is not None else DAY_MINUTES + 1
    if minute > DAY_MINUTES:
        raise _refusal(text)
    return minute


def _refusal(text: str) -> SpecError:
    return SpecError(
        f"schedule window {text!r} refused: write days and times as `mon-fri 07:00-22:00`, `sat,sun 00:00-24:00` or `daily 22:00-06:00`"
    )
