"""Range, rate, stuck and gap rules over one sensor series, each with hysteresis, each alarm saying why.

Pure: readings and time in, alarms out. First line for gas, water and air (EDGE_AI 3): no training, and nothing to explain away.
Called by tests today, and by the node's ingest once a sensor may raise an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AlarmKind(Enum):
    """What is wrong with a series."""

    RANGE = "range"
    RATE = "rate"
    STUCK = "stuck"
    GAP = "gap"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """What counts as wrong; None switches a rule off."""

    low: float | None = None
    high: float | None = None
    hysteresis: float = 0.0
    """How far inside the range a value must come back before the range alarm ends, in the sensor's unit."""
    rate_per_hour_max: float | None = None
    """Largest believable change per hour, up or down; the alarm ends below half of it."""
    stuck_s: float | None = None
    """Seconds of exactly equal values after which the sensor counts as stuck."""
    gap_s: float | None = None
    """Seconds without a reading that count as a gap."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One rule began or ceased to hold."""

    kind: AlarmKind
    active: bool
    time_us: int
    value: float
    why: str
    """In words with the numbers, for the operator."""


@dataclass(frozen=True, slots=True)
class _Reading:
    time_us: int
    value: float


class SensorWatch:
    """Watches one series. Readings must come in time order; one that is not newer than the last is ignored and counted."""

    def __init__(self, limits: WatchLimits) -> None:
        self._limits = limits
        self._last: _Reading | None = None
        self._unchanged_since_us = 0
        self._active: set[AlarmKind] = set()
        self.ignored = 0
        """Readings that were not newer than the one before."""

    @property
    def active(self) -> frozenset[AlarmKind]:
        """Alarms that hold now."""
        return frozenset(self._active)

    def read(self, time_us: int, value: float) -> list[Alarm]:
        """Take a reading; the alarms that begin or end with it."""
        last = self._last
        if last is not None and time_us <= last.time_us:
            self.ignored += 1
            return []
        now = _Reading(time_us, value)
        alarms = self._range(now)
        if last is None or last.value != value:
            self._unchanged_since_us = time_us
        if last is not None:
            alarms += self._gap_ends(now) + self._rate(last, now)
        alarms += self._stuck(now)
        self._last = now
        return alarms

    def tick(self, time_us: int) -> list[Alarm]:
        """Time passes without a reading: a gap may begin."""
        gap_s, last = self._limits.gap_s, self._last
        if gap_s is None or last is None or (silent_s := (time_us - last.time_us) / 1e6) < gap_s:
            return []
        return self._turn(AlarmKind.GAP, _Reading(time_us, last.value), on=True, why=f"no reading for {silent_s:.0f} s, limit {gap_s:g} s")

    def _range(self, now: _Reading) -> list[Alarm]:
        low, high, slack = self._limits.low, self._limits.high, self._limits.hysteresis
        if low is not None and now.value < low:
            return self._turn(AlarmKind.RANGE, now, on=True, why=f"{now.value:g} is below {low:g}")
        if high is not None and now.value > high:
            return self._turn(AlarmKind.RANGE, now, on=True, why=f"{now.value:g} is above {high:g}")
        back = (low is None or now.value >= low + slack) and (high is None or now.value <= high - slack)
        return self._turn(AlarmKind.RANGE, now, on=False, why=f"{now.value:g} is inside the range again") if back else []

    def _rate(self, last: _Reading, now: _Reading) -> list[Alarm]:
        limit = self._limits.rate_per_hour_max
        if limit is None:
            return []
        rate = (now.value - last.value) / ((now.time_us - last.time_us) / 3.6e9)
        if abs(rate) > limit:
            return self._turn(AlarmKind.RATE, now, on=True, why=f"{last.value:g} to {now.value:g} is {rate:+.3g} per hour, limit {limit:g}")
        return self._turn(AlarmKind.RATE, now, on=False, why=f"{rate:+.3g} per hour") if abs(rate) <= limit / 2 else []

    def _stuck(self, now: _Reading) -> list[Alarm]:
        limit_s = self._limits.stuck_s
        if limit_s is None:
            return []
        same_s = (now.time_us - self._unchanged_since_us) / 1e6
        if same_s >= limit_s:
            return self._turn(AlarmKind.STUCK, now, on=True, why=f"exactly {now.value:g} for {same_s:.0f} s, limit {limit_s:g} s")
        return self._turn(AlarmKind.STUCK, now, on=False, why="the value moves again") if same_s == 0 else []

    def _gap_ends(self, now: _Reading) -> list[Alarm]:
        return self._turn(AlarmKind.GAP, now, on=False, why="readings come again")

    def _turn(self, kind: AlarmKind, reading: _Reading, *, on: bool, why: str) -> list[Alarm]:
        if on is (kind in self._active):
            return []
        (self._active.add if on else self._active.discard)(kind)
        return [Alarm(kind, on, reading.time_us, reading.value, why)]
