"""One key says that an alarm is false, acknowledged, dealt with or open again; the node hears it once, by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.tui.fake_node import ANSWERS, FakeNode
from tests.tui.screens import ENGLISH, stage
from tui.errors import ApiProblem
from tui.pages.dialog import Phase


def steps(node: FakeNode) -> list[dict[str, object]]:
    return [dict(arguments) for verb, arguments in node.calls if verb == "incident_step"]


@pytest.mark.slow
async def test_one_key_on_the_list_dismisses_the_row_under_the_cursor_at_once() -> None:
    node = FakeNode()
    node.answers["incident_step"] = {"state": "dismissed"}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("incidents")
        await shown.press("x")
        await shown.until(lambda: "false alarm" in shown.text())
        assert shown.console.dialog is None
        assert steps(node) == [{"id": "i-0008", "step": "dismiss", "by": "wangfang", "why": ""}]
        assert "person at cam-pier is now: false alarm." in shown.text()


@pytest.mark.slow
async def test_dealing_with_an_incident_asks_for_the_reason_first() -> None:
    node = FakeNode()
    node.answers["incident_step"] = {"state": "resolved"}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("incident", "i-0008")
        await shown.press("s")
        dialog = shown.console.dialog
        assert dialog is not None
        assert steps(node) == []
        await shown.press("tab", "enter")
        await shown.until(lambda: dialog.phase is Phase.DONE)
        assert [each["step"] for each in steps(node)] == ["resolve"]


@pytest.mark.slow
async def test_a_step_that_the_state_does_not_take_is_not_sent_and_a_refusal_is_said() -> None:
    node = FakeNode()
    node.refusals["incident_step"] = ApiProblem("DENIED", "incident i-0008 is dismissed: it does not take dismiss")
    incidents = json.loads((ANSWERS / "incidents.json").read_text("utf-8"))
    for one in incidents["incidents"]:
        one["sent_steps"] = [{"step": "resolve", "by": "li", "said_at": "qd-shinan", "state": "refused", "answer": "dismissed meanwhile"}]
    node.answers["incidents"] = incidents
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("incidents")
        assert "(Resolved: refused) p" in shown.text()
        await shown.open("incident", "i-0008")
        told = " ".join(shown.text().split())
        assert "said above Resolved: refused" in told
        assert "answer dismissed meanwhile" in told
        await shown.press("a")
        assert steps(node) == []
        await shown.press("x")
        await shown.until(lambda: "refused" in shown.text())
        assert "does not take dismiss" in shown.text()


@pytest.mark.slow
async def test_an_event_is_judged_by_its_own_name_and_a_read_only_console_says_nothing() -> None:
    node = FakeNode()
    node.answers["incident_step"] = {"state": "", "sent_steps": [{"keeper": "qd-wusi-01", "state": "waits"}]}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("event", "e000999")
        await shown.press("x")
        await shown.until(lambda: bool(steps(node)))
        assert (steps(node)[0]["id"], steps(node)[0]["node"]) == ("e000999", "qd-badaxia-g01")
        await shown.until(lambda: "whose alarm it is" in shown.text())
    async with stage(replace(ENGLISH, read_only=True), node=node) as shown:
        await shown.open("incidents")
        await shown.press("x")
        assert len(steps(node)) == 1
