"""What one rule says of one reading of each of several series. Pure values, passed from the rules to bank.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_ai.sensors.alarms import Alarm, AlarmKind
from edge_ai.sensors.table import Bools


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Arrays of one length; where neither holds, an alarm stays as it is."""

    kind: AlarmKind
    on: Bools
    """Where the rule is broken."""
    off: Bools
    """Where the series is well inside it again."""
    facts: Mapping[str, np.ndarray]
    """The numbers behind it."""

    def alarm(self, index: int, series: int, time_us: int, value: float) -> Alarm:
        """The alarm that `index` of the arrays makes."""
        facts = {name: float(numbers[index]) for name, numbers in self.facts.items()}
        return Alarm(series, self.kind, bool(self.on[index]), time_us, value, facts)
