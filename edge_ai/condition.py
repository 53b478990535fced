"""A sensor's word in a picture's rule: `METRIC of DEVICE > VALUE`, and the port where the newest values come in.

Pure. A value that is unknown or old makes no condition true. Called by edge_ai/rule_spec.py for its bounds, by edge_ai/rules, and by
whoever feeds the values.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

from edge_ai.errors import SpecError
from edge_ai.wire.states import Value
from sync.model import Instant

VALUE_AGE_S_MAX = 900.0
"""Seconds after which a value says nothing any more: three periods of a sensor that reports each five minutes."""
VALUES_MAX = 4_096
"""Values that are kept; the one unheard of longest goes first."""
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_FORM = re.compile(r"(?P<metric>\S{1,128}) of (?P<device>\S{1,128}) (?P<sign>>=|<=|>|<) (?P<bound>[-+.\deE]{1,32})")


class Values(Protocol):
    """Where the newest value of a device is looked up. Implementation: SensorValues."""

    def newest(self, device: str, metric: str, now: Instant) -> float | None:
        """The value, or None where none is known that still counts at `now`."""


class SensorValues:
    """The newest value of each device and metric, with the moment it came in."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], tuple[float, Instant]] = {}

    def hear(self, told: Value, now: Instant) -> None:
        """Note what the node tells, as of the moment when the device said it."""
        self.take(told.device, told.metric, told.value, now.plus(-told.age_s))

    def take(self, device: str, metric: str, value: float, now: Instant) -> None:
        """Note a value; one that is no number is left out."""
        if not isfinite(value):
            return
        self._values.pop((device, metric), None)
        self._values[device, metric] = (value, now)
        if len(self._values) > VALUES_MAX:
            del self._values[next(iter(self._values))]

    def newest(self, device: str, metric: str, now: Instant) -> float | None:
        """The value, unless it is older than VALUE_AGE_S_MAX."""
        value, at = self._values.get((device, metric), (None, now))
        return value if now.seconds_since(at) <= VALUE_AGE_S_MAX else None


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison with a constant."""

    metric: str
    device: str
    sign: str
    bound: float

    def holds(self, values: Values, now: Instant) -> bool:
        """True when the newest value is known, young enough and on the right side of the bound."""
        value = values.newest(self.device, self.metric, now)
        return value is not None and COMPARISONS[self.sign](value, self.bound)


def parse_condition(text: str) -> Condition:
    """The condition that `text` says; raises SpecError with the form."""
    match = _FORM.fullmatch(text.strip())
    try:
        if match is not None and isfinite(bound := float(match["bound"])):
            return Condition(match["metric"], match["device"], match["sign"], bound)
    except ValueError:
        match = None
    raise SpecError(f"condition {text!r} refused: write METRIC of DEVICE > VALUE, such as `water-level of gauge-7 > 0.3` (signs > >= < <=)")
