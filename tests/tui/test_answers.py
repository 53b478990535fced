"""Answers of older and newer nodes, and answers that are none."""

from __future__ import annotations

import pytest

from tests.tui.fake_node import file_answer
from tui.answers import Devices, DeviceShown, Events, Explanation, Incidents, Resources, SensorAlarms, Specimen, Status, Tree, shaped
from tui.case_answers import EntryCase, EntryCases, Register
from tui.errors import ApiProblem


@pytest.mark.parametrize(
    ("verb", "shape"),
    [
        ("tree", Tree),
        ("status", Status),
        ("events", Events),
        ("incidents", Incidents),
        ("devices", Devices),
        ("device_show", DeviceShown),
        ("sensor_alarms", SensorAlarms),
        ("resources", Resources),
        ("specimen", Specimen),
        ("explain", Explanation),
        ("entry_list", EntryCases),
        ("entry_show", EntryCase),
        ("entry_register", Register),
    ],
)
def test_every_fixture_has_the_shape_of_its_verb(verb: str, shape: type[Tree]) -> None:
    assert isinstance(shaped(file_answer(verb, {}), shape), shape)


def test_unknown_fields_are_ignored_and_missing_ones_neutral() -> None:
    tree = shaped({"self": "a", "future": 1, "nodes": [{"id": "a", "colour": "blue"}]}, Tree)
    assert tree.nodes[0].state == "STALE"


@pytest.mark.parametrize("why", ["because", 7, None, ["[/x]"], {"deep": {"er": 1}}])
def test_whatever_a_peer_says_as_its_reason_the_case_can_be_read(why: object) -> None:
    assert shaped({"id": "c", "history": [{"why": why}]}, EntryCase).history[0].why == why


def test_a_wrong_type_names_the_field() -> None:
    with pytest.raises(ApiProblem, match=r"nodes\[0\].lag_s"):
        shaped({"nodes": [{"id": "a", "lag_s": "long"}]}, Tree)
