"""The device registry: who is met, entered, decided about and taken down, over restarts and older files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from node.ingest import devices
from node.ingest.device import Admission, Card, Device
from node.ingest.devices import DeviceRegistry, RegistryFull
from tests.node.ingest.parts import NOW_US, reading


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DeviceRegistry]:
    """A registry that lets nobody in by itself."""
    made = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    yield made
    made.close()


def meet(registry: DeviceRegistry, name: str) -> Device | None:
    """Meet a device now."""
    return registry.meet(name, territory="370202", kind="air", protocol="mqtt", now_us=NOW_US)


def test_decisions_survive_a_restart(tmp_path: Path) -> None:
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    meet(registry, "good")
    meet(registry, "bad")
    registry.decide("good", admit=True, now_us=NOW_US, owner="parks")
    registry.decide("bad", admit=False, now_us=NOW_US)
    registry.save()
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    found = {device.name: (device.state, device.card.owner) for device in registry.newest(9)}
    assert found == {"good": (Admission.ADMITTED, "parks"), "bad": (Admission.REFUSED, "")}
    registry.close()


def test_a_file_from_before_there_were_cards_is_read(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "devices.db")
    columns = "name TEXT PRIMARY KEY, territory TEXT, kind TEXT, protocol TEXT, owner TEXT, state TEXT"
    old.execute(f"CREATE TABLE devices ({columns}, first_seen_us INTEGER, last_seen_us INTEGER)")
    old.execute("INSERT INTO devices VALUES ('d', '370202', 'air-json', 'mqtt', 'parks', 'admitted', 1, 2)")
    old.commit()
    old.close()
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    device = registry.known("d")
    assert device is not None
    assert (device.card, device.state) == (Card("370202", "air-json", "air-json", "parks"), Admission.ADMITTED)
    registry.close()


def test_what_was_entered_and_learnt_survives_a_restart(tmp_path: Path) -> None:
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    card = Card("370202001", "air", "", "parks", "u1", "cn1", 120.3, 36.1, "Quay 1", "2026-03-01", 60.0)
    registry.enter([("d", card)], by="li", now_us=NOW_US)
    device = registry.known("d")
    assert device is not None
    device.pace.learn(5e6)
    device.battery, device.silent_since_us = 50.0, NOW_US
    registry.note_seen(device)
    registry.save()
    again = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False).known("d")
    assert again is not None
    assert (again.card, again.pace, again.battery, again.silent_since_us) == (card, device.pace, 50.0, NOW_US)
    assert (again.state, again.decided_by) == (Admission.ADMITTED, "li")


def test_changes_are_given_once(registry: DeviceRegistry) -> None:
    meet(registry, "d")
    assert [device.name for device in registry.take_changes()] == ["d"]
    assert registry.take_changes() == []


def test_the_admission_list_is_bounded(registry: DeviceRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "WAITING_MAX", 2)
    assert [meet(registry, name) is None for name in "abc"] == [False, False, True]
    registry.decide("a", admit=True, now_us=NOW_US)
    assert meet(registry, "c") is not None


def test_the_registry_is_bounded_and_a_retired_device_makes_room(registry: DeviceRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEVICES_MAX", 2)
    meet(registry, "a")
    meet(registry, "b")
    assert meet(registry, "c") is None
    registry.retire("a", by="li", now_us=NOW_US)
    assert meet(registry, "c") is not None
    assert registry.known("a") is None


class Unwalked(dict[str, Device]):
    """Devices that may be looked up and not walked through."""

    def values(self) -> NoReturn:
        """A walk through twenty thousand for every message of a flood is what must not be."""
        raise AssertionError("the registry looked at all its devices")

    items = values


def test_a_full_registry_judges_a_newcomer_without_a_look_at_all_devices(
    registry: DeviceRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "DEVICES_MAX", 3)
    for name in "abc":
        meet(registry, name)
    registry._devices = Unwalked(registry._devices)
    assert meet(registry, "d") is None
    registry.retire("b", by="li", now_us=NOW_US)
    registry.retire("a", by="li", now_us=NOW_US + 1)
    assert meet(registry, "d") is not None
    assert (registry.known("b"), registry.known("a") is None) == (None, False)
    registry._devices = dict(registry._devices)


def test_who_made_room_leaves_the_file_and_may_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEVICES_MAX", 2)
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=True)
    for name in "ab":
        meet(registry, name)
        registry.retire(name, by="li", now_us=NOW_US)
    registry.save()
    meet(registry, "c")
    meet(registry, "a")
    registry.save()
    found = {device.name: device.state for device in DeviceRegistry(tmp_path / "devices.db", admit_unknown=True)}
    assert found == {"a": Admission.ADMITTED, "c": Admission.ADMITTED}


def test_a_save_takes_some_newcomers_and_every_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MET_SAVED_MAX", 2)
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    for name in "abcde":
        meet(registry, name)
    for name in "de":
        registry.decide(name, admit=True, now_us=NOW_US)
    saved = [_saved_by(registry, tmp_path) for _ in range(3)]
    assert saved == [{"a", "b", "d", "e"}, {"a", "b", "c", "d", "e"}, {"a", "b", "c", "d", "e"}]


def _saved_by(registry: DeviceRegistry, folder: Path) -> set[str]:
    registry.save()
    return {device.name for device in DeviceRegistry(folder / "devices.db", admit_unknown=False)}


def test_changes_are_given_in_lots(registry: DeviceRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "CHANGES_TAKEN_MAX", 2)
    for name in "abc":
        meet(registry, name)
    assert [[device.name for device in registry.take_changes()] for _ in range(3)] == [["a", "b"], ["c"], []]


def test_a_sheet_beyond_the_bound_enters_nobody(registry: DeviceRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEVICES_MAX", 2)
    with pytest.raises(RegistryFull, match="3 new devices refused"):
        registry.enter([(name, Card("37")) for name in "abc"], by="li", now_us=NOW_US)
    assert len(registry) == 0


def test_entering_admits_who_waits_and_leaves_who_was_refused(registry: DeviceRegistry) -> None:
    meet(registry, "waits")
    meet(registry, "bad")
    registry.decide("bad", admit=False, now_us=NOW_US)
    registry.enter([("waits", Card("37", owner="parks")), ("bad", Card("37"))], by="li", now_us=NOW_US)
    assert [(device.name, device.state.value) for device in registry.page("", 9)] == [("bad", "refused"), ("waits", "admitted")]


def test_a_decision_on_a_stranger_says_so(registry: DeviceRegistry) -> None:
    assert registry.decide("ghost", admit=True, now_us=NOW_US) is None
    assert registry.retire("ghost", by="li", now_us=NOW_US) is None


def test_the_last_value_of_a_recalled_quantity_is_forgotten_with_the_battery_that_it_told(registry: DeviceRegistry) -> None:
    device = meet(registry, "d")
    assert device is not None
    for quantity in ("battery", "power"):
        told = reading("d")._replace(quantity=quantity)
        device.take(told, resource="air-quality", battery="", is_new_message=True, now_us=NOW_US)
    registry.take_changes()
    for name, quantity in (("d", "power"), ("d", "battery"), ("ghost", "battery")):
        registry.forget_value(name, quantity)
    assert (device.values, device.battery) == ({}, None)
    assert [each.name for each in registry.take_changes()] == ["d"], "the row without it is stored"
