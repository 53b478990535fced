"""For whom a node may have to seal, from what heartbeats say."""

from __future__ import annotations

import pytest

from node.sealed.places import is_foster_parent, nodes_below, place_above, places_below
from node.tree.directory import Directory, NodeStatus, encode_statuses
from sync.model import Direction, Level

TREE = {
    "d1": (Level.DISTRICT, "370202", "city", "p/city/d1"),
    "s1": (Level.STREET, "370202001", "d1", "p/city/d1/s1"),
    "g1": (Level.GRID, "370202001001001", "s1", ""),
    "guest": (Level.GRID, "370203001001001", "s1", "p/city/d2/guest"),
    "stranger": (Level.GRID, "371302001001001", "s1", "p/other/stranger"),
}


def status(node: str, level: str, territory: str, parent: str, path: str = "") -> NodeStatus:
    return NodeStatus(node, node, level, territory, parent, "1", "OK", [], 0, "", "", certified_as=path)


def city(**change: NodeStatus) -> Directory:
    known = Directory("city")
    statuses = {name: status(name, level.word, code, parent, path) for name, (level, code, parent, path) in TREE.items()}
    known.heard_from_child("d1", encode_statuses(list((statuses | change).values())), 0)
    return known


def test_every_node_behind_a_child_is_a_place_with_the_nodes_between() -> None:
    found = {place.flow.peer: [flow.peer for flow in place.barriers] for place in places_below(city())}
    assert found == {"s1": ["d1"], "g1": ["d1", "s1"], "guest": ["d1", "s1"]}
    (first,) = [place for place in places_below(city()) if place.flow.peer == "s1"]
    assert first.flow.subtree == {"s1", "g1", "guest", "stranger"}
    assert first.barriers[0].subtree == set(TREE)
    assert first.flow.direction is Direction.RETURN


def test_a_node_that_says_nonsense_of_itself_is_no_place_and_hides_no_other() -> None:
    odd = city(s1=status("s1", "galaxy", "370202001", "d1", "p/city/d1/s1"))
    assert places_below(odd) == []
    circle = city(g1=status("g1", "grid", "370202001001001", "g1"))
    assert {place.flow.peer for place in places_below(circle)} == {"s1", "guest"}


def grid() -> Directory:
    """A grid of district d2 below street s1 of district d1."""
    known = Directory("guest")
    above = [("s1", "street", "370202001", "d1"), ("d1", "district", "370202", "city"), ("city", "municipal", "3702", "")]
    known.heard_from_parent(encode_statuses([status(*one) for one in above]), 0)
    return known


def test_past_a_foster_parent_the_nearest_node_that_certified_it_opens() -> None:
    found = place_above(grid(), parent="s1", path=("p", "city", "d2", "guest"))
    assert found is not None
    assert (found.flow.peer, found.flow.peer_level, found.hops, found.flow.direction) == ("city", Level.MUNICIPAL, 3, Direction.UP)
    assert place_above(grid(), parent="s1", path=("p", "elsewhere", "guest")) is None
    assert place_above(Directory("guest"), parent="s1", path=("p", "city", "d2", "guest")) is None


@pytest.mark.parametrize(("territory", "is_foster"), [("3702", False), ("370203001", False), ("370202001", True), ("371302", True)])
def test_a_parent_whose_territory_does_not_hold_the_nodes_own_is_a_foster_parent(*, territory: str, is_foster: bool) -> None:
    assert is_foster_parent(territory, "370203001001001") is is_foster


def test_a_node_below_speaks_for_itself_and_those_below_it() -> None:
    assert nodes_below(city(), "s1") == {"s1", "g1", "guest", "stranger"}
    assert nodes_below(city(), "nobody") == {"nobody"}
