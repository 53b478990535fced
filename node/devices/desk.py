"""The registry as people see it and change it: lists, one device whole, sheets of devices, and those that are taken down.

Owns what a device looks like on screens and to programs. Refuses rows of a sheet that do not fit this node, each with its reason. A value
that a device measured is shown only where its record is shown to whoever asks. Called by the API.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from node.clock import Clock
from node.devices.errors import DeviceUnknown
from node.ingest.device import Admission, Card, Device
from node.ingest.devices import DEVICES_MAX, DeviceRegistry
from node.ingest.fields import is_plain
from node.ingest.profiles import Profile
from sync.model import MICROSECONDS, TERRITORY_DIGITS, code_contains

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """A row of an import that does not fit."""

    index: int
    column: str
    why: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What an import comes to."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    same: int
    faults: tuple[Fault, ...]
    cards: tuple[tuple[str, Card], ...]
    """Of those added and changed."""

    def encoded(self) -> Plain:
        """For the API."""
        faults = [{"index": each.index, "column": each.column, "why": each.why} for each in self.faults]
        return {"added": list(self.added), "changed": list(self.changed), "same": self.same, "problems": faults}


@dataclass(slots=True)
class DeviceDesk:
    """One node's registry for its people."""

    me: str
    territory: str
    registry: DeviceRegistry
    profile: Callable[[str], Profile | None]
    shown_up_to: Callable[[str], int]
    """Up to which grade values of a resource are shown to whoever asks without a reason; 0: none."""
    waiting: Callable[[], Mapping[str, int]]
    """Commands that wait, by device."""
    clock: Clock

    # ---- showing

    def newest(self, limit: int) -> list[Plain]:
        """Devices, last seen first."""
        return self._lines(self.registry.newest(limit))

    def page(self, after: str, limit: int) -> list[Plain]:
        """Devices by name, with their cards."""
        return [line | _card(device) for device, line in self._both(self.registry.page(after, limit))]

    def shown(self, name: str) -> Plain:
        """One device whole. Raises DeviceUnknown."""
        device = self.device(name)
        (line,) = self._lines([device])
        now_us = self.clock.wall_us()
        values = {
            quantity: {
                "value": reading.value if reading.text is None else reading.text,
                "unit": reading.unit,
                "age_s": max(0.0, (now_us - reading.event_time_us) / MICROSECONDS),
            }
            for quantity, (reading, resource) in device.values.items()
            if reading.grade <= self.shown_up_to(resource)
        }
        return line | _card(device) | {"values": values, "values_hidden": len(device.values) - len(values)}

    def device(self, name: str) -> Device:
        """A device by its name. Raises DeviceUnknown."""
        device = self.registry.known(name)
        if device is None:
            raise DeviceUnknown(f"device {name!r} is not known here: `yunnao device` lists those that are")
        return device

    def counts(self) -> Plain:
        """Devices by state, and how many are silent."""
        counts: dict[str, int] = {state.value: 0 for state in Admission}
        for device in self.registry:
            counts[device.state.value] += 1
        return counts | {"silent": sum(bool(device.silent_since_us) for device in self.registry)}

    def _both(self, devices: Sequence[Device]) -> Iterable[tuple[Device, Plain]]:
        return zip(devices, self._lines(devices), strict=True)

    def _lines(self, devices: Sequence[Device]) -> list[Plain]:
        now_us, waiting = self.clock.wall_us(), self.waiting()
        periods_s = {name: self._period_s(name) for name in {device.card.profile for device in devices}}
        return [
            self._line(device, now_us, periods_s[device.card.profile]) | {"commands": waiting.get(device.name, 0)} for device in devices
        ]

    def _period_s(self, profile: str) -> float:
        found = self.profile(profile)
        return (found.period_s if found is not None else None) or 0.0

    def _line(self, device: Device, now_us: int, profile_s: float) -> Plain:
        period_us = device.period_us(profile_s)
        return {
            "device": device.name,
            "kind": device.card.kind,
            "profile": device.card.profile,
            "protocol": device.protocol,
            "owner": device.card.owner,
            "territory": device.card.territory,
            "state": device.state.value,
            "last_seen_us": device.last_seen_us,
            "age_s": max(0.0, (now_us - device.last_seen_us) / MICROSECONDS) if device.last_seen_us else None,
            "readings": device.readings,
            "rate": round(device.rate, 3),
            "period_s": round(period_us / MICROSECONDS, 1) or None,
            "battery": device.battery,
            "silent_s": max(0.0, (now_us - device.silent_since_us) / MICROSECONDS) if device.silent_since_us else None,
        }

    # ---- changing

    def decide(self, name: str, *, admit: bool, owner: str, by: str) -> bool:
        """An operator's decision on a device; False when no device of that name was met."""
        return self.registry.decide(name, admit=admit, now_us=self.clock.wall_us(), owner=owner, by=by) is not None

    def retire(self, name: str, *, by: str) -> None:
        """A device was taken down. Raises DeviceUnknown."""
        self.device(name)
        self.registry.retire(name, by=by, now_us=self.clock.wall_us())

    def judge(self, entries: Sequence[Mapping[str, object]]) -> Judged:
        """What a sheet would change; a row sets the columns that it has. Raises nothing: what does not fit is a fault."""
        faults: list[Fault] = []
        cards: dict[str, Card] = {}
        same = 0
        for index, entry in enumerate(entries):
            name, fault = str(entry["device"]), self._fault(index, entry)
            if fault is not None:
                faults.append(fault)
                continue
            known = self.registry.known(name)
            card = _with(known.card if known is not None else Card(self.territory), entry)
            if known is not None and known.card == card and known.state is not Admission.WAITING:
                same += 1
            else:
                cards[name] = card
        new = [name for name in cards if self.registry.known(name) is None]
        if len(self.registry) + len(new) > DEVICES_MAX:
            room = max(0, DEVICES_MAX - len(self.registry))
            faults.append(Fault(0, "device", f"{len(new)} new devices, and this node has room for {room}: enter the others elsewhere"))
        added = frozenset(new)
        return Judged(tuple(new), tuple(name for name in cards if name not in added), same, tuple(faults), tuple(cards.items()))

    def enter(self, judged: Judged, *, by: str) -> None:
        """Take what was judged, durable on return. Raises RegistryFull, sqlite3.Error."""
        self.registry.enter(judged.cards, by=by, now_us=self.clock.wall_us())
        self.registry.save()

    def _fault(self, index: int, entry: Mapping[str, object]) -> Fault | None:
        territory, profile = entry.get("territory"), entry.get("profile")
        if not is_plain(str(entry["device"])):
            return Fault(index, "device", "holds < > [ ] or characters that are not seen: name it in plain letters, as it speaks")
        given = [key for key in ("longitude", "latitude") if key in entry]
        if len(given) == 1:
            return Fault(index, given[0], "stands alone: give both degrees or neither")
        if isinstance(territory, str) and not (len(territory) in TERRITORY_DIGITS and code_contains(self.territory, territory)):
            return Fault(index, "territory", f"is no territory inside this node's {self.territory}: enter the device at its own node")
        if isinstance(profile, str) and profile and self.profile(profile) is None:
            return Fault(index, "profile", "is no profile of this node: leave it empty, and the first message decides")
        return None


def _with(card: Card, entry: Mapping[str, object]) -> Card:
    """A card with what a row sets; an emptied coordinate is none."""
    given: dict[str, Any] = {key: value for key, value in entry.items() if key != "device"}
    for key in ("longitude", "latitude"):
        if given.get(key) == "":
            given[key] = None
    return replace(card, **given)


def _card(device: Device) -> Plain:
    card = device.card
    return {
        "user": card.user, "certificate": card.certificate, "longitude": card.longitude, "latitude": card.latitude,
        "address": card.address, "installed": card.installed, "state_since_us": device.state_since_us, "decided_by": device.decided_by,
        "first_seen_us": device.first_seen_us, "resource": device.resource, "outage": bool(device.outage),
        "card_period_s": card.period_s or None, "battery_at_us": device.battery_at_us or None,
    }  # fmt: skip
