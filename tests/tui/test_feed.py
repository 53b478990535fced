"""The shelf of answers: newest wins, ages count, questions that are settled rest."""

from __future__ import annotations

from sync.model import Instant
from tests.tui.fake_node import FakeNode, FixedClock
from tui.answers import Tree
from tui.errors import ApiProblem
from tui.feed import QUESTIONS_MAX, Feed, Question, Shelf
from tui.questions import TREE, evidence, specimen

NOW = Instant(5_000_000)


def test_an_older_answer_never_overwrites_a_newer_one() -> None:
    shelf = Shelf()
    shelf.put(TREE, Tree("new"), ticket=2, now=NOW)
    shelf.put(TREE, Tree("old"), ticket=1, now=NOW)
    assert shelf.seen(TREE, NOW).value == Tree("new")


def test_a_problem_keeps_the_last_answer_and_says_so() -> None:
    shelf = Shelf()
    shelf.put(TREE, Tree("a"), ticket=1, now=NOW)
    shelf.put(TREE, ApiProblem("GONE", "away"), ticket=2, now=NOW.plus(3))
    seen = shelf.seen(TREE, NOW.plus(5))
    assert (seen.value, seen.age_s, seen.answered) == (Tree("a"), 5.0, False)


def test_a_frozen_shelf_does_not_change() -> None:
    shelf = Shelf()
    shelf.put(TREE, Tree("a"), ticket=1, now=NOW)
    frozen = shelf.frozen()
    shelf.put(TREE, Tree("b"), ticket=2, now=NOW)
    assert frozen.seen(TREE, NOW).value == Tree("a")


def test_the_shelf_forgets_what_was_asked_longest_ago() -> None:
    shelf = Shelf()
    for number in range(QUESTIONS_MAX + 1):
        shelf.put(Question("tree", Tree, (("n", number),)), Tree(str(number)), ticket=1, now=NOW)
    assert shelf.seen(Question("tree", Tree, (("n", 0),)), NOW).value is None
    assert shelf.seen(Question("tree", Tree, (("n", 1),)), NOW).value is not None


async def test_a_question_asked_once_rests_after_its_answer_and_others_do_not() -> None:
    node = FakeNode()
    feed = Feed(node, FixedClock())
    for _ in range(2):
        await feed.ask_all([evidence("ab"), specimen("residents")])
    assert [verb for verb, _ in node.calls] == ["evidence", "specimen", "specimen"]


async def test_a_question_whose_answer_lasts_rests_until_it_is_old_or_its_basis_changes() -> None:
    node, clock = FakeNode(), FixedClock()
    feed = Feed(node, clock)
    asked = []
    for moved_s, policy in ((0.0, "p1"), (59.0, "p1"), (1.0, "p1"), (1.0, "p2"), (1.0, "p2")):
        clock.move(moved_s)
        await feed.ask_all([specimen("residents", lasts_s=60.0, policy=policy)])
        asked.append(len(node.calls))
    assert asked == [1, 1, 2, 3, 3]


async def test_how_long_an_answer_lasts_does_not_make_it_another_question() -> None:
    node = FakeNode()
    feed = Feed(node, FixedClock())
    await feed.ask(specimen("residents", lasts_s=60.0, policy="p1"))
    assert feed.shelf.seen(specimen("residents"), NOW).value is not None


async def test_arguments_reach_the_node() -> None:
    node = FakeNode()
    await Feed(node, FixedClock()).ask(specimen("residents"))
    assert node.calls == [("specimen", {"resource": "residents"})]


async def test_after_something_was_done_an_answer_that_would_last_is_asked_again_and_a_picture_is_not() -> None:
    node = FakeNode()
    feed = Feed(node, FixedClock())
    lasting = [evidence("ab"), specimen("residents", lasts_s=60.0)]
    await feed.ask_all(lasting)
    feed.shelf.overtake()
    await feed.ask_all(lasting)
    await feed.ask_all(lasting)
    assert [verb for verb, _ in node.calls] == ["evidence", "specimen", "specimen"]
