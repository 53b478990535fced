"""Rows for a person at the node: nothing above their clearance, and above L2 only by name, with a reason, entered first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.policy.showing import Looking, LookRefused, Showing
from policies.errors import PolicyError
from sync.model import Level
from tests.node.shelf import Shelf, open_shelf
from tests.policies.city import city, gate

READINGS = "air-quality"


class Node:
    """A street with readings of each grade and a resident; `noted` is its audit log."""

    def __init__(self, shelf: Shelf) -> None:
        self.noted: list[str] = []
        self.why = ""
        rules = city()
        policy = SimpleNamespace(gate=gate(Level.STREET), ruleset=rules, closed=lambda resource: self.why)
        self.shelf = shelf
        self.showing = Showing(shelf.journal, cast("Any", policy), cast("Any", SimpleNamespace(note=self._note)))
        shelf.add(READINGS, [{"device": f"d{grade}", "grade": grade} for grade in (1, 2, 3, 4)])
        shelf.add("residents", [{"name": "张三"}])

    async def _note(self, kind: object, subject: str, *, by: str, detail: dict[str, object]) -> int:
        self.noted.append(f"{by} L{detail['clearance']} {subject}: {detail['why']}")
        return len(self.noted)

    async def devices(self, **looking: Any) -> set[object]:
        return {row["device"] for row in await self.showing.rows(READINGS, Looking(**looking), limit=10)}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    shelf = open_shelf(tmp_path)
    yield Node(shelf)
    shelf.journal.close()


async def test_without_more_said_rows_up_to_l2_are_shown_and_nothing_is_entered(node: Node) -> None:
    assert await node.devices() == {"d1", "d2"}
    assert await node.devices(clearance=1) == {"d1"}
    assert node.noted == []


async def test_more_is_shown_by_name_and_reason_which_are_entered(node: Node) -> None:
    assert await node.devices(clearance=4, by="li", why="complaint 7") == {"d1", "d2", "d3", "d4"}
    assert node.noted == ["li L4 air-quality: complaint 7"]


@pytest.mark.parametrize("looking", [{}, {"by": "li"}, {"why": "so"}, {"by": " ", "why": " "}])
async def test_more_without_a_name_and_a_reason_is_refused_and_not_entered(node: Node, looking: dict[str, str]) -> None:
    with pytest.raises(LookRefused, match="L3 needs a name and a reason"):
        await node.devices(clearance=3, **looking)
    assert node.noted == []


async def test_a_resource_closed_to_a_clearance_says_which_may_see_it(node: Node) -> None:
    with pytest.raises(LookRefused, match=r"residents is not shown at clearance L2.*L3 with a name and a reason may see it"):
        await node.showing.rows("residents", Looking(), limit=10)
    rows = await node.showing.rows("residents", Looking(clearance=3, by="li", why="so"), limit=10)
    assert [row["name"] for row in rows] == ["张三"]


async def test_one_row_is_found_by_a_value_that_may_be_seen_alone(node: Node) -> None:
    assert await node.showing.row(READINGS, "device", "d2", Looking()) is not None
    assert await node.showing.row(READINGS, "device", "d4", Looking()) is None


async def test_what_a_recall_has_yet_to_erase_is_not_read(node: Node) -> None:
    node.why = "entry NL-1 recalls records of it"
    for look in (node.showing.rows(READINGS, Looking(), limit=1), node.showing.grade_max(READINGS, Looking())):
        with pytest.raises(LookRefused, match="NL-1 recalls"):
            await look


async def test_a_resource_that_nobody_catalogued_shows_nothing(node: Node) -> None:
    assert await node.showing.rows("weather", Looking(), limit=10) == []
    with pytest.raises(PolicyError, match="weather is not in the catalogue"):
        node.showing.policy.gate.view("weather", cast("Any", None), clearance=2)


async def test_a_summary_counts_up_to_the_clearance(node: Node) -> None:
    assert await node.showing.grade_max(READINGS, Looking()) == 2
    assert await node.showing.grade_max(READINGS, Looking(clearance=4, by="li", why="so")) == 4
    with pytest.raises(LookRefused, match="residents is not shown"):
        await node.showing.grade_max("residents", Looking())
