"""The registry as people see it, and sheets as the node judges them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.devices import desk as module
from node.devices.desk import DeviceDesk
from node.devices.errors import DeviceUnknown
from node.ingest.device import Card
from node.ingest.devices import DeviceRegistry
from node.ingest.sink import Reading
from tests.node.devices.office import LAMP
from tests.node.ingest.parts import NOW_US, StillClock


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeviceDesk]:
    """A desk with one lamp that spoke; of air quality only L1 is shown."""
    registry = DeviceRegistry(tmp_path / "devices.db", admit_unknown=False)
    registry.enter([("lamp-1", Card("3702", profile="lamp"))], by="li", now_us=NOW_US)
    grades = {"air-quality": 1}
    profiles = {"lamp": LAMP}
    yield DeviceDesk("n", "3702", registry, profiles.get, lambda code: grades.get(code, 0), lambda: {"lamp-1": 2}, StillClock())
    registry.close()


def test_last_values_are_shown_where_their_records_are(desk: DeviceDesk) -> None:
    device = desk.device("lamp-1")
    for quantity, grade, resource in (("power", 1, "air-quality"), ("place", 3, "air-quality"), ("who", 1, "closed")):
        reading = Reading(NOW_US - 5_000_000, "3702", grade, "lamp-1", quantity, 7.0, None, "W")
        device.take(reading, resource=resource, battery="", is_new_message=True, now_us=NOW_US)
    shown = desk.shown("lamp-1")
    assert shown["values"] == {"power": {"value": 7.0, "unit": "W", "age_s": 5.0}}
    assert (shown["values_hidden"], shown["commands"], shown["age_s"]) == (2, 2, None)


def test_a_device_nobody_knows_is_said_so(desk: DeviceDesk) -> None:
    for act in (desk.shown, lambda name: desk.retire(name, by="li")):
        with pytest.raises(DeviceUnknown, match="'ghost' is not known here"):
            act("ghost")
    assert not desk.decide("ghost", admit=True, owner="", by="li")


def test_a_sheet_adds_changes_and_leaves_the_same(desk: DeviceDesk) -> None:
    sheet: list[dict[str, object]] = [
        {"device": "lamp-1", "owner": "parks"},
        {"device": "lamp-2", "territory": "370202", "longitude": 120.0, "latitude": 36.0},
    ]
    judged = desk.judge(sheet)
    assert (judged.added, judged.changed, judged.same, judged.faults) == (("lamp-2",), ("lamp-1",), 0, ())
    desk.enter(judged, by="li")
    assert desk.device("lamp-1").card == Card("3702", profile="lamp", owner="parks"), "what the sheet does not say stays"
    assert desk.judge(sheet).same == 2
    desk.enter(desk.judge([{"device": "lamp-2", "longitude": "", "latitude": ""}]), by="li")
    assert desk.device("lamp-2").card.longitude is None


def test_rows_that_do_not_fit_this_node_are_faults(desk: DeviceDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = [{"device": "a", "territory": "110101"}, {"device": "b", "profile": "toaster"}, {"device": "c", "territory": "37020"}]
    assert [(fault.index, fault.column) for fault in desk.judge(sheet).faults] == [(0, "territory"), (1, "profile"), (2, "territory")]
    odd: list[dict[str, object]] = [{"device": "[red]x"}, {"device": "d", "longitude": 1.0}]
    assert [(fault.index, fault.column) for fault in desk.judge(odd).faults] == [(0, "device"), (1, "longitude")]
    monkeypatch.setattr(module, "DEVICES_MAX", 2)
    (fault,) = desk.judge([{"device": "a"}, {"device": "b"}]).faults
    assert "2 new devices, and this node has room for 1" in fault.why


def test_a_device_that_waits_is_let_in_by_its_sheet(desk: DeviceDesk) -> None:
    desk.registry.meet("new", territory="3702", kind="lamp", protocol="mqtt", now_us=NOW_US)
    judged = desk.judge([{"device": "new"}])
    assert judged.changed == ("new",)
    desk.enter(judged, by="li")
    assert [(each["device"], each["state"]) for each in desk.page("", 9)] == [("lamp-1", "admitted"), ("new", "admitted")]
    assert desk.counts()["admitted"] == 2
