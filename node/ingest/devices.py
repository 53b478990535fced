"""The device registry of a node: who may speak, who waits for admission, and what each device said last.

Bounded; a device beyond the bound is refused and counted. State and owner survive restarts in `devices.db`; last values do not. Called by
node/ingest/intake.py for every reading and by the API for `devices`. Registry rows (resource device-registry) leave through `take_changes`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from sqlite_utils import Database

from node.ingest.sink import Row

DEVICES_MAX = 20_000
"""Devices a node knows, the waiting ones included."""
WAITING_MAX = 2_000
"""Devices that may wait for admission at once."""
QUANTITIES_MAX = 64
"""Quantities of one device whose last value is remembered."""
REGISTRY_GRADE = 2
"""Grade of a registry row, L2 in the catalogue."""


class Admission(Enum):
    """Whether the readings of a device are taken."""

    ADMITTED = "admitted"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(slots=True)
class Device:
    """One device as the node knows it."""

    name: str
    territory: str
    kind: str
    protocol: str
    owner: str
    state: Admission
    first_seen_us: int
    last_seen_us: int
    readings: int = 0
    """Readings taken since this process started."""
    values: dict[str, float | str | None] = field(default_factory=dict)
    """Last value or text by quantity, bounded."""


class DeviceRegistry:
    """All devices of a node."""

    def __init__(self, path: Path | str, *, admit_unknown: bool) -> None:
        self._admit_unknown = admit_unknown
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        columns = {
            "name": str,
            "territory": str,
            "kind": str,
            "protocol": str,
            "owner": str,
            "state": str,
            "first_seen_us": int,
            "last_seen_us": int,
        }
        Database(self._connection).table("devices").create(columns, pk="name", if_not_exists=True)
        self._devices = {device.name: device for device in self._load()}
        self._waiting = sum(device.state is Admission.WAITING for device in self._devices.values())
        self._changed: dict[str, Device] = {}
        self._unsaved: dict[str, Device] = {}

    def __len__(self) -> int:
        return len(self._devices)

    def _load(self) -> list[Device]:
        rows = self._connection.execute(
            "SELECT name, territory, kind, protocol, owner, state, first_seen_us, last_seen_us FROM devices LIMIT ?", (DEVICES_MAX,)
        )
        return [
            Device(name, territory, kind, protocol, owner, Admission(state), first, last)
            for name, territory, kind, protocol, owner, state, first, last in rows
        ]

    def known(self, name: str) -> Device | None:
        """The device `name` if it was met."""
        return self._devices.get(name)

    def meet(self, name: str, *, territory: str, kind: str, protocol: str, now_us: int) -> Device | None:
        """The device `name`, recorded on the first meeting; None when the registry or the admission list has no room for it."""
        known = self._devices.get(name)
        if known is not None:
            return known
        state = Admission.ADMITTED if self._admit_unknown else Admission.WAITING
        if len(self._devices) >= DEVICES_MAX or (state is Admission.WAITING and self._waiting >= WAITING_MAX):
            return None
        self._waiting += state is Admission.WAITING
        device = Device(name, territory, kind, protocol, "", state, now_us, now_us)
        self._devices[name] = device
        self._note(device)
        return device

    def decide(self, name: str, *, admit: bool, now_us: int, owner: str = "") -> Device | None:
        """Admit or refuse a device that was met; None when nobody of that name was."""
        device = self._devices.get(name)
        if device is None:
            return None
        self._waiting -= device.state is Admission.WAITING
        device.state = Admission.ADMITTED if admit else Admission.REFUSED
        device.owner = owner or device.owner
        device.last_seen_us = max(device.last_seen_us, now_us)
        self._note(device)
        return device

    def newest(self, limit: int, *, now_us: int) -> list[dict[str, object]]:
        """Devices as the API shows them, last seen first."""
        ordered = sorted(self._devices.values(), key=lambda device: device.last_seen_us, reverse=True)
        return [_shown(device, now_us) for device in ordered[:limit]]

    def take_changes(self, *, now_us: int) -> list[Row]:
        """Registry rows of the devices that appeared or changed state since the last call, in the order of the device-registry schema."""
        rows = [_registry_row(device, now_us) for device in self._changed.values()]
        self._changed = {}
        return rows

    def save(self) -> None:
        """Make changed devices durable; raises sqlite3.Error with nothing forgotten."""
        if not self._unsaved:
            return
        rows = [
            (
                device.name,
                device.territory,
                device.kind,
                device.protocol,
                device.owner,
                device.state.value,
                device.first_seen_us,
                device.last_seen_us,
            )
            for device in self._unsaved.values()
        ]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._unsaved = {}

    def close(self) -> None:
        """Save, with every last-seen time, and release the file."""
        self._unsaved = dict(self._devices)
        self.save()
        self._connection.close()

    def _note(self, device: Device) -> None:
        self._changed[device.name] = device
        self._unsaved[device.name] = device


def remember_value(device: Device, quantity: str, value: float | str | None) -> None:
    """Keep the last value of a quantity; quantities beyond the bound are not remembered."""
    if quantity in device.values or len(device.values) < QUANTITIES_MAX:
        device.values[quantity] = value


def _shown(device: Device, now_us: int) -> dict[str, object]:
    return {
        "device": device.name,
        "kind": device.kind,
        "protocol": device.protocol,
        "owner": device.owner,
        "state": device.state.value,
        "last_seen_us": device.last_seen_us,
        "age_s": max(0.0, (now_us - device.last_seen_us) / 1e6),
        "readings": device.readings,
        "values": dict(device.values),
    }


def _registry_row(device: Device, now_us: int) -> Row:
    return (
        now_us,
        device.territory,
        REGISTRY_GRADE,
        device.name,
        device.kind,
        device.protocol,
        device.owner,
        device.state.value,
        device.last_seen_us,
    )
