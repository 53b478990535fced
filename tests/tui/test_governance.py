"""Governance: one list of every kind of matter, what this node can decide first, and decisions by the same verbs as the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tui.fake_node import FakeNode, file_answer
from tests.tui.screens import CHINESE, ENGLISH, MIDDLE, Stage, stage
from tests.tui.test_deciding import dialog_of, words_of
from tests.tui.test_entries import place
from tui.errors import ApiProblem
from tui.keys import SAYS, SECTION_NAMES
from tui.pages.governance import KINDS
from tui.setting import Setting

RECALL = "recall/NL-4b1d0c2e9f8a7766@9a0c11d2e3f40516"
REGRADE = "regrade/a0710cc21b624021"
LAW = 'instrument = "i"\narticle = "a"\nquote = "q"\n'


def told(node: FakeNode, verb: str) -> list[dict[str, object]]:
    """What the node was told with `verb`."""
    return [dict(arguments) for name, arguments in node.calls if name == verb]


async def fill(shown: Stage, **values: str) -> None:
    """Write into the fields of the open dialog."""
    for name, value in values.items():
        dialog_of(shown).query_one(f"#{name}").value = value  # type: ignore[attr-defined]
    await shown.pilot.pause()


async def act(shown: Stage) -> None:
    """Press the button of the open dialog, and wait for what comes of it, not for what came of it before."""
    pressed = dialog_of(shown)
    before = pressed.outcome
    pressed.query_one("#act").action_press()  # type: ignore[attr-defined]
    await shown.pilot.pause()

    def is_over() -> bool:
        outcome, objection = pressed.outcome, pressed._objection
        return shown.console.dialog is not pressed or bool(objection) or (outcome is not None and outcome is not before)

    await shown.until(is_over)


def test_every_section_is_a_kind_and_every_kind_has_its_texts_in_the_key_table() -> None:
    assert SECTION_NAMES["governance"] == ("all", *dict.fromkeys(kind.section or kind.name for kind in KINDS.values()))
    for kind in KINDS.values():
        presses = [key.press for key in kind.keys]
        assert all(key is SAYS[key.name] for key in kind.keys)
        assert len({*presses}) == len(presses)


@pytest.mark.slow
async def test_what_this_node_can_decide_comes_first_then_what_is_late_then_what_is_settled() -> None:
    async with stage(ENGLISH, MIDDLE) as shown:
        await shown.press("7")
        text = shown.text()
        order = ["! waits for the second", "raise 12 to L4", "X over, to be reviewed", "X pending, open", "reviewed  ", "7/7 answered"]
        assert [place(text, word) for word in order] == sorted(place(text, word) for word in order)
        assert "9 for you" in shown.lines()[1]


@pytest.mark.slow
async def test_tab_opens_one_kind_after_the_other_and_goes_round_and_back() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("7", "tab")
        assert "[emergencies 3]" in shown.lines()[2]
        assert "residents born" not in shown.text()
        await shown.press("shift+tab", "shift+tab")
        assert "[models 2]" in shown.lines()[2]
        await shown.press("tab")
        assert "[all 16]" in shown.lines()[2]


@pytest.mark.slow
async def test_a_recall_shows_its_receipts_and_who_has_not_answered() -> None:
    async with stage(ENGLISH, (120, 60)) as shown:
        await shown.open("matter", RECALL)
        text = shown.text()
        assert "! done, open" in text
        assert "3/5 answered" in text
        assert "No receipt yet (2)" in text
        assert "qd-g-tuandao-1" in text
        assert "root hash 04b63ade8322366e" in text
        assert "was given on to: 山东省 602" in text


@pytest.mark.slow
async def test_a_change_of_grades_shows_its_law_and_what_did_not_count_and_is_signed_by_its_typed_resource() -> None:
    node = FakeNode()
    node.answers["regrade_decide"] = file_answer("regrade_show", {}) | {"state": "approved"}
    async with stage(ENGLISH, (120, 60), node) as shown:
        await shown.open("matter", REGRADE)
        assert "did not count because approve needs another person than 李明" in shown.text()
        assert "第六十一条" in shown.text()
        assert {"a approve", "r refuse"} <= {hint.strip() for hint in shown.lines()[-1].split("  ")}
        await shown.press("a")
        assert "12 records" in words_of(shown)
        assert "cannot be undone" in words_of(shown)
        await act(shown)
        assert (told(node, "regrade_decide"), "type residents" in words_of(shown)) == ([], True)
        await fill(shown, scope="residents")
        await act(shown)
        assert told(node, "regrade_decide") == [{"id": "a0710cc21b624021", "fact": "approve", "by": "wangfang", "why": ""}]
        assert "it is now approved" in words_of(shown)


@pytest.mark.slow
async def test_the_rule_of_two_persons_is_the_nodes_and_its_refusal_is_said() -> None:
    node = FakeNode()
    node.refusals["emergency_approve"] = ApiProblem("INVALID", "grant needs another person than wangfang, who said ask")
    async with stage(ENGLISH, node=node) as shown:
        await shown.open("matter", "emergency/a15a1379831f1518")
        await shown.press("a")
        await fill(shown, scope="residents")
        await act(shown)
        assert told(node, "emergency_approve") == [{"id": "a15a1379831f1518", "by": "wangfang"}]
        assert "The node refused: grant needs another person" in words_of(shown)


@pytest.mark.slow
async def test_the_clock_of_an_emergency_runs_between_answers() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("7", "tab")
        assert "5h left" in shown.text()
        shown.clock.move(5 * 3_600)
        shown.console.repaint()
        await shown.pilot.pause()
        assert "12m left" in shown.text()
        shown.clock.move(3_600)
        shown.console.repaint()
        await shown.pilot.pause()
        assert "time is up" in shown.text()


@pytest.mark.slow
async def test_an_emergency_is_declared_with_its_blanks_and_an_empty_one_is_asked_for() -> None:
    node = FakeNode()
    node.answers["emergency_open"] = file_answer("emergency_show", {})
    async with stage(ENGLISH, node=node) as shown:
        await shown.press("7", "tab", "n")
        await act(shown)
        assert "Fill in: data of node" in words_of(shown)
        await fill(shown, provider="qd-badaxia", resource="residents", hours="no", fields="name, phone", why="fire")
        await act(shown)
        assert "'no' is not a number" in words_of(shown)
        await fill(shown, hours="6")
        await act(shown)
        wanted = {"provider": "qd-badaxia", "resource": "residents", "hours": 6, "fields": ("name", "phone"), "filter": ""}
        assert told(node, "emergency_open") == [wanted | {"by": "wangfang", "why": "fire"}]
        assert "Opened as a15a1379831f1518" in words_of(shown)


@pytest.mark.slow
async def test_a_change_of_grades_is_proposed_as_the_command_line_does_from_the_same_files(tmp_path: Path) -> None:
    node = FakeNode()
    node.answers["regrade_propose"] = file_answer("regrade_show", {})
    (tmp_path / "law.toml").write_text(LAW)
    (tmp_path / "keys.txt").write_text("r1\nr2\n")
    async with stage(ENGLISH, node=node) as shown:
        await shown.console.show_page("governance", "regrade")
        await shown.press("n")
        await fill(shown, resource="residents", grade="l9", basis=str(tmp_path / "none.toml"), why="protection")
        await act(shown)
        assert "is not one of L1, L2, L3, L4" in words_of(shown)
        await fill(shown, grade="-l2")
        await act(shown)
        assert "cannot be read" in words_of(shown)
        await fill(shown, basis=str(tmp_path / "law.toml"), key="resident_id", keys=str(tmp_path / "keys.txt"))
        await act(shown)
        (said,) = told(node, "regrade_propose")
    assert (said["grade"], said["raises"], said["key"], said["keys"]) == (2, False, "resident_id", ("r1", "r2"))
    assert {"instrument", "article", "quote", "sha256"} == set(said["basis"])  # type: ignore[call-overload]


@pytest.mark.slow
async def test_a_key_says_what_the_matter_takes_and_one_that_it_does_not_take_opens_nothing() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("matter", "quality/82c7")
        shown.node.answers["quality_show"] = file_answer("quality_show", {}) | {"id": "82c7", "state": "corrected", "takes": {"verify": []}}
        await shown.refresh()
        await shown.press("v")
        assert "Verify: ticket 82c7" in words_of(shown)
        await shown.press("escape", "a")
        assert "does not take that now: accept" in shown.lines()[-1]
        assert shown.console.dialog is None


@pytest.mark.slow
async def test_a_read_only_console_offers_nothing_and_says_so() -> None:
    async with stage(replace(ENGLISH, read_only=True)) as shown:
        await shown.open("matter", REGRADE)
        assert "approve" not in shown.lines()[-1]
        await shown.press("a")
        assert "read-only" in shown.lines()[-1]
        await shown.press("7", "tab", "n")
        assert shown.console.dialog is None
        assert "read-only" in shown.lines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("setting", [CHINESE, ENGLISH], ids=["zh", "en"])
async def test_every_decision_that_any_kind_knows_has_its_words(setting: Setting) -> None:
    needs = {"refuse": ["why"], "lift": ["why"], "end": ["why"], "release": ["why"], "uphold": ["why"], "dispute": ["why"]}
    async with stage(setting) as shown:
        for name, kind in KINDS.items():
            words = getattr(kind, "words", {})
            taken = {words.get(key.name, key.name): needs.get(key.name, []) for key in kind.keys}
            verb = kind.shown("x").verb
            shown.node.answers[verb] = file_answer(verb, {}) | {"takes": taken}
            await shown.open("matter", f"{name}/x")
            for key in kind.keys:
                decision = kind.decision("x", key.name, shown.console.desk)
                assert decision is not None
                assert decision.hindrance() == ""
                assert "{" not in decision.title + decision.sentence + decision.button


@pytest.mark.slow
async def test_a_refusal_of_one_list_is_said_and_the_others_are_shown() -> None:
    node = FakeNode()
    node.refusals["regrade_list"] = ApiProblem("UNKNOWN_VERB", "verb 'regrade_list' is not known")
    async with stage(ENGLISH, node=node) as shown:
        await shown.press("7")
        assert "X UNKNOWN_VERB" in shown.text()
        assert "waits for the sec" in shown.text()
