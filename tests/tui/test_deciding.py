"""Decisions: Cancel in focus, one call per press, the answer or the refusal in words, and nothing while the node is away."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from textual.widgets import Input

from tests.tui.fake_node import FakeNode, file_answer
from tests.tui.screens import ASCII, CHINESE, ENGLISH, MIDDLE, SMALL, Stage, stage
from tests.tui.test_entries import LIVE, PROPOSED, REVIEWED, UNISSUED
from tui.client import ArgumentValue
from tui.errors import ApiProblem
from tui.pages.deciding_page import DecidingPage
from tui.pages.dialog import DecisionDialog, Phase
from tui.widgets.bars import Bar

GONE = ApiProblem("NOT_RUNNING", "no node answers")
APPROVED = {"id": REVIEWED, "entry": f"NL-{REVIEWED}", "state": "approved", "standing": "live"}


def said(node: FakeNode) -> list[dict[str, object]]:
    """What the node was told to decide."""
    return [dict(arguments) for verb, arguments in node.calls if verb == "entry_decide"]


def dialog_of(shown: Stage) -> DecisionDialog:
    """The dialog that is open."""
    assert shown.console.dialog is not None
    return shown.console.dialog


def words_of(shown: Stage) -> str:
    """The words of the dialog that is open, without its frame and what is under it."""
    return " ".join(bar.shown.plain.replace("\n", " ") for bar in dialog_of(shown).query(Bar))


async def opened(shown: Stage, case: str, key: str) -> None:
    """The dialog that `key` opens on the page of `case`."""
    await shown.open("entry", case)
    await shown.press(key)


@pytest.mark.slow
async def test_the_dialog_says_what_will_happen_to_whom_names_the_person_and_has_cancel_in_focus() -> None:
    async with stage(ENGLISH) as shown:
        await opened(shown, REVIEWED, "r")
        text = words_of(shown)
        assert "Refuse entry NL-9f00aa31c25d1e02" in text
        assert 'The proposal of "王芳 (qd-badaxia)" ends here for good' in text
        assert "your name" in text
        assert "  wangfang " in shown.text()
        assert "> [ Cancel ] <" in shown.text()


async def test_answers_that_come_while_the_dialog_is_being_built_leave_it_to_draw_itself() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("entry", REVIEWED)
        pressing = asyncio.ensure_future(shown.press("r"))
        while not pressing.done():
            shown.console.repaint()
            await asyncio.sleep(0)
        assert "> [ Cancel ] <" in shown.text()


@pytest.mark.slow
@pytest.mark.parametrize("key", ["escape", "enter", "space"])
async def test_the_first_key_out_of_the_dialog_decides_nothing(key: str) -> None:
    async with stage() as shown:
        await opened(shown, REVIEWED, "a")
        await shown.press(key)
        assert shown.console.dialog is None
        assert said(shown.node) == []


@pytest.mark.slow
async def test_a_decision_is_told_once_with_person_and_reason_and_the_answer_is_in_words() -> None:
    node = FakeNode()
    node.answers["entry_decide"] = APPROVED | {"state": "refused", "standing": ""}
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, REVIEWED, "r")
        await shown.press("tab", "tab", *"no", "tab", *"2", "down", "down", "enter")
        await shown.until(lambda: dialog_of(shown).phase is Phase.DONE)
        assert said(node) == [{"id": REVIEWED, "fact": "refuse", "by": "wangfang2", "why": "no"}]
        assert "Done: the entry is now refused." in shown.text()
        assert "> [ Close ] <" in shown.text()
        await shown.press("enter")
        assert "Done: the entry is now refused." in shown.lines()[-1]


@pytest.mark.slow
async def test_pressed_twice_while_the_node_is_slow_it_is_told_once_and_esc_does_not_hide_the_answer() -> None:
    node = FakeNode()
    node.gates["entry_decide"] = asyncio.Event()
    node.answers["entry_decide"] = APPROVED
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, PROPOSED, "v")
        await shown.pilot.press("tab", "enter", "enter", "enter")
        await shown.press("escape")
        assert "Sent once; waiting for the node" in shown.text()
        assert dialog_of(shown).phase is Phase.SENDING
        node.gates["entry_decide"].set()
        await shown.until(lambda: dialog_of(shown).phase is Phase.DONE)
        assert len(said(node)) == 1
        await shown.press("enter", "enter")
        assert len(said(node)) == 1


@pytest.mark.slow
async def test_pressing_the_key_twice_opens_one_dialog() -> None:
    async with stage() as shown:
        await shown.open("entry", REVIEWED)
        page = shown.console.page
        assert isinstance(page, DecidingPage)
        page.action_decide("approve")
        page.action_decide("approve")
        await shown.until(lambda: shown.console.dialog is not None)
        await shown.refresh()
        await shown.refresh()
        assert [isinstance(screen, DecisionDialog) for screen in shown.console.screen_stack].count(True) == 1


@pytest.mark.slow
async def test_a_reason_that_is_missing_is_asked_for_and_nothing_is_sent() -> None:
    async with stage(ENGLISH) as shown:
        await opened(shown, REVIEWED, "r")
        await shown.press("tab", "enter")
        assert "This needs a reason." in shown.text()
        assert dialog_of(shown).focused is dialog_of(shown).query_one("#why")
        await shown.press("space", "space", "tab", "tab", "tab", "enter")
        assert said(shown.node) == []
        await shown.press("x")
        assert "This needs a reason." not in shown.text()


@pytest.mark.slow
async def test_without_a_name_nothing_is_sent() -> None:
    async with stage(replace(ENGLISH, person="")) as shown:
        await opened(shown, PROPOSED, "v")
        await shown.press("tab", "enter")
        assert "the name of who decides" in shown.text()
        assert said(shown.node) == []


@pytest.mark.slow
async def test_a_refusal_is_in_words_cancel_has_the_focus_again_and_another_person_may_try() -> None:
    node = FakeNode()
    node.refusals["entry_decide"] = ApiProblem("DENIED", "review refused: review needs another person than wangfang, who said propose")
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, PROPOSED, "v")
        await shown.press("tab", "enter")
        await shown.until(lambda: "The node refused" in shown.text())
        assert "The node refused: review refused: review needs another person than wangfang" in words_of(shown)
        assert "> [ Cancel ] <" in shown.text()
        del node.refusals["entry_decide"]
        node.answers["entry_decide"] = APPROVED | {"state": "reviewed", "standing": ""}
        await shown.press("up", "end", "backspace", "tab", "tab", "enter")
        await shown.until(lambda: dialog_of(shown).phase is Phase.DONE)
        assert [one["by"] for one in said(node)] == ["wangfang", "wangfan"]


@pytest.mark.slow
async def test_while_the_node_is_away_the_dialog_says_so_sends_nothing_and_goes_on_when_it_is_back() -> None:
    node = FakeNode()
    node.answers["entry_decide"] = APPROVED
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, REVIEWED, "r")
        node.problem = GONE
        await shown.press("tab", "tab", *"because")
        assert "The node does not answer (NOT_RUNNING)" in shown.text()
        await shown.press("up", "enter")
        assert said(node) == []
        node.problem = None
        await shown.refresh(1.0)
        assert "The node does not answer" not in shown.text()
        assert "because" in shown.text()


@pytest.mark.slow
@pytest.mark.parametrize("code", ["NOT_RUNNING", "TIMEOUT", "FAILED", "BAD_ANSWER"])
async def test_no_answer_is_told_as_not_known_and_the_case_is_looked_at_again(code: str) -> None:
    node = FakeNode()
    node.refusals["entry_decide"] = ApiProblem(code, "gone")
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, PROPOSED, "v")
        node.calls.clear()
        await shown.pilot.press("tab", "enter")
        await shown.until(lambda: "It may have been done" in shown.text())
        assert f"No answer: {code}: gone. It may have been done" in words_of(shown)
        verbs = [verb for verb, _ in node.calls]
        assert "entry_show" in verbs[verbs.index("entry_decide") :]


@pytest.mark.slow
async def test_what_somebody_else_decided_meanwhile_is_said_and_nothing_is_sent() -> None:
    node = FakeNode()
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, REVIEWED, "a")
        node.answers["entry_show"] = file_answer("entry_show", {"id": REVIEWED}) | {"state": "refused", "takes": {}, "overdue": False}
        await shown.refresh(1.0)
        assert "The entry is now: refused." in shown.text()
        await shown.press("tab", *"enterprise", "enter")
        await shown.press("tab", "enter")
        assert said(node) == []


@pytest.mark.slow
async def test_a_frozen_screen_does_not_hide_from_the_dialog_how_the_case_stands() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("entry", PROPOSED)
        await shown.press("f", "v")
        shown.node.answers["entry_show"] = file_answer("entry_show", {}) | {"state": "withdrawn", "takes": {}}
        await shown.refresh(1.0)
        assert "The entry is now: withdrawn." in shown.text()


@pytest.mark.slow
async def test_a_wide_scope_must_be_typed() -> None:
    node = FakeNode()
    node.answers["entry_decide"] = APPROVED
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, REVIEWED, "a")
        assert "Wide scope: type enterprise*" in shown.text()
        await shown.press("tab", "enter")
        assert said(node) == []
        await shown.press(*"enterprise", "asterisk", "tab", "tab", "enter")
        await shown.until(lambda: dialog_of(shown).phase is Phase.DONE)
        assert [one["fact"] for one in said(node)] == ["approve"]


@pytest.mark.slow
async def test_an_approval_that_could_not_be_issued_says_so() -> None:
    node = FakeNode()
    node.answers["entry_decide"] = APPROVED | {"fault": "epoch 9 is too large"}
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, PROPOSED, "v")
        await shown.press("tab", "enter")
        await shown.until(lambda: dialog_of(shown).phase is Phase.DONE)
        assert "approved, but not in force: epoch 9 is too large" in shown.text()


@pytest.mark.slow
async def test_a_decision_is_followed_by_fresh_lists() -> None:
    node = FakeNode()
    node.answers["entry_decide"] = APPROVED
    async with stage(ENGLISH, node=node) as shown:
        await shown.press("6", "enter")
        await shown.press("r", "tab", "tab", *"no", "up", "enter")
        await shown.until(lambda: dialog_of(shown).phase is Phase.DONE)
        await shown.press("enter", "escape", "6")
        verbs = [verb for verb, _ in node.calls]
        after = verbs[verbs.index("entry_decide") :]
        assert after.count("entry_register") == 1
        assert after.count("entry_list") >= 3


@pytest.mark.slow
async def test_a_read_only_console_decides_nothing() -> None:
    async with stage(replace(ENGLISH, read_only=True)) as shown:
        await shown.open("entry", LIVE)
        assert "x revoke" not in shown.lines()[-1]
        await shown.press("x")
        assert "read-only" in shown.lines()[-1]
        assert shown.console.dialog is None


@pytest.mark.slow
async def test_a_fault_of_the_console_while_deciding_is_said_in_the_dialog() -> None:
    class Faulty(FakeNode):
        async def call(self, verb: str, *, timeout_s: float | None = None, **arguments: ArgumentValue) -> Mapping[str, object]:
            raise RuntimeError("boom")

    async with stage(ENGLISH) as shown:
        await opened(shown, PROPOSED, "v")
        shown.console._api = Faulty()
        await shown.press("tab", "enter")
        await shown.until(lambda: "boom" in shown.text())
        assert dialog_of(shown).phase is Phase.ASKING


@pytest.mark.slow
async def test_q_is_a_letter_in_the_dialog_and_ctrl_c_still_leaves() -> None:
    async with stage(ENGLISH) as shown:
        await opened(shown, UNISSUED, "x")
        await shown.press("tab", "tab", "q", "6")
        assert dialog_of(shown).query_one("#why", Input).value == "q6"
        await shown.pilot.press("ctrl+c")
        await shown.pilot.pause()
        assert shown.console.return_value == 0


@pytest.mark.slow
@pytest.mark.parametrize("setting", [CHINESE, ASCII], ids=["zh", "ascii"])
@pytest.mark.parametrize("size", [(50, 16), SMALL, MIDDLE], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_dialog_fits_small_terminals_and_plain_ones(setting: object, size: tuple[int, int]) -> None:
    assert setting in (CHINESE, ASCII)
    dress = CHINESE if setting is CHINESE else ASCII
    async with stage(dress, size) as shown:
        await opened(shown, REVIEWED, "a")
        assert dialog_of(shown).focused is dialog_of(shown).query_one("#cancel")
        assert "> [ " in shown.text()
        assert dress is CHINESE or shown.text().isascii()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("standing", "words"),
    [("expiring", "approved, ends within 30 days"), ("live", "approved, in force"), ("not-yet", "approved, not begun")],
)
async def test_an_approval_says_how_the_entry_stands_to_its_dates(standing: str, words: str) -> None:
    node = FakeNode()
    node.answers["entry_decide"] = APPROVED | {"standing": standing}
    async with stage(ENGLISH, node=node) as shown:
        await opened(shown, PROPOSED, "v")
        await shown.press("tab", "enter")
        await shown.until(lambda: dialog_of(shown).phase is Phase.DONE)
        assert f"Done: the entry is now {words}." in words_of(shown)
