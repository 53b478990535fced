"""What the configuration says of sensors: limits by resource, quantity and device, and groups. Pure; called by watcher.py and wiring.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_ai.sensors import Limits
from node.config.model import SensorGroupEntry, SensorLimitEntry
from node.sensor_alarms.alarm import SeriesKey


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one series, and how grave an alarm about them is."""

    limits: Limits
    severity: int


NO_BOUNDS = Bounds(Limits(), 0)


class LimitTable:
    """The configured limits; of several that fit a series the one that says most of it holds."""

    def __init__(self, entries: Sequence[SensorLimitEntry]) -> None:
        self._bounds = {(each.resource, each.quantity, each.device): _bounds(each) for each in entries}

    def of(self, key: SeriesKey) -> Bounds:
        """The bounds of a series: its own, those of its quantity, those of its device, those of its resource, or none."""
        for quantity, device in ((key.quantity, key.device), (key.quantity, ""), ("", key.device), ("", "")):
            if (found := self._bounds.get((key.resource, quantity, device))) is not None:
                return found
        return NO_BOUNDS


@dataclass(frozen=True, slots=True)
class Group:
    """Series that are watched together."""

    key: SeriesKey
    members: tuple[SeriesKey, ...]

    @classmethod
    def of(cls, entry: SensorGroupEntry) -> Group:
        """A configured group; its members are written `device/quantity`."""
        members = tuple(SeriesKey(entry.resource, *_halves(member)) for member in entry.members)
        return cls(SeriesKey(entry.resource, entry.name, ""), members)


def _halves(member: str) -> tuple[str, str]:
    device, _, quantity = member.rpartition("/")
    return device, quantity


def _bounds(entry: SensorLimitEntry) -> Bounds:
    limits = Limits(
        low=entry.low,
        high=entry.high,
        hysteresis=entry.hysteresis,
        rate_per_hour_max=entry.rate_per_hour_max,
        stuck_s=entry.stuck_s,
        gap_s=entry.gap_s,
    )
    return Bounds(limits, entry.severity)
