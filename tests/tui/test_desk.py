"""What pages share: the chain of ancestors, ages, freezing."""

from __future__ import annotations

from sync.model import Instant
from tests.tui.fake_node import FixedClock
from tui.answers import NodeStatus, Tree
from tui.desk import ANCESTORS_MAX, Desk, age_of, chain
from tui.feed import Shelf
from tui.questions import TREE
from tui.setting import Setting


def test_a_chain_runs_from_the_top_down() -> None:
    tree = Tree("b", [NodeStatus("a"), NodeStatus("b", parent="a"), NodeStatus("c", parent="b")])
    assert [node.id for node in chain(tree, "c")] == ["a", "b", "c"]


def test_a_loop_of_parents_ends() -> None:
    tree = Tree("a", [NodeStatus("a", parent="b"), NodeStatus("b", parent="a")])
    assert len(chain(tree, "a")) == ANCESTORS_MAX


def test_an_unknown_age_stays_unknown() -> None:
    assert age_of(None, 1.0) is None
    assert age_of(1.0, None) is None
    assert age_of(1.0, 2.0) == 3.0


def test_freezing_twice_is_live_again() -> None:
    shelf = Shelf()
    desk = Desk(Setting(), FixedClock(), shelf)
    desk.turn_freeze()
    shelf.put(TREE, Tree("late"), ticket=1, now=Instant(0))
    assert desk.tree().value is None
    desk.turn_freeze()
    assert desk.tree().value == Tree("late")
