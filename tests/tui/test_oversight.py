"""Oversight: the alarm of a missing return, scores with the worst first, and the audit log: walked, filtered, verified."""

from __future__ import annotations

import asyncio

import pytest

from tests.tui.fake_node import FakeNode, file_answer
from tests.tui.screens import ENGLISH, stage
from tests.tui.test_entries import place
from tui.errors import ApiProblem


@pytest.mark.slow
async def test_a_missing_return_stands_first_with_its_mark_and_age_and_is_counted_from_every_section() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("8")
        assert "> X MISSING" in shown.lines()[4]
        assert "4d" in shown.lines()[4]
        await shown.press("tab", "tab")
        assert "returns !1" in shown.lines()[2]
        await shown.press("shift+tab", "shift+tab", "enter")
        assert shown.console.page.name_key == "resource"


@pytest.mark.slow
async def test_a_return_that_grows_older_shows_it_between_answers() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("8")
        shown.clock.move(7_200)
        shown.console.repaint()
        await shown.pilot.pause()
        assert "2h" in shown.lines()[place(shown.text(), "370203")]


@pytest.mark.slow
async def test_the_worst_source_stands_first_and_opens_its_rules() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("8", "tab")
        assert "85.8%" in shown.lines()[4]
        assert "99.9%" in shown.lines()[5]
        await shown.press("enter")
        assert "born: 170 bad of 1,200 judged, 4 not judged" in shown.text()


@pytest.mark.slow
async def test_the_log_is_walked_to_older_pages_and_back() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("8", "tab", "tab", "o")
        assert ("audit_log", {"before_seq": 408, "limit": 200}) in shown.node.calls
        assert "0 rows" in shown.lines()[1]
        assert "i newer" in shown.lines()[-1]
        await shown.press("i")
        assert "5 rows" in shown.lines()[1]


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "argument"), [("log case", {"kinds": ("case",)}), ("log residents", {"subject": "residents"})])
async def test_the_node_filters_the_log_by_kind_or_subject(typed: str, argument: dict[str, object]) -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("colon", *("space" if letter == " " else letter for letter in typed), "enter")
        assert ("audit_log", {**argument, "limit": 200}) in shown.node.calls
        assert f"[{typed.split()[1]}]" in shown.lines()[1]


@pytest.mark.slow
async def test_an_entry_of_the_log_is_shown_whole() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("8", "tab", "tab", "down", "enter")
        assert "9f" * 32 in shown.text()


@pytest.mark.slow
async def test_verifying_waits_beside_the_rounds_and_shows_verdict_findings_and_what_nobody_confirmed() -> None:
    node = FakeNode()
    node.gates["audit_verify"] = asyncio.Event()
    async with stage(ENGLISH, node=node) as shown:
        await shown.press("8", "tab", "tab", "v")
        assert "walking the whole log" in shown.text()
        node.gates["audit_verify"].set()
        await shown.until(lambda: "EDITED" in shown.text())
        assert "EDITED: entry 77 is not what it was" in shown.text()
        assert "! cannot tell" in shown.text()
        assert "qingdao: away" in shown.text()


@pytest.mark.slow
@pytest.mark.parametrize(("verdict", "words"), [("holds", "holds"), ("touched", "X touched")])
async def test_the_verdict_is_the_nodes_and_is_asked_again_with_the_same_key(verdict: str, words: str) -> None:
    node = FakeNode()
    node.answers["audit_verify"] = file_answer("audit_verify", {}) | {"verdict": verdict, "findings": [], "open": []}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("verdict")
        await shown.until(lambda: words in shown.text())
        assert f"verdict          {words}" in shown.text()
        asked = sum(verb == "audit_verify" for verb, _ in node.calls)
        node.refusals["audit_verify"] = ApiProblem("TIMEOUT", "no answer in 3600 s")
        await shown.press("v")
        await shown.until(lambda: "TIMEOUT" in shown.text())
        assert sum(verb == "audit_verify" for verb, _ in node.calls) == asked + 1
        assert "TIMEOUT" in shown.text()
