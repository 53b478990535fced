"""Cameras, their rules and their alarms: the broken first, counts where somebody judges, and a suggestion taken over by a decision."""

from __future__ import annotations

import json

import pytest

from tests.tui.fake_node import ANSWERS, FakeNode
from tests.tui.screens import CHINESE, ENGLISH, MIDDLE, stage
from tui.camera_answers import Camera, Suggestion
from tui.errors import ApiProblem
from tui.pages.cameras import lacks_field_test
from tui.pages.dialog import Phase

CHANGE = {"camera": "cam-pier", "rule": "line", "key": "score_min", "then": "0.55", "by": "wangfang"}


def said(node: FakeNode, verb: str) -> list[dict[str, object]]:
    return [dict(arguments) for called, arguments in node.calls if called == verb]


def test_one_field_tested_detector_is_enough_and_no_camera_asks_for_none() -> None:
    assert lacks_field_test([Camera(evidence_grade="none"), Camera(evidence_grade="rendered-only")])
    assert not lacks_field_test([Camera(evidence_grade="none"), Camera(evidence_grade="field-tested")])
    assert not lacks_field_test([])


@pytest.mark.slow
async def test_a_broken_camera_stands_first_with_its_reason_and_its_page_gives_commands() -> None:
    async with stage(ENGLISH, MIDDLE) as shown:
        await shown.press("9")
        rows = [line for line in shown.lines() if "cam-" in line]
        assert all(word in rows[0] for word in ("X lost", "no connection to it (no answe"))
        assert all(word in rows[1] for word in ("4.9/5.0", "8/13"))
        assert "[cameras !1]" in shown.lines()[2]
        assert "No field-tested detector" in shown.lines()[3]
        await shown.press("down", "enter")
        assert "yunnao camera zone cam-pier --page" in shown.text()
        await shown.press("z")
        assert shown.console.clipboard == "yunnao camera zone cam-pier --page"


@pytest.mark.slow
async def test_why_a_camera_is_lost_is_in_the_language_of_the_screen_and_whole_on_its_page() -> None:
    async with stage(CHINESE) as shown:
        await shown.open("camera", "cam-tunnel")
        told = "".join(line.strip() for line in shown.lines()[4:6])
        assert told.removeprefix("原因").strip() == "10.1.2.3:554/live：连不上（没有回应）：请检查地址、网络，以及摄像机是否开机"


@pytest.mark.slow
async def test_the_suggestion_that_is_chosen_is_sent_once_as_the_node_wrote_it() -> None:
    node = FakeNode()
    node.answers["rule_change"] = {"cameras": 2, "changed": True}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("rule", "cam-pier\tline")
        await shown.press("tab", "a")
        dialog = shown.console.dialog
        assert dialog is not None
        assert "score_min" in dialog.decision.sentence
        await shown.press("tab", "enter")
        await shown.until(lambda: dialog.phase is Phase.DONE)
        assert said(node, "rule_change") == [CHANGE]


@pytest.mark.slow
async def test_a_suggestion_that_the_node_no_longer_makes_is_not_sent() -> None:
    node = FakeNode()
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("rule", "cam-pier\tline")
        await shown.press("a")
        dialog = shown.console.dialog
        assert dialog is not None
        node.answers["rule_verdicts"] = {"days": 7, "false_min": 5, "rules": []}
        await shown.refresh(60.0)
        assert dialog.decision.hindrance() == "The node does not suggest this any more."
        await shown.press("tab", "enter")
        assert said(node, "rule_change") == []


@pytest.mark.slow
async def test_an_event_of_this_node_says_how_often_its_rule_was_right_and_opens_it_and_one_of_another_does_not() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("event", "e000997")
        assert "7 of 9 false, 7 d" in shown.text()
        assert "leave out a place" in shown.text()
        await shown.press("r")
        assert "What would have helped" in shown.text()
        await shown.open("event", "e000999")
        assert "counted at its node" in shown.text()
        await shown.press("r")
        assert "no rule of this node made it" in shown.text()


@pytest.mark.slow
async def test_alarms_of_nodes_below_stand_with_those_of_this_node_and_where_they_are_refused_the_own_stay() -> None:
    node = FakeNode()
    async with stage(ENGLISH, MIDDLE, node) as shown:
        await shown.press("5", "tab")
        assert "[alarms !4]" in shown.lines()[2]
        assert any("X range" in line and "loop-lying-00000" in line for line in shown.lines())
    node.refusals["sensor_alarms_below"] = ApiProblem("DENIED", "sensor-alarms is not shown at clearance L2")
    async with stage(ENGLISH, MIDDLE, node) as shown:
        await shown.press("5", "tab")
        assert "[alarms !2]" in shown.lines()[2]


@pytest.mark.slow
async def test_an_incident_shows_the_picture_of_its_event_and_an_alarm_its_numbers() -> None:
    node = FakeNode()
    incidents = json.loads((ANSWERS / "incidents.json").read_text("utf-8"))
    incidents["incidents"][1]["sent_steps"] = [{"step": "dismiss", "by": "liming", "state": "waits"}]
    incidents["incidents"][2] |= {"event_id": "b1c3", "class": "sensor-range"}
    node.answers["incidents"] = incidents
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("incident", "i-0007")
        await shown.refresh()
        assert "masked at its origin" in shown.text()
        assert "said above" in shown.text()
        await shown.open("incident", "i-0006")
        assert "9100 lies outside 0 to 5000" in shown.text()


@pytest.mark.slow
async def test_an_empty_list_says_what_brings_rows_and_a_filter_that_it_hides_them() -> None:
    node = FakeNode()
    node.answers["events"] = {"events": []}
    async with stage(ENGLISH, node=node) as shown:
        await shown.press("2")
        assert "No camera event here. Cameras: 9." in shown.text()
        await shown.press("4", "slash", "z", "z", "z", "enter")
        assert "No row fits the filter. Esc drops it." in shown.text()


@pytest.mark.slow
async def test_a_list_that_is_opened_again_begins_on_its_newest_row_and_then_stays_on_its_row() -> None:
    node = FakeNode()
    incidents = json.loads((ANSWERS / "incidents.json").read_text("utf-8"))["incidents"]
    node.answers["incidents"] = {"incidents": incidents[1:]}
    async with stage(ENGLISH, node=node) as shown:
        await shown.press("4", "1")
        await shown.refresh(60.0)
        node.answers["incidents"] = {"incidents": incidents}
        await shown.press("4")
        assert shown.console.page.subject().id == "i-0008"  # type: ignore[attr-defined]
        node.answers["incidents"] = {"incidents": [incidents[0] | {"incident_id": "i-0009"}, *incidents]}
        await shown.refresh(1.0)
        assert shown.console.page.subject().id == "i-0008"  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_an_incident_that_newer_ones_pushed_off_the_list_is_asked_for_by_its_id() -> None:
    node = FakeNode()
    incidents = json.loads((ANSWERS / "incidents.json").read_text("utf-8"))["incidents"]
    node.answers |= {"incidents": {"incidents": incidents[:1]}, "incident_show": incidents[1]}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("incident", "i-0007")
        await shown.refresh()
        assert "wrong way" in shown.text()
        assert "x false alarm" in shown.text()


def test_a_suggestion_of_a_key_that_this_console_does_not_know_is_shown_as_the_node_wrote_it() -> None:
    from tests.tui.fake_node import FixedClock
    from tui.desk import Desk
    from tui.feed import Shelf
    from tui.pages.verdicts import suggestion_words

    desk = Desk(ENGLISH, FixedClock(), Shelf())
    assert suggestion_words(desk, Suggestion("score_min", "0", "0.5", 3, 4)) == "score at least 0.5"
    assert suggestion_words(desk, Suggestion("tilt", "0", "9", 3, 4)) == "tilt = 9"
