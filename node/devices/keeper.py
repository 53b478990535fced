"""Looks after the registry while a node runs: rates, when each device was heard, rows of those that go on speaking, and silences.

Owns the alarms about silence: who is silent is found by silence.py, and the sensor desk stores and holds the alarms like those about
readings. Called by the sensor desk, about once a second, on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.clock import Clock
from node.devices.silence import Change, Outage, SilenceWatch
from node.ingest.device import Device
from node.ingest.devices import DeviceRegistry
from node.sensor_alarms.alarm import DeviceAlarmKind, RaisedAlarm, SeriesKey
from sync.model import MICROSECONDS, Instant

LOOK_EVERY_S = 5.0
ROW_EVERY_US = 3_600_000_000
"""How often the row of a device that goes on speaking is told anew, microseconds: levels above see rate and battery of this age."""
SAVE_ROUND_US, SAVED_EVERY_US = 60_000_000, 600_000_000
"""How often devices whose last-seen time and pace are to be saved are chosen, and how old the saved ones may be: a crash costs so much."""
GRADE = 1
"""An alarm about silence quotes no reading; its resource decides."""


@dataclass(slots=True)
class DeviceKeeper:
    """One node's devices under care."""

    registry: DeviceRegistry
    clock: Clock
    watch: SilenceWatch
    me: str
    territory: str
    _looked: Instant | None = None
    _told: dict[str, int] = field(default_factory=dict)
    """By device when its row was told, wall clock."""
    _messages: dict[str, int] = field(default_factory=dict)
    _saved: dict[str, int] = field(default_factory=dict)
    """By device when it was chosen to be saved, monotonic."""
    _round: int = 0
    _held: dict[str, SeriesKey] = field(default_factory=dict)
    """By device how the alarm that holds is called: its readings may go elsewhere meanwhile."""

    def alarms(self) -> list[RaisedAlarm]:
        """Silences that began or ended since the last call."""
        now, before = self.clock.now(), self._looked
        if before is not None and now.seconds_since(before) < LOOK_EVERY_S:
            return []
        self._looked, wall_us = now, self.clock.wall_us()
        elapsed_s = now.seconds_since(before) if before is not None else 0.0
        is_round, self._round = now.us // SAVE_ROUND_US != self._round, now.us // SAVE_ROUND_US
        if is_round:
            self._forget_gone()
        for device in self.registry:
            self._tend(device, elapsed_s, wall_us)
            if is_round and device.messages:
                self._save(device, now.us)
        return [self._alarm(change, wall_us) for change in self.watch.look(self.registry, now_us=now.us, wall_us=wall_us)]

    def _tend(self, device: Device, elapsed_s: float, wall_us: int) -> None:
        """Cheap for a device that did not speak: there may be twenty thousand."""
        if not device.messages:
            return
        device.pass_time(elapsed_s)
        if self._messages.get(device.name, 0) == device.messages:
            return
        self._messages[device.name] = device.messages
        told_us = self._told.setdefault(device.name, wall_us)
        # A wall clock that was set back must not put a row off.
        if abs(wall_us - told_us) >= ROW_EVERY_US:
            self._told[device.name] = wall_us
            self.registry.note(device)

    def _forget_gone(self) -> None:
        """Devices that made room in the registry leave nothing here."""
        gone = [name for name in self._messages if self.registry.known(name) is None]
        for name in gone:
            for table in (self._told, self._messages, self._saved, self._held):
                table.pop(name, None)
        self.watch.forget(gone)

    def _save(self, device: Device, now_us: int) -> None:
        if now_us - self._saved.get(device.name, now_us - SAVED_EVERY_US) >= SAVED_EVERY_US:
            self._saved[device.name] = now_us
            self.registry.note_seen(device)

    def _alarm(self, change: Change, wall_us: int) -> RaisedAlarm:
        if isinstance(change.about, Outage):
            outage = change.about
            key = SeriesKey(outage.group.resource, outage.group.name, "")
            facts: dict[str, object] = {"count": change.count, "watched": change.watched}
            kind, began_us, value = DeviceAlarmKind.SILENT_GROUP, outage.since_us, float(change.count)
            territory = outage.group.territory or self.territory
        else:
            device = change.about
            key = self._key(device, is_active=change.is_active)
            # What held before a restart is told again without its figures: by the wall clock they are near enough.
            quiet_s = change.quiet_s or max(0, wall_us - device.last_seen_us) / MICROSECONDS
            period_s = change.period_s or device.period_us(self.watch.profile_s(device.card.profile)) / MICROSECONDS
            facts = {"quiet_s": round(quiet_s), "period_s": round(period_s)}
            kind, began_us, value = DeviceAlarmKind.SILENT, device.silent_since_us, quiet_s
            territory = device.card.territory
        at_us = began_us if change.is_active else wall_us
        return RaisedAlarm(key, kind, change.is_active, at_us, value, facts, territory, GRADE)

    def _key(self, device: Device, *, is_active: bool) -> SeriesKey:
        key = self._held.pop(device.name, SeriesKey(device.resource, device.name, ""))
        if is_active:
            self._held[device.name] = key
        return key


def keeper_of(registry: DeviceRegistry, clock: Clock, profile_s: Callable[[str], float], *, me: str, territory: str) -> DeviceKeeper:
    """A keeper for the registry; `profile_s` gives the period that a profile names, 0 for none."""
    return DeviceKeeper(registry, clock, SilenceWatch(profile_s, registry.note), me, territory)
