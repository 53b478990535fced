"""What a sensor's series can be alarmed about, the limits it is held to, and the alarm itself.

Pure values. Made by bank.py, said in words by whoever shows them: an alarm carries its numbers, never a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class AlarmKind(Enum):
    """What is wrong with a series."""

    RANGE = "range"
    RATE = "rate"
    STUCK = "stuck"
    GAP = "gap"
    LEVEL = "level"
    JUMP = "jump"
    DRIFT = "drift"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What counts as wrong whatever the past was; None switches a rule off. Values in the sensor's unit."""

    low: float | None = None
    high: float | None = None
    hysteresis: float = 0.0
    """How far inside the range a value must come back before the range alarm ends."""
    rate_per_hour_max: float | None = None
    """Largest believable change per hour, up or down; the alarm ends below half of it."""
    stuck_s: float | None = None
    """Seconds of exactly equal values after which the sensor counts as stuck."""
    gap_s: float | None = None
    """Seconds without a reading that count as a gap."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One rule began or ceased to hold for a series."""

    series: int
    """Row of the series in its bank; of a group, the number of the group."""
    kind: AlarmKind
    active: bool
    time_us: int
    value: float
    facts: Mapping[str, float]
    """The numbers that raised or ended it, by the names that the kind's sentence uses."""
