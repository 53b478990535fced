"""Every key of the console, pressed."""

from __future__ import annotations

import pytest

from node.texts import catalogue
from tests.tui.screens import CHINESE, ENGLISH, SMALL, stage
from tui.keys import COMMON, DECISIONS, SECTIONS


@pytest.mark.slow
async def test_enter_drills_down_and_escape_goes_back() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("enter")
        assert shown.console.page.name_key == "node"
        assert "State in words" in shown.text()
        await shown.press("escape")
        assert shown.console.page.name_key == "tree"
        await shown.press("escape")
        assert shown.console.page.name_key == "tree"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("2", "events"),
        ("3", "resources"),
        ("4", "incidents"),
        ("5", "devices"),
        ("6", "entries"),
        ("7", "governance"),
        ("8", "oversight"),
        ("question_mark", "help"),
    ],
)
async def test_number_keys_and_help_open_their_pages_from_anywhere(key: str, name: str) -> None:
    async with stage() as shown:
        await shown.press("enter", key)
        assert shown.console.page.name_key == name


@pytest.mark.slow
async def test_the_cursor_starts_on_the_own_node_and_the_breadcrumb_follows_it() -> None:
    async with stage(ENGLISH) as shown:
        assert shown.lines()[0].strip().startswith("山东省 > 青岛市 > *市南区  ")
        await shown.press("down", "down")
        assert shown.lines()[0].strip().startswith("山东省 > 青岛市 > *市南区 > 八大峡街道 > 团岛一网格")
        await shown.press("home")
        assert shown.lines()[0].strip().startswith("山东省  ")


@pytest.mark.slow
async def test_filter_narrows_as_it_is_typed_keeps_on_enter_and_drops_on_escape() -> None:
    async with stage(CHINESE) as shown:
        await shown.press("slash", "b", "d", "x")
        assert "八大峡街道" in shown.text()
        assert "云南路街道" not in shown.text()
        await shown.press("enter")
        assert "/bdx  1 / 7" in shown.lines()[1]
        await shown.press("escape")
        assert "7 行" in shown.lines()[1]


@pytest.mark.slow
async def test_filter_with_an_exclamation_mark_leaves_rows_out() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("slash", *"!qd-")
        assert "2 of 7" in shown.lines()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("events", "events"),
        ("ev", "events"),
        ("zy", "resources"),
        ("fmqd", "entries"),
        ("entries", "entries"),
        ("node qd-badaxia", "node"),
        ("resource residents", "resource"),
        ("entry NL-4b1d0c2e9f8a7766", "entry"),
        ("zl", "governance"),
        ("recall", "governance"),
        ("sjrz", "oversight"),
        ("log case", "oversight"),
        ("regrade a0710cc21b624021", "matter"),
        ("qingdao", "node"),
    ],
)
async def test_commands_go_to_pages_by_name_beginning_pinyin_and_id(typed: str, name: str) -> None:
    async with stage(CHINESE) as shown:
        await shown.press("colon", *("space" if letter == " " else letter for letter in typed), "enter")
        assert shown.console.page.name_key == name


@pytest.mark.slow
async def test_an_unknown_command_is_told_and_the_next_key_clears_it() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("colon", *"nowhere", "enter")
        assert "answers to nowhere" in shown.lines()[-1]
        await shown.press("down")
        assert "filter" in shown.lines()[-1]


@pytest.mark.slow
async def test_freeze_holds_figures_while_ages_go_on_and_turn_stale() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("f")
        assert "FROZEN" in shown.lines()[1]
        shown.node.answers["tree"] = {"self": "other", "nodes": []}
        await shown.refresh(11.0)
        assert "市南区" in shown.text()
        assert " OK " not in "\n".join(shown.lines()[3:10])
        await shown.press("f")
        assert "市南区" not in shown.text()


@pytest.mark.slow
async def test_colours_change_round_and_by_command() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("t")
        assert shown.console.theme == "high-contrast"
        await shown.press("colon", *"theme", "space", *"deuteranopia", "enter")
        assert shown.console.theme == "deuteranopia"


@pytest.mark.slow
@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit_leaves_with_zero(key: str) -> None:
    async with stage() as shown:
        await shown.pilot.press(key)
        await shown.pilot.pause()
        assert shown.console.return_value == 0


@pytest.mark.slow
async def test_q_is_a_letter_while_typing() -> None:
    async with stage() as shown:
        await shown.press("slash", "q")
        assert shown.console.is_running
        assert shown.console.page.wanted == "q"


@pytest.mark.slow
async def test_help_explains_every_key_there_is() -> None:
    async with stage(ENGLISH, (120, 90)) as shown:
        await shown.press("question_mark")
        text = shown.text()
        assert all(catalogue("en")[f"console.help_{key.name}"] in text for key in (*COMMON, *DECISIONS, *SECTIONS))


@pytest.mark.slow
@pytest.mark.parametrize("width", [30, 45, 80])
async def test_the_key_bar_is_one_line_of_whole_hints_on_a_narrow_terminal(width: int) -> None:
    async with stage(ENGLISH, (width, 20)) as shown:
        assert shown.lines()[-1].startswith(" Enter open")
        assert len(shown.lines()) == 20
        last = shown.lines()[-1].split()[-1]
        assert last in {"open", "filter", "to", "freeze", "help", "quit"}


@pytest.mark.slow
async def test_a_short_terminal_gives_the_strip_to_the_table() -> None:
    async with stage(ENGLISH, (SMALL[0], 12)) as shown:
        assert "newest" not in shown.text()
        assert "东平路网格" in shown.text()
