"""The console over time: a node that goes and comes back, figures that age, and nothing that piles up."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.tui.fake_node import FakeNode
from tests.tui.screens import ENGLISH, stage
from tui.client import ArgumentValue
from tui.errors import ApiProblem

GONE = ApiProblem("NOT_RUNNING", "no node answers")


@pytest.mark.slow
async def test_a_node_that_goes_away_leaves_grey_figures_a_code_and_an_age_and_comes_back() -> None:
    async with stage(ENGLISH) as shown:
        shown.node.problem = GONE
        await shown.refresh(4.0)
        text = shown.text()
        assert "X NOT_RUNNING  no node answers" in text
        assert "What you see is 4.0s old" in text
        assert text.count("? STALE") == 7 + 1
        assert "OK 0" in text
        shown.node.problem = None
        await shown.refresh(1.0)
        assert "NOT_RUNNING" not in shown.text()
        assert "OK 4" in shown.text()


@pytest.mark.slow
async def test_nothing_green_is_left_on_any_page_once_the_node_is_gone() -> None:
    async with stage(ENGLISH) as shown:
        for page, about in (("tree", ""), ("node", "qd-shinan"), ("resources", ""), ("resource", "residents"), ("devices", "")):
            shown.node.problem = None
            await shown.open(page, about)
            shown.node.problem = GONE
            await shown.refresh(1.0)
            green = shown.console.desk.palette.ok
            segments = [segment for strip in shown.console.screen._compositor.render_strips() for segment in strip]
            coloured = [segment.text for segment in segments if segment.style and segment.style.color and segment.style.color.name == green]
            assert not coloured, f"{page} still shows {coloured}"


@pytest.mark.slow
async def test_a_console_started_before_its_node_waits_for_it() -> None:
    node = FakeNode()
    node.problem = GONE
    async with stage(ENGLISH, node=node) as shown:
        assert "Nothing to show yet" in shown.text()
        node.problem = None
        await shown.refresh(1.0)
        assert "市南区" in shown.text()


@pytest.mark.slow
async def test_ages_grow_while_no_answer_comes_and_states_turn_stale() -> None:
    async with stage(ENGLISH) as shown:
        shown.clock.move(11.0)
        shown.console.repaint()
        await shown.pilot.pause()
        assert "OK 0" in shown.text()


@pytest.mark.slow
async def test_an_answer_of_a_wrong_shape_is_named_and_the_console_goes_on() -> None:
    async with stage(ENGLISH) as shown:
        shown.node.answers["tree"] = {"nodes": [{"id": 5}]}
        await shown.refresh()
        assert "X BAD_ANSWER  tree: Expected `str`, got `int` - at `$.nodes[0].id`" in shown.text()


@pytest.mark.slow
async def test_a_refused_picture_is_said_in_its_place_and_nothing_turns_stale() -> None:
    node = FakeNode()
    node.answers["evidence"] = {"thumb_width": 4, "thumb_height": 4, "thumb_rgb": "AAAA"}
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("event", "e000999")
        assert "picture of 4 x 4" in shown.text()
        assert shown.console.page.problem() is None


@pytest.mark.slow
async def test_a_fault_of_the_console_is_said_and_the_feed_goes_on() -> None:
    class Faulty(FakeNode):
        async def call(self, verb: str, *, timeout_s: float | None = None, **arguments: ArgumentValue) -> Mapping[str, object]:
            raise RuntimeError("boom")

    async with stage(ENGLISH) as shown:
        shown.console.feed._api = Faulty()
        shown.console._start_feed()
        await shown.until(lambda: "boom" in shown.lines()[-1])
        assert "a fault of the console: RuntimeError('boom')" in shown.lines()[-1]
        shown.console.feed._api = shown.node
        shown.console._start_feed()
        await shown.refresh(1.0)
        assert "OK 4" in shown.text()


@pytest.mark.slow
async def test_a_picture_that_has_not_arrived_is_no_trouble_of_the_node() -> None:
    class WithoutPictures(FakeNode):
        async def call(self, verb: str, *, timeout_s: float | None = None, **arguments: ArgumentValue) -> Mapping[str, object]:
            if verb == "evidence":
                raise ApiProblem("NOT_FOUND", "evidence is not here yet")
            return await super().call(verb, timeout_s=timeout_s, **arguments)

    async with stage(ENGLISH, node=WithoutPictures()) as shown:
        await shown.open("event", "e000999")
        assert "the picture is not here:" in shown.text()
        assert "NOT_FOUND" not in shown.text()


@pytest.mark.slow
async def test_the_picture_of_an_event_is_asked_for_once() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("event", "e000999")
        await shown.refresh(1.0)
        await shown.refresh(1.0)
        assert [verb for verb, _ in shown.node.calls].count("evidence") == 1


@pytest.mark.slow
async def test_two_hundred_refreshes_leave_no_widget_behind() -> None:
    async with stage(ENGLISH) as shown:
        before = len(list(shown.console.page.walk_children()))
        for _ in range(200):
            shown.clock.move(1.0)
            await shown.console.refresh_answers()
        await shown.pilot.pause()
        assert len(list(shown.console.page.walk_children())) == before


@pytest.mark.slow
async def test_opening_and_closing_pages_leaves_no_page_behind() -> None:
    async with stage(ENGLISH) as shown:
        for _ in range(5):
            await shown.press("2", "enter", "question_mark", "1")
        assert len(shown.console.screen_stack) == 1
        assert len(shown.console._registry) < 20


@pytest.mark.slow
async def test_no_color_leaves_marks_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage(ENGLISH) as shown:
        assert shown.console.no_color
        assert "! WARN" in shown.text()
        assert "X FAIL" in shown.text()
        assert ">     *市南区" in shown.text()


@pytest.mark.slow
async def test_a_dead_terminal_ends_the_console() -> None:
    async with stage(ENGLISH) as shown:
        shown.console._is_terminal_gone = lambda: True
        shown.console._leave_dead_terminal()
        await shown.pilot.pause()
        assert shown.console.return_value == 1
