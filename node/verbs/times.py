"""Durations and moments as a person types them: `90s`, `24h`, `7d`, or an ISO 8601 time."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from node.verb import UsageError

UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9})([smhd])")


def duration_s(given: str) -> int:
    """Seconds of `30s`, `15m`, `24h` or `7d`; raises UsageError."""
    match = _DURATION.fullmatch(given)
    if match is None:
        raise UsageError(f"duration {given!r} refused: write a whole number and s, m, h or d, for example 24h")
    return int(match[1]) * UNITS_S[match[2]]


def moment_us(given: str, *, now_us: int) -> int:
    """Microseconds since 1970 UTC of `now`, of a duration ago (`24h`), or of an ISO 8601 time (UTC unless it says); raises UsageError."""
    if given == "now":
        return now_us
    if _DURATION.fullmatch(given):
        return now_us - duration_s(given) * 1_000_000
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise UsageError(f"time {given!r} refused: write 2026-05-01T08:00, 24h (ago) or now") from None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 1_000_000
