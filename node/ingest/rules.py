"""What a profile says of its quantities, applied to readings: units as sent become units as stored, the implausible is marked or refused.

A value outside its range never enters as a number: the reading stays, without a value, with what came as its text, so that a broken sensor
is seen and no sum is spoilt. Called by node/ingest/intake.py for profiles that are files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from node.ingest.errors import DecodeError
from node.ingest.sink import Reading
from node.ingest.units.ucum import UnitError, conversion

OUTSIDE = "outside"
"""How the text of a reading begins whose value was not plausible."""


@dataclass(frozen=True, slots=True)
class QuantityRule:
    """One quantity."""

    unit: str | None
    """What devices send when the message names no unit."""
    store: str | None
    """What is stored."""
    low: float | None = None
    """Least plausible value, in the stored unit."""
    high: float | None = None
    refuses: bool = False
    """True when a value outside refuses the whole message."""
    words: Mapping[str, str] = field(default_factory=dict)
    """The device's own words for units."""

    def applied(self, reading: Reading) -> Reading:
        """`reading` as it is stored; raises DecodeError."""
        sent = reading.unit or self.unit
        sent = self.words.get(sent, sent) if sent else sent
        store = self.store or sent
        value = reading.value
        if value is not None and sent and store and sent != store:
            value = _converted(value, sent, store, reading.quantity)
        if value is None or self._is_plausible(value):
            return reading._replace(value=value, unit=store)
        if self.refuses:
            raise DecodeError("out_of_range", f"{reading.quantity} = {value:g} {store or ''} lies outside {self._range()}")
        return reading._replace(value=None, text=f"{OUTSIDE} {self._range()}: {value:g}", unit=store)

    def _is_plausible(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def _range(self) -> str:
        return f"{'...' if self.low is None else f'{self.low:g}'} to {'...' if self.high is None else f'{self.high:g}'}"


@dataclass(frozen=True, slots=True)
class QuantityRules:
    """All quantities of a profile; those that it does not name are taken as they come."""

    by_name: Mapping[str, QuantityRule]

    def applied(self, readings: list[Reading]) -> list[Reading]:
        """`readings` as they are stored; raises DecodeError."""
        return [rule.applied(reading) if (rule := self.by_name.get(reading.quantity)) else reading for reading in readings]


def is_implausible(reading: Reading) -> bool:
    """True for a reading whose value was taken away because it lay outside its range."""
    return reading.value is None and reading.text is not None and reading.text.startswith(f"{OUTSIDE} ")


def _converted(value: float, sent: str, store: str, quantity: str) -> float:
    try:
        found = conversion(sent, store)(value)
    except UnitError as error:
        raise DecodeError("unit_does_not_convert", f"{quantity}: {error}; give its UCUM code under words in the profile") from None
    if not math.isfinite(found):
        raise DecodeError("bad_value", f"{quantity} = {value:g} {sent} is too large in {store}")
    return found
