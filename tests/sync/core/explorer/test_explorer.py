"""Every state of the small tree within a bound of faults keeps the promises; a planted bug is found."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from node.attachment import handover
from sync.core.books import Accounted, Books
from sync.core.receiving import Receiving
from tests.sync.core.explorer.promises import broken, unfinished
from tests.sync.core.explorer.small_tree import Faults, SmallTree, Step

STATES_MAX = 60_000
"""More than any bound below leads to: the search is exhaustive or it fails."""

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Search:
    """What a search saw."""

    states: int
    failure: str = ""
    path: tuple[Step, ...] = ()


def search(faults: Faults, *, settled: str = "") -> Search:
    """Breadth first from the start: the shortest way to a broken promise, or none."""
    start = SmallTree(faults, settled=settled)
    known = {start.key()}
    waiting: deque[tuple[SmallTree, tuple[Step, ...]]] = deque([(start, ())])
    while waiting:
        tree, path = waiting.popleft()
        steps = list(tree.steps())
        failure = broken(tree) or (unfinished(tree) if not steps else "")
        if failure:
            return Search(len(known), failure, path)
        for step in steps:
            behind = tree.after(step)
            if (key := behind.key()) not in known:
                known.add(key)
                waiting.append((behind, (*path, step)))
        assert len(known) < STATES_MAX, f"more than {STATES_MAX} states: the bound is too wide"
    return Search(len(known))


BOUNDS = {
    "no fault": Faults(),
    "a lost message": Faults(lose=1),
    "a crash": Faults(crash=1),
    "a policy change": Faults(policy=1),
    "a move": Faults(move=1),
    "a lost message and a move": Faults(lose=1, move=1),
    "a policy change and a move": Faults(policy=1, move=1),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BOUNDS)
def test_every_state_keeps_the_promises(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    faults = BOUNDS[name]
    found = search(faults, settled="" if faults == Faults() else "bb")
    with capsys.disabled():
        sys.stdout.write(f" explorer, {name}: {found.states} states ")
    assert found.failure == "", f"{found.failure} after {'; '.join(map(str, found.path))}"
    assert found.states > 30


ACCOUNT = Books.account


def everything_is_news(patch: pytest.MonkeyPatch) -> None:
    """Runs that are known count again."""
    patch.setattr(Books, "account", lambda books, header, **how: (ACCOUNT(books, header, **how), Accounted(header.runs, ()))[1])


def acknowledged_and_not_stored(patch: pytest.MonkeyPatch) -> None:
    """The position moves on, the records are not kept."""
    patch.setattr(Receiving, "_store", lambda room, link, frame, header, now: None)


def secured_as_soon_as_stored(patch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the parent of the parent."""
    patch.setattr(Receiving, "_secured_upto", lambda room, link, lane: room._desk.tops[lane])


def handed_over_unseen(patch: pytest.MonkeyPatch) -> None:
    """A new parent is spared batches of which the old one was refused a record."""
    patch.setattr(handover, "_got_whole", lambda stored, had: True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "faults"),
    [
        (everything_is_news, Faults(move=1)),
        (acknowledged_and_not_stored, Faults()),
        (secured_as_soon_as_stored, Faults()),
        (handed_over_unseen, Faults(policy=1, move=1)),
    ],
    ids=["news", "unstored", "secured", "unseen"],
)
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, plant: Plant, faults: Faults) -> None:
    plant(monkeypatch)
    assert search(faults, settled="bb").failure
