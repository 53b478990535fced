"""One device as a node knows it: what people say of it (its card), and what its messages say of it.

Owns the arithmetic of its pace and its battery. Refuses nothing and reads no clock: times are given. Called by the registry and, for every
reading, by node/ingest/intake.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum

from node.ingest.sink import Reading

QUANTITIES_MAX = 64
"""Quantities of one device whose last value is remembered."""
BATTERY_NAMES = frozenset({"battery", "batterylevel", "battery_level", "battery_percent", "batt", "bat", "soc"})
"""Last parts of the names of quantities that tell, by themselves, how full a battery is."""
BATTERY_UNIT = "%EL"
"""Remaining energy in per cent, in the registry of SenML units (RFC 8428, section 12.1)."""
RATIO_UNIT = "/"
GAP_SHARE, SPREAD_SHARE, SPREADS = 1 / 8, 1 / 4, 4
"""How a gap is learnt: the smoothed mean and deviation of RFC 6298, section 2."""
GAPS_LEAST = 12
"""Gaps that make a learnt period count."""
GAP_GROWTH_MAX = 4.0
"""A gap counts at most as so many periods, so that one outage does not make a device slow for good."""
RATE_WINDOW_S = 300.0
"""Over about how long the rate is smoothed."""
RATE_LEAST = 1e-4
"""Messages per minute; less is shown as none."""
MINUTE_S = 60.0


class Admission(Enum):
    """Whether the readings of a device are taken."""

    ADMITTED = "admitted"
    WAITING = "waiting"
    REFUSED = "refused"
    RETIRED = "retired"
    """It was taken down; what still speaks in its name is refused."""


@dataclass(frozen=True, slots=True)
class Card:
    """What people say of a device."""

    territory: str
    kind: str = ""
    profile: str = ""
    """Name of the profile by which its messages are read."""
    owner: str = ""
    user: str = ""
    """User name with which it must log in; empty: any."""
    certificate: str = ""
    """Common name of the certificate that it must show; empty: any."""
    longitude: float | None = None
    """Degrees, CGCS2000."""
    latitude: float | None = None
    address: str = ""
    installed: str = ""
    """Day, ISO 8601; empty when it is not known."""
    period_s: float = 0.0
    """Seconds between two messages in order; 0: as its profile says, else as it is learnt."""


@dataclass(slots=True)
class Pace:
    """How often a device speaks, learnt from the gaps between its messages."""

    gap_us: float = 0.0
    spread_us: float = 0.0
    gaps: int = 0

    def learn(self, gap_us: float) -> None:
        """Take one gap."""
        if self.gaps:
            gap_us = min(gap_us, GAP_GROWTH_MAX * (self.gap_us + SPREADS * self.spread_us))
            self.spread_us += SPREAD_SHARE * (abs(gap_us - self.gap_us) - self.spread_us)
            self.gap_us += GAP_SHARE * (gap_us - self.gap_us)
        else:
            self.gap_us, self.spread_us = gap_us, gap_us / 2
        self.gaps += 1

    @property
    def period_us(self) -> float:
        """Within which the next message is due; 0 while too few gaps were seen."""
        return self.gap_us + SPREADS * self.spread_us if self.gaps >= GAPS_LEAST else 0.0


@dataclass(slots=True)
class Device:
    """One device."""

    name: str
    card: Card
    protocol: str
    state: Admission
    first_seen_us: int
    """0 while it was never heard of by itself, only entered by people."""
    last_seen_us: int
    state_since_us: int = 0
    decided_by: str = ""
    """Who brought it into its state; empty for the node itself."""
    resource: str = ""
    """Where its readings went last."""
    pace: Pace = field(default_factory=Pace)
    battery: float | None = None
    """Per cent; None when it never told."""
    battery_at_us: int = 0
    silent_since_us: int = 0
    """When it was found silent; 0 while it speaks."""
    outage: str = ""
    """The group alarm that its silence is part of; empty for one of its own."""
    readings: int = 0
    """Readings taken since this process started."""
    messages: int = 0
    rate: float = 0.0
    """Messages per minute, smoothed."""
    values: dict[str, tuple[Reading, str]] = field(default_factory=dict)
    """The newest reading of each quantity with its resource, bounded."""
    _battery_quantity: str | None = None
    """The quantity that tells the battery; None until one was met."""
    _rated: int = 0
    _quiet_s: float = -1.0
    """How long no message came, as far as `pass_time` was told; below 0 before the first message."""

    def take(self, reading: Reading, *, resource: str, battery: str, is_new_message: bool, now_us: int) -> bool:
        """A reading of it was taken; `battery` is the quantity that its profile names, empty for none. Called for every reading: cheap.

        True when its time is not after that of the last reading of its quantity: it may have been sent before.
        """
        self.readings += 1
        if is_new_message:
            self.messages += 1
            self.resource = resource
        quantity = reading.quantity
        last = self.values.get(quantity)
        if last is not None:
            self.values[quantity] = (reading, resource)
        elif len(self.values) < QUANTITIES_MAX:
            self.values[quantity] = (reading, resource)
            if quantity == battery or (not battery and _is_battery(quantity, reading.unit)):
                self._battery_quantity = quantity
        if quantity == self._battery_quantity and reading.value is not None:
            self.battery = min(100.0, max(0.0, reading.value * 100 if reading.unit == RATIO_UNIT else reading.value))
            self.battery_at_us = now_us
        return last is not None and reading.event_time_us <= last[0].event_time_us

    def forget(self, quantity: str) -> bool:
        """Drop the last value of a quantity, and what it told of the battery; True when that was known."""
        self.values.pop(quantity, None)
        if quantity != self._battery_quantity:
            return False
        self._battery_quantity, self.battery, self.battery_at_us = None, None, 0
        return True

    def pass_time(self, elapsed_s: float) -> None:
        """Smooth the rate over the seconds since the last call, and learn the gap that a message ended."""
        if elapsed_s <= 0:
            return
        if self._quiet_s >= 0:
            self._quiet_s += elapsed_s
        if self.messages != self._rated:
            if self._quiet_s > 0:
                self.pace.learn(self._quiet_s * 1e6)
            self._quiet_s = 0.0
        share = 1 - math.exp(-elapsed_s / RATE_WINDOW_S)
        self.rate += share * ((self.messages - self._rated) * MINUTE_S / elapsed_s - self.rate)
        self._rated = self.messages
        if self.rate < RATE_LEAST:
            self.rate = 0.0

    def period_us(self, profile_s: float) -> float:
        """Within which its next message is due: by its card, else by its profile, else as learnt; 0 when nothing is known."""
        return self.card.period_s * 1e6 or profile_s * 1e6 or self.pace.period_us


def _is_battery(quantity: str, unit: str | None) -> bool:
    return unit == BATTERY_UNIT or quantity.rpartition(".")[2].casefold() in BATTERY_NAMES
