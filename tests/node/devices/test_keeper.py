"""The keeper: rates, rows now and then, and alarms about silence as the sensor desk takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.devices.keeper import ROW_EVERY_US, DeviceKeeper, keeper_of
from node.ingest.device import Card
from node.ingest.devices import DeviceRegistry
from node.ingest.sink import Reading
from node.sensor_alarms.alarm import DeviceAlarmKind
from tests.node.ingest.parts import NOW_US, StillClock

PERIOD_S = 60


def make(folder: Path, count: int) -> tuple[DeviceKeeper, StillClock]:
    """A keeper of devices that people entered."""
    registry = DeviceRegistry(folder / "devices.db", admit_unknown=False)
    registry.enter([(f"d{number}", Card("370202", profile="p")) for number in range(count)], by="li", now_us=NOW_US)
    clock = StillClock()
    return keeper_of(registry, clock, lambda profile: PERIOD_S, me="n", territory="3702"), clock


def speak(keeper: DeviceKeeper, clock: StillClock, *names: str, resource: str = "air-quality") -> None:
    """A message of each."""
    for name in names:
        device = keeper.registry.known(name)
        assert device is not None
        reading = Reading(clock.us, "370202", 1, name, "PM2.5", 1.0, None, None)
        device.take(reading, resource=resource, battery="", is_new_message=True, now_us=clock.us)


def test_a_silence_is_an_alarm_that_begins_and_ends_under_one_name(tmp_path: Path) -> None:
    keeper, clock = make(tmp_path, 1)
    speak(keeper, clock, "d0")
    assert keeper.alarms() == []
    clock.us += 200 * 1_000_000
    (begun,) = keeper.alarms()
    assert (begun.kind, begun.active, begun.key.device, begun.key.resource) == (DeviceAlarmKind.SILENT, True, "d0", "air-quality")
    assert (begun.time_us, begun.facts) == (clock.us, {"quiet_s": 200, "period_s": 60})
    for _ in range(2):
        clock.us += 6_000_000
        speak(keeper, clock, "d0", resource="traffic-flow")
        ended = keeper.alarms()
    assert [(alarm.active, alarm.key) for alarm in ended] == [(False, begun.key)]
    keeper.registry.close()


def test_a_restart_holds_the_same_alarm_again(tmp_path: Path) -> None:
    keeper, clock = make(tmp_path, 8)
    speak(keeper, clock, *(f"d{number}" for number in range(8)))
    keeper.alarms()
    clock.us += 200 * 1_000_000
    (begun,) = keeper.alarms()
    assert (begun.kind, begun.key.device, begun.facts) == (DeviceAlarmKind.SILENT_GROUP, "p/370202", {"count": 8, "watched": 8})
    keeper.registry.save()
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    (resumed,) = keeper_of(registry, clock, lambda profile: PERIOD_S, me="n", territory="3702").alarms()
    assert resumed.id == begun.id
    registry.close()


def test_the_row_of_a_device_that_goes_on_speaking_is_told_every_hour(tmp_path: Path) -> None:
    keeper, clock = make(tmp_path, 2)
    keeper.registry.take_changes()
    for _ in range(3):
        speak(keeper, clock, "d0")
        keeper.alarms()
        clock.us += ROW_EVERY_US // 2
    assert [device.name for device in keeper.registry.take_changes()] == ["d0"]
    assert keeper.registry.take_changes() == []
    keeper.registry.close()


def test_when_a_device_was_heard_is_saved_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, clock = make(tmp_path, 2)
    chosen: list[str] = []
    monkeypatch.setattr(keeper.registry, "note_seen", lambda device: chosen.append(device.name))
    for _ in range(150):
        speak(keeper, clock, "d0")
        keeper.alarms()
        clock.us += 6_000_000
    assert chosen == ["d0", "d0"], "fifteen minutes"
    keeper.registry.close()


def test_devices_that_made_room_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, clock = make(tmp_path, 2)
    speak(keeper, clock, "d0", "d1")
    keeper.alarms()
    monkeypatch.setattr("node.ingest.devices.DEVICES_MAX", 2)
    keeper.registry.retire("d0", by="li", now_us=NOW_US)
    keeper.registry.enter([("d2", Card("37"))], by="li", now_us=NOW_US)
    clock.us += 60_000_000
    keeper.alarms()
    assert set(keeper._messages) == set(keeper.watch._ears) == {"d1"}
    keeper.registry.close()


def test_looks_are_not_more_often_than_they_need_be(tmp_path: Path) -> None:
    keeper, clock = make(tmp_path, 1)
    speak(keeper, clock, "d0")
    keeper.alarms()
    clock.us += 1_000_000
    speak(keeper, clock, "d0")
    keeper.alarms()
    assert keeper.registry.known("d0").rate == 0.0  # type: ignore[union-attr]
    clock.us += 4_000_000
    keeper.alarms()
    assert keeper.registry.known("d0").rate > 0.0  # type: ignore[union-attr]
    keeper.registry.close()
