"""What a newcomer sees unasked on the home page, and when it steps aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from rich.cells import cell_len

from tests.tui.fake_node import FakeNode, file_answer
from tests.tui.hostile import HOSTILE, VERBS, poisoned
from tests.tui.screens import ASCII, CHINESE, ENGLISH, SMALL, Stage, stage
from tui.client import ArgumentValue
from tui.errors import ApiProblem
from tui.pages.showcase import PICTURE_KEPT_S, SPECIMEN_LASTS_S
from tui.picture import HALF_BLOCK

GONE = ApiProblem("NOT_RUNNING", "no node answers")
TITLE = "Residents (fictitious specimen): who sees what"


class Refusing(FakeNode):
    """A node that has none of what `refused` asks for."""

    def __init__(self, *refused: str) -> None:
        super().__init__()
        self.refused = refused

    async def call(self, verb: str, *, timeout_s: float | None = None, **arguments: ArgumentValue) -> Mapping[str, object]:
        """The file's answer, unless it is refused."""
        if verb in self.refused:
            raise ApiProblem("NOT_FOUND", f"no {verb} here: ask the lead")
        return await super().call(verb, timeout_s=timeout_s, **arguments)


def tree_of(rows: int, *, policy: str = "p1") -> dict[str, object]:
    """A tree with `rows` nodes, the first of them the own one."""
    nodes = [{"id": f"n{row}", "name": f"n{row}", "level": "grid", "state": "OK", "age_s": 0.1, "policy": policy} for row in range(rows)]
    return {"self": "n0", "nodes": nodes}


def event(number: int, **other: object) -> dict[str, object]:
    """An events answer whose newest event is `number`."""
    shown = {"event_id": f"e{number}", "camera": f"cam-{number}", "class": "car", "evidence_sha256": f"{number:064d}", "age_s": 1.0}
    return {"events": [shown | {"scene": "rendered"} | other]}


def calls(shown: Stage, verb: str) -> int:
    """How often the node was asked `verb`."""
    return [name for name, _ in shown.node.calls].count(verb)


@pytest.mark.slow
async def test_a_newcomer_sees_a_picture_and_one_resident_in_three_forms_with_reasons() -> None:
    async with stage(CHINESE) as shown:
        await shown.refresh()
        text = shown.text()
    assert text.count(HALF_BLOCK) == 8 * 21
    for words in ("渲染场景", "居民（虚构样例）：谁能看到什么", "完整", "脱敏", "仅汇总", "沈复生", "沈**", "拒绝: 列入负面清单", "试试"):
        assert words in text


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "is_shown"), [(5, True), (7, True), (8, False), (60, False)])
async def test_it_gives_way_to_a_tall_tree_and_then_asks_for_nothing(rows: int, is_shown: bool) -> None:
    node = FakeNode()
    node.answers["tree"] = tree_of(rows)
    async with stage(ENGLISH, SMALL, node) as shown:
        await shown.refresh()
        assert (TITLE in shown.text()) is is_shown
        assert "n4" in shown.text()
        assert ("n7" in shown.text()) is (rows > 7)
        assert (calls(shown, "specimen"), calls(shown, "evidence")) == ((1, 1) if is_shown else (0, 0))
        assert "try      Enter" in shown.lines()[-2]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(79, 24), (80, 23), (40, 10)])
async def test_it_is_absent_on_a_terminal_that_is_too_small(size: tuple[int, int]) -> None:
    async with stage(ENGLISH, size) as shown:
        await shown.refresh()
        assert "who sees what" not in shown.text()


@pytest.mark.slow
async def test_the_strip_keeps_the_newest_event_where_there_is_room_beside_it() -> None:
    node = FakeNode()
    node.answers["tree"] = tree_of(6)
    async with stage(ENGLISH, SMALL, node) as shown:
        await shown.refresh()
        assert "  newest   " in shown.text()
        shown.node.answers["tree"] = tree_of(7)
        await shown.refresh()
        assert "  newest   " not in shown.text()


@pytest.mark.slow
async def test_a_node_without_residents_events_or_pictures_says_so_in_one_line_and_without_a_panel() -> None:
    async with stage(ENGLISH, node=Refusing("specimen", "events")) as shown:
        await shown.refresh()
        assert shown.text().count("no specimen here: ask the lead") == 1
        assert shown.text().count("no events here: ask the lead") == 1
        assert shown.console.page.problem() is None
    async with stage(ENGLISH, node=Refusing("evidence")) as shown:
        await shown.refresh()
        assert "the picture is not here: no ~" in shown.text()
        assert shown.console.page.problem() is None


@pytest.mark.slow
async def test_empty_answers_are_no_trouble() -> None:
    node = FakeNode()
    node.answers |= {"events": {"events": []}, "specimen": {"resource": "residents"}}
    async with stage(ENGLISH, node=node) as shown:
        await shown.refresh()
        assert "no camera event yet" in shown.text()
        assert TITLE in shown.text()


@pytest.mark.slow
async def test_a_damaged_picture_is_said_in_its_place() -> None:
    node = FakeNode()
    node.answers["evidence"] = {"thumb_width": 4, "thumb_height": 4, "thumb_rgb": "AAAA"}
    async with stage(ENGLISH, node=node) as shown:
        await shown.refresh()
        assert "picture of 4 x 4" in shown.text()
        assert shown.console.page.problem() is None


@pytest.mark.slow
async def test_the_last_picture_stays_with_its_own_age_while_the_next_is_on_its_way_but_not_for_ever() -> None:
    node = Refusing()
    node.answers["events"] = event(1)
    async with stage(ENGLISH, node=node) as shown:
        await shown.refresh()
        node.refused = ("evidence",)
        node.answers["events"] = event(2)
        await shown.refresh(3.0)
        assert "car  cam-1  4.0s" in shown.text()
        await shown.refresh(PICTURE_KEPT_S)
        assert "car  cam-2  1.0s" in shown.text()
        assert HALF_BLOCK not in shown.text()


@pytest.mark.slow
async def test_a_scene_that_is_not_rendered_says_how_its_picture_was_treated() -> None:
    node = FakeNode()
    node.answers["events"] = event(1, scene=None)
    async with stage(ENGLISH, node=node) as shown:
        await shown.refresh()
        assert "masked at its origin" in shown.text()
        assert "rendered scene" not in shown.text()


@pytest.mark.slow
async def test_the_specimen_is_asked_for_once_a_minute_and_when_the_policy_changes() -> None:
    node = FakeNode()
    node.answers["tree"] = tree_of(5)
    async with stage(ENGLISH, node=node) as shown:
        for _ in range(3):
            await shown.refresh(1.0)
        assert calls(shown, "specimen") == 1
        node.answers["tree"] = tree_of(5, policy="p2")
        await shown.refresh(1.0)
        await shown.refresh(1.0)
        assert calls(shown, "specimen") == 2
        await shown.refresh(SPECIMEN_LASTS_S)
        assert calls(shown, "specimen") == 3


@pytest.mark.slow
async def test_a_slow_link_asks_for_no_picture_and_says_so() -> None:
    async with stage(replace(ENGLISH, slow_link=True)) as shown:
        await shown.refresh()
        assert calls(shown, "evidence") == 0
        assert "pictures are off on a slow l~" in shown.text()
        assert "rendered scene" in shown.text()


@pytest.mark.slow
async def test_nothing_in_it_stays_green_once_the_node_is_gone() -> None:
    node = FakeNode()
    node.answers["tree"] = tree_of(5)
    async with stage(ENGLISH, node=node) as shown:
        await shown.refresh()
        node.problem = GONE
        await shown.refresh(1.0)
        assert TITLE in shown.text()
        segments = [segment for strip in shown.console.screen._compositor.render_strips() for segment in strip]
        coloured = {segment.text for segment in segments if segment.style and segment.style.color and segment.text.strip()}
        green = shown.console.desk.palette.ok
        assert "in full" in {text.strip() for text in coloured}
        assert not [segment.text for segment in segments if segment.style and segment.style.color and segment.style.color.name == green]


@pytest.mark.slow
@pytest.mark.parametrize("poison", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_events_and_residents_are_only_text(poison: str) -> None:
    node = FakeNode()
    node.answers = {verb: poisoned(verb, poison) for verb in VERBS if verb != "specimen"}
    node.answers["specimen"] = poisoned("specimen", poison) | {"fields": file_answer("specimen", {})["fields"]}
    async with stage(ASCII, SMALL, node) as shown:
        await shown.refresh()
        assert TITLE in shown.text()
        assert shown.text().isascii()
        for line in shown.lines():
            assert cell_len(line) <= SMALL[0]
            assert line.isprintable()
