"""Hostile values in every field of every page: the console shows them as text and goes on."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.tui.fake_node import FakeNode
from tests.tui.hostile import HOSTILE, VERBS, poisoned
from tests.tui.screens import ASCII, ENGLISH, SMALL, Stage, stage
from tui.errors import ApiProblem

TOUR = (
    ("enter",),
    ("2",),
    ("enter",),
    ("3",),
    ("enter",),
    ("4",),
    ("enter",),
    ("5",),
    ("enter",),
    ("5",),
    ("tab",),
    ("enter",),
    ("9",),
    ("enter",),
    ("9",),
    ("tab",),
    ("enter",),
    ("9",),
    ("tab", "tab"),
    ("enter",),
    ("6",),
    ("enter",),
    ("r",),
    ("escape",),
)
"""Keys that lead over every page with foreign values but those of governance and oversight."""
GOVERNED = (
    ("7",),
    *(keys for kind in range(7) for keys in (("tab",), ("enter",), ("escape",))),
    ("8",),
    ("enter",),
    ("escape",),
    ("tab",),
    ("enter",),
    ("escape",),
    ("tab",),
    ("enter",),
    ("escape",),
    ("v",),
)
"""Keys that lead over the pages of governance and oversight, which are many: fewer values, each with more in it."""
MIXED = ("".join(HOSTILE[:5]), "")
LISTED = {
    "recall_list": "recalls",
    "regrade_list": "regrades",
    "emergency_list": "emergencies",
    "review_list": "reviews",
    "quality_tickets": "tickets",
    "request_list": "requests",
    "algorithm_list": "cases",
}
SHOWN = ("recall_show", "regrade_show", "emergency_show", "review_show", "quality_show", "request_show", "algorithm_show", "audit_verify")


async def assert_harmless(shown: Stage) -> None:
    """Every line fits, holds no control character, and a click anywhere changes nothing but the cursor."""
    assert shown.console.is_running
    for line in shown.lines():
        assert cell_len(line) <= SMALL[0]
        assert line.isprintable()
    bound = [segment.style.meta for strip in shown.console.screen._compositor.render_strips() for segment in strip if segment.style]
    assert not any("@click" in meta for meta in bound)


@pytest.mark.slow
@pytest.mark.parametrize("poison", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_values_in_every_field_of_every_page_are_only_text(poison: str) -> None:
    node = FakeNode()
    node.answers = {verb: poisoned(verb, poison) for verb in VERBS}
    node.answers["entry_list"] = {**node.answers["entry_list"], "fault": ""}
    async with stage(ENGLISH, SMALL, node) as shown:
        await assert_harmless(shown)
        for keys in TOUR:
            await shown.press(*keys)
            assert not shown.console.page.problem()
            await assert_harmless(shown)


@pytest.mark.slow
@pytest.mark.parametrize("poison", HOSTILE[:5], ids=range(5))
async def test_hostile_ids_can_be_opened_like_any_other(poison: str) -> None:
    node = FakeNode()
    status = {"id": poison, "name": poison, "level": "grid", "parent": None, "state": "OK", "age_s": 0.1}
    node.answers["tree"] = {"self": poison, "nodes": [status]}
    node.answers["devices"] = {"devices": [{"device": poison}]}
    node.answers["events"] = {"events": [{"event_id": poison, "evidence_sha256": poison, "node": poison}]}
    node.answers["resources"] = {"resources": [{"code": poison, "title": {"en": poison}}]}
    node.answers["incidents"] = {"incidents": [{"incident_id": poison}]}
    node.answers["entry_list"] = {"entries": [{"id": poison, "entry": poison, "takes": {"refuse": [poison]}}]}
    node.answers["entry_show"] = {"id": poison, "entry": poison, "resource": poison, "takes": {"refuse": [poison]}}
    node.answers["entry_register"] = {"entries": [{"id": poison, "issuer": poison}]}
    async with stage(ASCII, SMALL, node) as shown:
        for keys in TOUR:
            await shown.press(*keys)
            await assert_harmless(shown)
            assert shown.text().isascii()


@pytest.mark.slow
@pytest.mark.parametrize("poison", MIXED, ids=range(len(MIXED)))
async def test_hostile_values_in_every_field_of_every_governed_matter_are_only_text(poison: str) -> None:
    node = FakeNode()
    node.answers = {verb: poisoned(verb, poison) for verb in VERBS}
    async with stage(ENGLISH, SMALL, node) as shown:
        for keys in GOVERNED:
            await shown.press(*keys)
            assert not shown.console.page.problem()
            await assert_harmless(shown)


@pytest.mark.slow
async def test_governed_matters_with_hostile_ids_can_be_opened_like_any_other() -> None:
    node, poison = FakeNode(), MIXED[0]
    node.answers |= {verb: {**poisoned(verb, poison), "id": poison, "order": poison} for verb in SHOWN}
    listed = {"id": poison, "order": poison, "resource": poison, "takes": {"approve": [poison], "refuse": [], "grant": []}}
    node.answers |= {verb: {name: [listed]} for verb, name in LISTED.items()}
    node.answers["returns"] = {"received": [{"resource": poison, "territory": poison, "state": poison}], "given": [{"child": poison}]}
    node.answers["quality_scores"] = {"scores": [{"resource": poison, "origin": poison, "rules": {poison: {}}}]}
    node.answers["audit_log"] = {"entries": [{"seq": 7, "kind": poison, "subject": poison, "detail": {poison: [poison, {poison: poison}]}}]}
    async with stage(ASCII, SMALL, node) as shown:
        for keys in GOVERNED:
            await shown.press(*keys)
            await assert_harmless(shown)


@pytest.mark.parametrize("poison", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_messages_are_told_as_text(poison: str) -> None:
    node = FakeNode()
    async with stage(ENGLISH, SMALL, node) as shown:
        shown.console.page.tell(poison)
        await shown.pilot.pause()
        await assert_harmless(shown)
        node.problem = ApiProblem(poison, poison)
        await shown.refresh()
        await assert_harmless(shown)


@pytest.mark.slow
@pytest.mark.parametrize("poison", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_case_in_the_dialog_and_a_hostile_refusal_are_only_text(poison: str) -> None:
    node = FakeNode()
    node.answers["entry_show"] = poisoned("entry_show", poison)
    node.refusals["entry_decide"] = ApiProblem("DENIED", poison)
    async with stage(ENGLISH, SMALL, node) as shown:
        await shown.open("entry", "4b1d0c2e9f8a7766")
        await shown.press("v")
        await assert_harmless(shown)
        assert "[ Cancel ]" in shown.text()
        await shown.press("tab", "enter")
        await shown.until(lambda: "The node refused" in shown.text())
        assert "The node refused" in shown.text()
        await assert_harmless(shown)
        assert "[ Cancel ]" in shown.text()


@pytest.mark.slow
@pytest.mark.parametrize("poison", HOSTILE[:6], ids=range(6))
async def test_a_hostile_word_of_the_nodes_cases_is_said_as_text(poison: str) -> None:
    node = FakeNode()
    node.answers["entry_list"] = {"entries": [], "fault": poison}
    async with stage(ENGLISH, SMALL, node) as shown:
        await shown.press("6")
        assert "X NOT_KEPT" in shown.text()
        await assert_harmless(shown)
