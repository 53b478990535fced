"""What need not be at a node, over copies made by hand; and that nothing else is excused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from simulations.checkers import Copy, Holder, Truth
from simulations.checkers.convergence import check_converged
from simulations.checkers.excuses import below_fosters, beyond_fosters, expired, handed_over, refused_and_gone
from simulations.checkers.oracle import Oracle
from simulations.checkers.truth import MadeRecords
from simulations.rules import Change
from sync.model import Level, State, Stream
from tests.simulations.checkers.test_checkers import AIR, HOLDERS, NODES, Held, copy_of, reading, truth_of

FOSTER = "d12"
FAR = "m2"
RETURNED = "enterprises"
TREE = HOLDERS | {
    FOSTER: Holder(FOSTER, Level.DISTRICT, "370102", "m1", HOLDERS["d11"].journal),
    FAR: Holder(FAR, Level.MUNICIPAL, "3702", "p0", HOLDERS["m1"].journal),
}
MOVED = TREE | {"s112": replace(HOLDERS["s112"], parent=FOSTER)}
MADE = MadeRecords(pa.table({"credit_code": ["factory"], "territory": ["370101002"]}), np.array([NODES.index("m1")], np.int64))
TRUTH = Truth((*NODES, FOSTER, FAR), {RETURNED: MADE})


def copies_of(tree: dict[str, Holder]) -> dict[str, Copy]:
    return {node: replace(copy_of("p0"), holder=holder) for node, holder in tree.items()}


def missing_in(tree: dict[str, Holder], *holding: str) -> list[str]:
    """The nodes at which the one record, which only the nodes of `holding` have, is said to be missing."""
    copies, oracle = copies_of(tree), Oracle(tree, Change.NONE)
    presence = {(node, RETURNED): np.array([node in holding]) for node in tree}
    excused = beyond_fosters(copies, TRUTH, presence, oracle, 1)
    return [violation.node for violation in check_converged(copies, TRUTH, presence, oracle, 1, excused)]


def test_what_a_foster_parent_may_not_hold_need_not_come_down_through_it() -> None:
    assert missing_in(MOVED, "p0", "m1", "d11") == []


def test_what_a_foster_parent_holds_all_the_same_must_come_down() -> None:
    assert missing_in(MOVED, "p0", "m1", "d11", FOSTER) == ["s112"]


def test_below_a_foster_parent_that_was_itself_moved_nothing_new_comes_down() -> None:
    tree = TREE | {"d11": replace(HOLDERS["d11"], parent=FAR)}
    assert missing_in(tree, "p0", "m1") == []
    assert missing_in(tree, "p0", "m1", "d11") == ["s112"]


@pytest.mark.parametrize("holding", [("p0", "m1"), ("p0", "m1", "d11")])
def test_in_its_own_chain_nothing_is_excused(holding: tuple[str, ...]) -> None:
    assert "s112" in missing_in(TREE, *holding)


def test_who_is_below_a_foster_parent_is_known_by_the_tree_as_it_stands() -> None:
    assert below_fosters(TREE) == frozenset()
    assert below_fosters(MOVED) == {"s112"}
    assert below_fosters(TREE | {"d11": replace(HOLDERS["d11"], parent=FAR)}) == {"d11", "s111", "s112"}


def test_what_was_let_go_somewhere_need_not_come_down_and_must_still_be_above_its_origin() -> None:
    gone = {("m1", RETURNED): np.array([True])}
    excused = expired(copies_of(TREE), TRUTH, gone, Oracle(TREE, Change.NONE))
    assert {node for (node, _), flags in excused.items() if flags.any()} == {"m1", *TREE} - {"p0"}
    assert ("p0", RETURNED) not in excused or not excused["p0", RETURNED].any()


ROWS = [reading(name) for name in ("a", "b", "c")]


def accounts_of(node: str, *numbers: int, stream: Stream = AIR) -> Copy:
    """A journal with nothing but accounts of what was handed over."""
    copy = copy_of(node, *(Held(1, number, [ROWS[0]]) for number in numbers), stream=stream)
    states = np.full(len(numbers), int(State.HANDED_OVER), np.int64)
    return replace(copy, runs=replace(copy.runs, state=states), records={})


def test_what_was_handed_over_is_excused_where_a_former_parent_holds_those_numbers_whatever_its_origin_has_now() -> None:
    truth = truth_of(*ROWS)
    truth.numbered.clear()
    copies = {"d11": accounts_of("d11", 4, 5, 6), "s112": copy_of("s112", Held(1, 4, [ROWS[1]]), Held(2, 5, [ROWS[0]], live=False))}
    excused = handed_over(copies, truth, {"s111": {"s112"}}, {})
    assert excused["d11", "air-quality"].tolist() == [False, True, False]


def test_what_a_former_parent_had_and_let_go_is_excused_too() -> None:
    copies = {"d11": accounts_of("d11", 1, 2), "s112": copy_of("s112")}
    gone = {("s112", "air-quality"): np.array([False, True, True])}
    excused = handed_over(copies, truth_of(*ROWS), {"s111": {"s112"}}, gone)
    assert excused["d11", "air-quality"].tolist() == [False, True, False]


@pytest.mark.parametrize("stream", [replace(AIR, incarnation=7), replace(AIR, origin="s112")])
def test_an_account_of_another_stream_excuses_nothing(stream: Stream) -> None:
    copies = {"d11": accounts_of("d11", 1, 2, 3, stream=stream), "s112": copy_of("s112", Held(1, 1, ROWS))}
    assert not handed_over(copies, truth_of(*ROWS), {"s111": {"s112"}}, {})["d11", "air-quality"].any()


def journal_with(path: Path, freed: State) -> Path:
    """A journal of which only what was let go is looked at: record 1 as `freed`, record 2 is here."""
    with closing(sqlite3.connect(path)) as journal:
        journal.execute("CREATE TABLE batch (lsn, lane, resource, freed)")
        journal.execute("CREATE TABLE batch_run (lsn, origin, incarnation, first_seq, last_seq, state)")
        journal.executemany("INSERT INTO batch VALUES (?, 4, 'air-quality', ?)", [(1, int(freed)), (2, 0)])
        journal.executemany("INSERT INTO batch_run VALUES (?, 's111', 1, ?, ?, 1)", [(1, 1, 1), (2, 2, 2)])
        journal.commit()
    return path


@pytest.mark.parametrize(
    ("freed", "state", "has_loss", "is_excused"),
    [
        (State.SHED, State.HELD, False, True),
        (State.RETENTION, State.HELD, False, False),
        (State.RETENTION, State.HELD, True, True),
        (State.SHED, State.DENIED, True, False),
    ],
)
def test_what_a_parent_refused_for_a_time_is_excused_where_its_child_had_no_room_to_keep_it(
    tmp_path: Path, freed: State, state: State, *, has_loss: bool, is_excused: bool
) -> None:
    copies = {"m1": withholding("m1", state), "d11": without_room(tmp_path, freed), "p0": copy_of("p0")}
    excused = refused_and_gone(copies, truth_of(*ROWS), {"d11"}, has_loss=has_loss)
    assert excused.get(("m1", "air-quality"), np.zeros(3, np.bool_)).tolist() == [is_excused, False, False]
    assert not excused.get(("p0", "air-quality"), np.zeros(3, np.bool_)).any()


@pytest.mark.parametrize("state", [State.HELD, State.DENIED])
def test_a_node_above_that_heard_of_it_as_held_is_excused_as_far_as_the_nodes_between_are(tmp_path: Path, state: State) -> None:
    copies = {"p0": withholding("p0", State.HELD), "m1": withholding("m1", state), "d11": without_room(tmp_path, State.SHED)}
    excused = refused_and_gone(copies, truth_of(*ROWS), {"d11"}, has_loss=False)
    is_held = state is State.HELD
    assert excused.get(("p0", "air-quality"), np.zeros(3, np.bool_)).tolist() == [is_held, False, False]


def withholding(node: str, state: State) -> Copy:
    """A node that accounts for records 1 and 2 as withheld in `state`."""
    copy = accounts_of(node, 1, 2)
    return replace(copy, runs=replace(copy.runs, state=np.full(2, int(state), np.int64)))


def without_room(tmp_path: Path, freed: State) -> Copy:
    """The district, which let record 1 go as `freed`."""
    child = copy_of("d11")
    return replace(child, holder=replace(child.holder, journal=journal_with(tmp_path / "journal.db", freed)))
