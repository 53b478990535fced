"""Range, rate, stuck and gap: what is wrong with a reading whatever the series usually is. The first line for gas, water and air.

Pure, vectorised over series. Called by bank.py with at most one reading of each series at a time, in time order.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from edge_ai.sensors.alarms import AlarmKind, Limits
from edge_ai.sensors.table import Floats, Ints, Records, Table
from edge_ai.sensors.verdict import Verdict

HOUR_US = 3_600_000_000
SECOND_US = 1_000_000
NEVER_US = 1 << 62
FIELDS = (
    ("low", "f8"), ("high", "f8"), ("slack", "f8"), ("rate_max", "f8"), ("stuck_us", "i8"), ("gap_us", "i8"),
    ("seen", "?"), ("time_us", "i8"), ("value", "f8"), ("same_since_us", "i8"),
)  # fmt: skip


REMEMBERED = frozenset({"seen", "time_us", "value", "same_since_us"})
"""What of a record is the past; the rest are limits."""


class Rules:
    """The limits of every series, and the last reading that they are compared with."""

    def __init__(self) -> None:
        self.table = Table(FIELDS)

    def add(self, limits: Limits) -> None:
        """Another series, not seen yet."""
        self.table.add(
            low=-inf if limits.low is None else limits.low,
            high=inf if limits.high is None else limits.high,
            slack=limits.hysteresis,
            rate_max=inf if limits.rate_per_hour_max is None else limits.rate_per_hour_max,
            stuck_us=NEVER_US if limits.stuck_s is None else round(limits.stuck_s * SECOND_US),
            gap_us=NEVER_US if limits.gap_s is None else round(limits.gap_s * SECOND_US),
        )

    def read(self, rows: Ints, times_us: Ints, values: Floats) -> list[Verdict]:
        """Take a newer reading of each of `rows`."""
        own = self.table.take(rows)
        seen, last, last_us = own["seen"].copy(), own["value"].copy(), own["time_us"].copy()
        own["same_since_us"] = np.where(seen & (last == values), own["same_since_us"], times_us)
        own["seen"], own["time_us"], own["value"] = True, times_us, values
        self.table.put(rows, own)
        silent_us = times_us - last_us
        per_hour = np.where(seen, (values - last) * (HOUR_US / np.maximum(silent_us, 1)), 0.0)
        gap = Verdict(AlarmKind.GAP, np.zeros(len(rows), bool), seen, {"silent_s": silent_us / SECOND_US})
        return [_range(own, values), gap, _rate(own, per_hour, last), _stuck(own, times_us)]

    def restore(self, row: int, state: Mapping[str, float]) -> None:
        """Put back the last reading; the limits stay those of today. Raises KeyError, ValueError or TypeError when it is not `state`."""
        self.table.restore(row, {name: state[name] if name in REMEMBERED else held for name, held in self.table.state(row).items()})

    def silent(self, now_us: int) -> tuple[Ints, Verdict]:
        """The series of which nothing came for too long by `now_us`."""
        own = self.table.everything()
        silent_us = now_us - own["time_us"]
        rows = np.flatnonzero(own["seen"] & (silent_us >= own["gap_us"]))
        limit_us = own["gap_us"][rows]
        facts = {"since_us": own["time_us"][rows] + limit_us, "limit_s": limit_us / SECOND_US, "last": own["value"][rows]}
        return rows, Verdict(AlarmKind.GAP, np.ones(len(rows), bool), np.zeros(len(rows), bool), facts)


def _range(own: Records, values: Floats) -> Verdict:
    low, high, slack = own["low"], own["high"], own["slack"]
    outside = (values < low) | (values > high)
    return Verdict(AlarmKind.RANGE, outside, (values >= low + slack) & (values <= high - slack), {"low": low, "high": high})


def _rate(own: Records, per_hour: Floats, last: Floats) -> Verdict:
    limit, size = own["rate_max"], np.abs(per_hour)
    return Verdict(AlarmKind.RATE, size > limit, size <= limit / 2, {"before": last, "per_hour": per_hour, "limit": limit})


def _stuck(own: Records, times_us: Ints) -> Verdict:
    same_us = times_us - own["same_since_us"]
    facts = {"same_s": same_us / SECOND_US, "limit_s": own["stuck_us"] / SECOND_US}
    return Verdict(AlarmKind.STUCK, same_us >= own["stuck_us"], same_us == 0, facts)
