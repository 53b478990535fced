"""Devices in the console: decided about by key, with the dialog of every decision."""

from __future__ import annotations

import pytest

from tests.tui.fake_node import FakeNode
from tests.tui.screens import ENGLISH, stage
from tui.errors import ApiProblem
from tui.pages.device import TAKES, DevicePage
from tui.pages.dialog import Phase

NAME = "air-tuandao-01"


@pytest.mark.slow
async def test_a_device_is_refused_and_retired_from_its_page_and_the_node_hears_it_once() -> None:
    node = FakeNode()
    node.answers["device_admit"] = {"device": NAME, "accepted": False}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("device", NAME)
        page = shown.console.page
        assert isinstance(page, DevicePage)
        assert [key.name for key in page.own_keys()] == ["refuse", "retire"], "an admitted device is not admitted again"
        await shown.press("r")
        assert f"Refuse {NAME}" in shown.text()
        await shown.press("tab", "enter")
        dialog = shown.console.dialog
        assert dialog is not None
        await shown.until(lambda: dialog.phase is Phase.DONE)
        assert f"Done: {NAME} is now refused." in shown.text()
        told = [arguments for verb, arguments in node.calls if verb == "device_admit"]
        assert told == [{"device": NAME, "accept": False, "by": "wangfang"}]


@pytest.mark.slow
async def test_an_older_node_that_knows_no_cards_still_shows_the_device() -> None:
    node = FakeNode()
    node.refusals["device_show"] = ApiProblem("UNKNOWN_VERB", "verb 'device_show' is not known")
    node.answers["devices"] = {"devices": [{"device": NAME, "state": "admitted", "age_s": 3.0}]}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("device", NAME)
        assert NAME in shown.text()
        assert "Last values" not in shown.text()


def test_every_state_that_the_node_knows_takes_something() -> None:
    assert set(TAKES) == {"waiting", "admitted", "refused", "retired"}
