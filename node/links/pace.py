"""How fast the node's links are and when they will have caught up, as `yunnao status --json` shows it. Called by links.py.

A link's `eta_s` is its backlog in bytes over the rate at which frames are acknowledged now, or over the tightest cap in force if that
is slower; null while nothing was measured.
"""

from __future__ import annotations

from sync.core.outbox import LinkPace
from sync.core.pacing import Cap

Plain = dict[str, object]

NOT_LINKED: Plain = {"rate_kbit_s": None, "window_bytes": 0, "in_flight_bytes": 0, "round_trip_ms": None, "caps": [], "eta_s": None}
"""The pace of a link that is down."""


def pace_facts(pace: LinkPace | None, *, backlog_bytes: int | None) -> Plain:
    """A link's pace as plain values; `backlog_bytes` is what waits for it, None where that is not counted."""
    if pace is None:
        return {**NOT_LINKED, "backlog_bytes": backlog_bytes}
    return {
        "rate_kbit_s": round(pace.rate_bytes_s * 8 / 1_000, 1) or None,
        "window_bytes": pace.window_bytes,
        "in_flight_bytes": pace.in_flight_bytes,
        "round_trip_ms": round(pace.round_trip_s * 1_000, 1) or None,
        "caps": [_cap_facts(cap) for cap in pace.caps],
        "backlog_bytes": backlog_bytes,
        "eta_s": eta_s(pace, backlog_bytes),
    }


def eta_s(pace: LinkPace, backlog_bytes: int | None) -> float | None:
    """Seconds until a backlog is through at the present pace; None when that cannot be said."""
    if backlog_bytes == 0:
        return 0.0
    rate = min([float(pace.rate_bytes_s), *(cap.bytes_s for cap in pace.caps)])
    return round(backlog_bytes / rate, 1) if backlog_bytes and rate else None


def _cap_facts(cap: Cap) -> Plain:
    words = [lane.word for lane in sorted(cap.lanes, key=lambda lane: lane.value)]
    return {"peer": cap.peer, "lanes": words, "window": f"{_time(cap.from_minute)}-{_time(cap.to_minute)}", "kbit_s": cap.kbit_s}


def _time(minute: int) -> str:
    return f"{minute // 60 % 24:02d}:{minute % 60:02d}"
