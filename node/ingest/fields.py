"""Checks that every decoder shares: names, numbers and times from devices, with their bounds."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from node.ingest.errors import DecodeError
from node.ingest.profiles import Profile, TimeUnit
from sync.model import TERRITORY_DIGITS, code_contains

NAME_CHARS_MAX = 256
"""Characters of a device or quantity name."""
TEXT_CHARS_MAX = 4_096
"""Characters of a text value."""
UNIT_CHARS_MAX = 32
"""Characters of a unit."""
READINGS_PER_MESSAGE_MAX = 1_000
"""Readings one message may carry."""
_MARKUP = frozenset("<>[]")
"""What begins markup in a browser or a terminal console."""
EVENT_TIME_US_MAX = 4_102_444_800_000_000
"""2100-01-01; event times lie between 1970 and this."""


def event_time(raw: object, *, unit: TimeUnit, utc_offset_minutes: int, received_us: int) -> int:
    """Microseconds since 1970 of a message's time field: absent, a number of `unit`, or ISO 8601 text; raises DecodeError."""
    if raw is None:
        return received_us
    if isinstance(raw, str):
        time_us = _iso_us(raw, utc_offset_minutes)
    elif isinstance(raw, bool) or not isinstance(raw, int | float):
        raise DecodeError("bad_time", f"time is {type(raw).__name__}: send a number or ISO 8601 text")
    else:
        time_us = checked_time_us(raw * unit)
    return time_us


def checked_time_us(time_us: float) -> int:
    """`time_us` as a whole number inside the bounds; raises DecodeError."""
    if not 0 <= time_us <= EVENT_TIME_US_MAX:
        raise DecodeError("time_out_of_range", f"time {time_us!r} us since 1970 lies outside 1970-2100")
    return round(time_us)


@lru_cache(maxsize=1_024)
def _iso_us(text: str, utc_offset_minutes: int) -> int:
    try:
        moment = datetime.fromisoformat(text[:64])
    except ValueError:
        raise DecodeError("bad_time", f"time {text[:64]!r} is not ISO 8601") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone(timedelta(minutes=utc_offset_minutes)))
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return checked_time_us(since // timedelta(microseconds=1))


def checked_name(name: object, *, what: str) -> str:
    """`name` as a device or quantity name; raises DecodeError. Markup, control characters and what is not seen are refused."""
    if not isinstance(name, str) or not name:
        raise DecodeError(f"no_{what}", f"{what} must be text of 1 to {NAME_CHARS_MAX} characters")
    if len(name) > NAME_CHARS_MAX:
        raise DecodeError(f"{what}_too_long", f"{what} of {len(name)} characters; at most {NAME_CHARS_MAX}")
    if not is_plain(name):
        raise DecodeError(f"bad_{what}", f"{what} {name[:60]!r} holds < > [ ] or characters that are not seen: name it in plain letters")
    return name


@lru_cache(maxsize=16_384)
def is_plain(name: str) -> bool:
    """True when a name has some length and neither markup nor unseen characters. Remembered: the door asks for every message."""
    return 0 < len(name) <= NAME_CHARS_MAX and name.isprintable() and _MARKUP.isdisjoint(name)


def checked_text(text: str) -> str:
    """`text` as a text value; raises DecodeError when it is too long."""
    if len(text) > TEXT_CHARS_MAX:
        raise DecodeError("text_too_long", f"text of {len(text)} characters; at most {TEXT_CHARS_MAX}")
    return text


def checked_number(value: float) -> float:
    """`value` as a finite float; raises DecodeError."""
    try:
        number = float(value)
    except OverflowError:
        raise DecodeError("bad_value", "a whole number beyond the range of float64") from None
    if not math.isfinite(number):
        raise DecodeError("bad_value", f"value {number} is not finite")
    return number


def checked_unit(unit: str) -> str:
    """`unit` as a unit; raises DecodeError when it is too long."""
    if len(unit) > UNIT_CHARS_MAX:
        raise DecodeError("unit_too_long", f"unit of {len(unit)} characters; at most {UNIT_CHARS_MAX}")
    return unit


def checked_territory(named: str | None, profile: Profile) -> str:
    """The territory of a reading: the profile's, or a part of it that the message names; raises DecodeError."""
    if named is None or named == profile.territory:
        return profile.territory
    is_code = named.isascii() and named.isdigit() and len(named) in TERRITORY_DIGITS
    if not is_code or not code_contains(profile.territory, named):
        raise DecodeError("foreign_territory", f"territory {named[:20]!r} is not inside {profile.territory} of profile {profile.name}")
    return named


def device_of_topic(profile: Profile, topic: str) -> str:
    """The device that `topic` names at the profile's level; raises DecodeError."""
    level = profile.device_level
    assert level is not None, "call only for profiles whose topic names the device"
    levels = topic.split("/")
    if level >= len(levels):
        raise DecodeError("no_device", f"topic has {len(levels)} levels and profile {profile.name} names the device at level {level}")
    return checked_name(levels[level], what="device")
