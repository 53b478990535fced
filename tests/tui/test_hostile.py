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
)
"""Keys that lead over every page with foreign values."""


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
    async with stage(ASCII, SMALL, node) as shown:
        for keys in TOUR:
            await shown.press(*keys)
            await assert_harmless(shown)
            assert shown.text().isascii()


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
