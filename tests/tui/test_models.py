"""Packages of models in the inbox: one waits for another person, one is offered from above; taking it may take minutes."""

from __future__ import annotations

import asyncio

import pytest

from tests.tui.fake_node import FakeNode
from tests.tui.screens import ENGLISH, stage
from tui.errors import ApiProblem

OFFER = f"offer/{'cd' * 32}"
TAKEN = {"id": "fire-yard", "version": "1", "node": "qingdao", "by": "wangfang"}


@pytest.mark.slow
async def test_a_publication_says_what_it_replaces_and_a_second_person_is_the_nodes_rule() -> None:
    node = FakeNode()
    node.refusals["algorithm_say"] = ApiProblem("DENIED", "approve needs another person than wangfang, who said publish")
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("matter", "model/5b6c7d8e9f001122")
        assert "version 1 is live" in shown.text()
        await shown.press("a", "tab", "enter")
        await shown.until(lambda: "The node refused" in shown.text())
        assert ("algorithm_say", {"case": "5b6c7d8e9f001122", "fact": "approve", "by": "wangfang", "why": ""}) in node.calls
        assert "another person than wangfang" in shown.text()


@pytest.mark.slow
async def test_an_offer_that_is_taken_may_be_left_alone_and_is_told_on_the_page_behind() -> None:
    node = FakeNode()
    node.gates["algorithm_take"] = asyncio.Event()
    node.answers["algorithm_take"] = {"id": "fire-yard", "version": "1"}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("matter", OFFER)
        assert "no version is live" in shown.text()
        await shown.press("a", "tab", "enter")
        await shown.press("escape")
        assert shown.console.dialog is None
        assert ("algorithm_take", TAKEN) in node.calls
        node.gates["algorithm_take"].set()
        await shown.until(lambda: "is here" in shown.text())
        assert "yunnao model shadow fire-yard 1" in shown.text()
