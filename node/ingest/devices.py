"""The device registry of a node: who may speak, who waits for admission, and what each device said last.

Bounded; a device beyond the bound is refused and counted, unless a retired one can make room. What people decided and entered, and how
often each device speaks, survive restarts in `devices.db`; last values do not. Called by node/ingest/intake.py for every reading, by
node/devices and by the API. Registry rows leave through `take_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from node.ingest.device import Admission, Card, Device, Pace
from node.ingest.device_file import COLUMNS, open_file
from node.ingest.errors import IngestError

DEVICES_MAX = 20_000
"""Devices a node knows, the waiting and the retired ones included."""
WAITING_MAX = 2_000
"""Devices that may wait for admission at once."""
SEEN_SAVED_MAX = 500
"""Devices whose last-seen time and pace one save takes along although nobody decided anything about them."""
MET_SAVED_MAX = 1_000
"""Newcomers that one save takes along: a flood of them must not keep the event loop from those that are known."""
CHANGES_TAKEN_MAX = 1_000
"""Rows that one call of `take_changes` gives, for the same reason."""

__all__ = ["DEVICES_MAX", "WAITING_MAX", "Admission", "Card", "Device", "DeviceRegistry", "RegistryFull"]


class RegistryFull(IngestError):
    """No room for the devices that are to be entered."""


class DeviceRegistry:
    """All devices of a node. Used on the event loop's thread."""

    def __init__(self, path: Path | str, *, admit_unknown: bool) -> None:
        self._admit_unknown = admit_unknown
        self._connection = open_file(path)
        self._devices = {device.name: device for device in self._load()}
        self._waiting = sum(device.state is Admission.WAITING for device in self._devices.values())
        self._retired = _by_retirement(self._devices.values())
        """Those that can make room, longest retired first: found without a look at all others, for whom every message of a flood asks."""
        self._changed: dict[str, Device] = {}
        self._unsaved: dict[str, Device] = {}
        self._met: dict[str, Device] = {}
        """Newcomers that are not saved."""
        self._seen: dict[str, Device] = {}
        self._gone: list[str] = []
        """Devices that made room and are in the file still."""
        self.on_state: Callable[[Device], None] = lambda device: None
        """Called with a device that came into another state. Set by node/devices."""
        self.met = 0
        """Devices that were recorded because they spoke, since this process started."""

    def __len__(self) -> int:
        return len(self._devices)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def known(self, name: str) -> Device | None:
        """The device `name` if it was met or entered."""
        return self._devices.get(name)

    def page(self, after: str, limit: int) -> list[Device]:
        """Devices by name, those after `after`."""
        return [self._devices[name] for name in sorted(name for name in self._devices if name > after)[:limit]]

    def newest(self, limit: int) -> list[Device]:
        """Devices, last seen first."""
        return sorted(self._devices.values(), key=lambda device: device.last_seen_us, reverse=True)[:limit]

    # ---- what becomes of devices

    def meet(self, name: str, *, territory: str, kind: str, protocol: str, now_us: int) -> Device | None:
        """The device `name`, recorded on the first meeting; None when the registry or the admission list has no room for it.

        `kind` is the name of the profile that read it.
        """
        known = self._devices.get(name)
        if known is not None:
            return known
        state = Admission.ADMITTED if self._admit_unknown else Admission.WAITING
        if (state is Admission.WAITING and self._waiting >= WAITING_MAX) or not self._has_room_for(1):
            return None
        self._waiting += state is Admission.WAITING
        card = Card(territory, kind=kind, profile=kind)
        device = Device(name, card, protocol, state, now_us, now_us, state_since_us=now_us)
        self._devices[name] = self._changed[name] = self._met[name] = device
        self.met += 1
        return device

    def enter(self, cards: Iterable[tuple[str, Card]], *, by: str, now_us: int) -> None:
        """Enter devices before they speak, or change the cards of those that are known; a device that waited is admitted.

        Raises RegistryFull with nothing entered.
        """
        wanted = dict(cards)
        new = [name for name in wanted if name not in self._devices]
        if not self._has_room_for(len(new)):
            raise RegistryFull(
                f"{len(new)} new devices refused: {len(self._devices)} are known and a node knows at most {DEVICES_MAX}; "
                "retire those that are gone, or enter them at another node"
            )
        for name, card in wanted.items():
            known = self._devices.get(name)
            if known is None:
                known = self._devices[name] = Device(name, card, "", Admission.WAITING, 0, 0)
                self._waiting += 1
            known.card = card
            self.note(known)
            if known.state is Admission.WAITING:
                self._put(known, Admission.ADMITTED, by=by, now_us=now_us)

    def decide(self, name: str, *, admit: bool, now_us: int, owner: str = "", by: str = "") -> Device | None:
        """Admit or refuse a device that was met; None when nobody of that name was."""
        device = self._devices.get(name)
        if device is None:
            return None
        if owner:
            device.card = replace(device.card, owner=owner)
        self._put(device, Admission.ADMITTED if admit else Admission.REFUSED, by=by, now_us=now_us)
        return device

    def retire(self, name: str, *, by: str, now_us: int) -> Device | None:
        """A device was taken down; None when nobody of that name was met."""
        device = self._devices.get(name)
        if device is not None:
            self._put(device, Admission.RETIRED, by=by, now_us=now_us)
        return device

    def _put(self, device: Device, state: Admission, *, by: str, now_us: int) -> None:
        self._waiting += (state is Admission.WAITING) - (device.state is Admission.WAITING)
        if device.state is not state:
            device.state, device.state_since_us, device.decided_by = state, now_us, by
            self._retired.pop(device.name, None)
            if state is Admission.RETIRED:
                self._retired[device.name] = device
        self.note(device)
        self.on_state(device)

    def _has_room_for(self, count: int) -> bool:
        """True when so many more fit; retired devices, the longest retired first, make room."""
        lacking = len(self._devices) + count - DEVICES_MAX
        if lacking <= 0:
            return True
        if len(self._retired) < lacking:
            return False
        for name in list(islice(self._retired, lacking)):
            for table in (self._devices, self._retired, self._changed, self._unsaved, self._met, self._seen):
                table.pop(name, None)
            self._gone.append(name)
        return True

    # ---- what changed

    def note(self, device: Device) -> None:
        """What is stored and sent up of a device changed."""
        self._changed[device.name] = self._unsaved[device.name] = device

    def note_seen(self, device: Device) -> None:
        """Only when it was heard, and its pace, changed: saved when there is time."""
        self._seen[device.name] = device

    def forget_value(self, name: str, quantity: str) -> None:
        """Drop the last value of a quantity, because records of it are recalled; a battery that it told, too."""
        device = self._devices.get(name)
        if device is not None and device.forget(quantity):
            self.note(device)

    def take_changes(self) -> list[Device]:
        """Devices whose row changed, those that changed first, CHANGES_TAKEN_MAX at most; the others come with the next call."""
        names = list(islice(self._changed, CHANGES_TAKEN_MAX))
        return [self._changed.pop(name) for name in names]

    # ---- the file

    def _load(self) -> list[Device]:
        rows = self._connection.execute(f"SELECT {', '.join(COLUMNS)} FROM devices LIMIT ?", (DEVICES_MAX,))
        return [_loaded(dict(zip(COLUMNS, row, strict=True))) for row in rows]

    def save(self) -> None:
        """Make durable what people decided and, within the bounds, who was met and heard; raises sqlite3.Error with nothing forgotten."""
        also = dict(islice(self._met.items(), MET_SAVED_MAX)) | dict(islice(self._seen.items(), SEEN_SAVED_MAX))
        self._write((also | self._unsaved).values())
        for name in self._unsaved:
            self._met.pop(name, None)
        self._unsaved = {}
        for name in also:
            self._met.pop(name, None)
            self._seen.pop(name, None)

    def _write(self, devices: Collection[Device]) -> None:
        if not devices and not self._gone:
            return
        places = ", ".join("?" * len(COLUMNS))
        statement = f"INSERT OR REPLACE INTO devices ({', '.join(COLUMNS)}) VALUES ({places})"
        with self._connection:
            # First those that made room: one of them may be back under its name.
            self._connection.executemany("DELETE FROM devices WHERE name = ?", [(name,) for name in self._gone])
            self._connection.executemany(statement, [_stored(device) for device in devices])
        self._gone.clear()

    def close(self) -> None:
        """Save, with every last-seen time, and release the file."""
        self._write(list(self._devices.values()))
        self._connection.close()


def _by_retirement(devices: Iterable[Device]) -> dict[str, Device]:
    retired = [device for device in devices if device.state is Admission.RETIRED]
    return {device.name: device for device in sorted(retired, key=lambda device: device.state_since_us)}


def _loaded(row: dict[str, Any]) -> Device:
    card = Card(
        row["territory"], row["kind"], row["profile"], row["owner"], row["user"], row["certificate"], row["longitude"], row["latitude"],
        row["address"], row["installed"], row["period_s"],
    )  # fmt: skip
    return Device(
        row["name"], card, row["protocol"], Admission(row["state"]), row["first_seen_us"], row["last_seen_us"],
        row["state_since_us"], row["decided_by"], row["resource"], Pace(row["gap_us"], row["spread_us"], row["gaps"]), row["battery"],
        row["battery_at_us"], row["silent_since_us"], row["outage"],
    )  # fmt: skip


def _stored(device: Device) -> tuple[object, ...]:
    card, pace = device.card, device.pace
    return (
        device.name, card.territory, card.kind, device.protocol, card.owner, device.state.value, device.first_seen_us, device.last_seen_us,
        card.profile, card.user, card.certificate, card.longitude, card.latitude, card.address, card.installed, card.period_s,
        device.state_since_us, device.decided_by, device.resource, pace.gap_us, pace.spread_us, pace.gaps, device.battery,
        device.battery_at_us, device.silent_since_us, device.outage,
    )  # fmt: skip
