"""The pages of the negative list: groups, marks, what is shown whole, and what the key bar offers."""

from __future__ import annotations

import pytest

from tests.tui.fake_node import START_WALL_US, FakeNode, file_answer
from tests.tui.screens import ASCII, CHINESE, ENGLISH, MIDDLE, Stage, stage
from tui.errors import ApiProblem
from tui.questions import WAITING_MAX

PROPOSED, REVIEWED, LIVE, UNISSUED, REFUSED = (
    "4b1d0c2e9f8a7766",
    "9f00aa31c25d1e02",
    "1a2b3c4d5e6f7081",
    "6a2b3c4d5e6f7086",
    "aa11bb22cc33dd44",
)
HINTS = {"v": "v review", "a": "a approve", "r": "r refuse", "w": "w withdraw", "x": "x revoke"}


async def all_lines(shown: Stage) -> str:
    """Every line of the detail page, scrolled out ones too."""
    return "\n".join(line.plain for line in shown.console.page.query_one("#body").lines)  # type: ignore[attr-defined]


def place(text: str, word: str) -> int:
    """The line on which `word` stands first."""
    return next(number for number, line in enumerate(text.splitlines()) if word in line)


@pytest.mark.slow
async def test_what_waits_comes_first_then_what_is_approved_then_what_was_decided() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("6")
        text = shown.text()
        order = ["! reviewed, overdue", " proposed", "X not in force", "! ends within 7 days", "! ends within 30 days", "refused"]
        assert [place(text, word) for word in order] == sorted(place(text, word) for word in order)
        assert "3 wait" in shown.lines()[1]


@pytest.mark.slow
async def test_entries_in_force_without_a_case_are_listed_once_and_can_be_opened() -> None:
    async with stage(ENGLISH, MIDDLE) as shown:
        await shown.press("6", "slash", *"DEMO", "enter")
        assert "1 of " in shown.lines()[1]
        await shown.press("enter")
        text = await all_lines(shown)
        assert "no case is here: the entry came with the bundle of qingdao" in text
        assert "an invented entry, shipped as an example" in text
        assert not any(hint in shown.lines()[-1] for hint in HINTS.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "keys"), [(PROPOSED, "vrw"), (REVIEWED, "ar"), (LIVE, "x"), (REFUSED, "")], ids=["proposed", "reviewed", "live", "refused"]
)
async def test_the_key_bar_offers_what_the_case_takes_and_nothing_else(case: str, keys: str) -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("entry", case)
        assert {key for key, hint in HINTS.items() if hint in shown.lines()[-1]} == set(keys)


@pytest.mark.slow
async def test_a_key_that_the_case_does_not_take_says_so_and_opens_nothing() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("entry", LIVE)
        await shown.press("a")
        assert "does not take that now: approve" in shown.lines()[-1]
        assert shown.console.dialog is None


@pytest.mark.slow
async def test_an_entry_that_is_approved_and_not_in_force_says_why_in_full() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("entry", UNISSUED)
        assert "X Approved and not in force" in shown.text()
        assert "below the municipality an entry may hold for 30 days at most" in " ".join(shown.text().split())


@pytest.mark.slow
async def test_the_history_says_who_where_and_why_and_what_did_not_count() -> None:
    async with stage(ENGLISH, MIDDLE) as shown:
        await shown.open("entry", PROPOSED)
        text = await all_lines(shown)
        assert "proposed by 李明 at 市南区" in text
        assert "why: 新法施行" in text
        assert "did not count because review needs another person than 李明" in text


@pytest.mark.slow
async def test_a_long_quote_and_predicate_are_shown_whole() -> None:
    node, case = FakeNode(), file_answer("entry_show", {})
    quote, predicate = "法" * 3_999 + "完", "a = 1 OR " * 400 + "z = 2"
    whole = dict(case["whole"]) | {"predicate": predicate, "basis": {"instrument": "i", "article": "a", "quote": quote}}  # type: ignore[call-overload]
    node.answers["entry_show"] = case | {"whole": whole}
    async with stage(CHINESE, node=node) as shown:
        await shown.open("entry", PROPOSED)
        joined = "".join((await all_lines(shown)).split())
        assert quote in joined
        assert "".join(predicate.split()) in joined


@pytest.mark.slow
async def test_an_entry_without_its_basis_says_that_it_has_no_effect() -> None:
    async with stage(ENGLISH) as shown:
        await shown.open("entry", "shandong/NL-OLD-2")
        text = await all_lines(shown)
        assert "X without effect" in text
        assert "no: no legal basis" in text
        assert "none: without its basis" in text


@pytest.mark.slow
async def test_a_node_that_goes_away_greys_the_list_and_says_so() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("6")
        shown.node.problem = ApiProblem("NOT_RUNNING", "no node answers")
        await shown.refresh(11.0)
        assert "X NOT_RUNNING" in shown.text()
        assert "! reviewed, overdue" in shown.text()


@pytest.mark.slow
async def test_what_seldom_changes_is_not_asked_every_second_and_what_waits_is() -> None:
    async with stage(ENGLISH) as shown:
        await shown.press("6")
        shown.node.calls.clear()
        await shown.refresh(1.0)
        assert [arguments["states"] for verb, arguments in shown.node.calls if verb == "entry_list"] == [("proposed", "reviewed")]


@pytest.mark.slow
async def test_an_absurd_end_and_an_unknown_state_are_shown_as_what_they_are() -> None:
    node = FakeNode()
    odd = {"id": "x", "entry": "NL-x", "state": "levitating", "valid_to_us": 1 << 62, "opened_us": START_WALL_US}
    node.answers["entry_list"] = {"entries": [odd]}
    async with stage(ASCII, node=node) as shown:
        await shown.press("6")
        assert "levitating" in shown.text()


@pytest.mark.slow
async def test_a_terminal_that_cannot_draw_an_entry_says_so_and_where_to_read_it() -> None:
    async with stage(ASCII) as shown:
        await shown.open("entry", PROPOSED)
        assert f"read it elsewhere with yunnao entry show {PROPOSED}" in " ".join(shown.text().split())
    async with stage(ENGLISH) as shown:
        await shown.open("entry", PROPOSED)
        assert "cannot draw" not in shown.text()


@pytest.mark.slow
async def test_more_waiting_cases_than_are_listed_are_not_counted_as_all() -> None:
    node = FakeNode()
    node.answers["entry_list"] = {"entries": [{"id": f"c{number}", "state": "proposed"} for number in range(WAITING_MAX)]}
    async with stage(ENGLISH, node=node) as shown:
        await shown.press("6")
        assert f"{WAITING_MAX}+ wait" in shown.lines()[1]


@pytest.mark.slow
async def test_what_this_node_can_decide_stands_before_what_waits_for_others() -> None:
    node = FakeNode()
    others = {"id": "b", "entry": "NL-b", "state": "proposed", "resource": "for-others", "due_us": 1}
    mine = {"id": "a", "entry": "NL-a", "state": "proposed", "resource": "for-me", "due_us": 2, "takes": {"review": []}}
    node.answers["entry_list"] = {"entries": [others, mine]}
    async with stage(ENGLISH, MIDDLE, node=node) as shown:
        await shown.press("6")
        assert place(shown.text(), "for-me") < place(shown.text(), "for-others")
