"""The device registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.ingest import devices
from node.ingest.devices import Admission, Device, DeviceRegistry, remember_value
from tests.node.ingest.parts import NOW_US


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
    shown = {entry["device"]: (entry["state"], entry["owner"]) for entry in registry.newest(9, now_us=NOW_US)}
    assert shown == {"good": ("admitted", "parks"), "bad": ("refused", "")}
    registry.close()


def test_changes_are_given_once(tmp_path: Path) -> None:
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=True)
    meet(registry, "d")
    assert [row[3] for row in registry.take_changes(now_us=NOW_US)] == ["d"]
    assert registry.take_changes(now_us=NOW_US) == []
    registry.close()


def test_the_admission_list_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "WAITING_MAX", 2)
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    assert [meet(registry, name) is None for name in "abc"] == [False, False, True]
    registry.decide("a", admit=True, now_us=NOW_US)
    assert meet(registry, "c") is not None
    registry.close()


def test_the_registry_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEVICES_MAX", 1)
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=True)
    assert meet(registry, "a") is not None
    assert meet(registry, "b") is None
    registry.close()


def test_a_decision_on_a_stranger_says_so(tmp_path: Path) -> None:
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=True)
    assert registry.decide("ghost", admit=True, now_us=NOW_US) is None
    registry.close()


def test_last_values_are_bounded() -> None:
    device = Device("d", "37", "k", "p", "", Admission.ADMITTED, 0, 0)
    for number in range(100):
        remember_value(device, f"q{number}", float(number))
    remember_value(device, "q0", 9.0)
    assert (len(device.values), device.values["q0"]) == (devices.QUANTITIES_MAX, 9.0)
