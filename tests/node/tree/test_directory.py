"""What a node believes of others: nobody speaks for the other side of a link, and nothing a peer sends breaks the reader."""

from __future__ import annotations

import json

import msgspec
import pytest

from node.tree.directory import NODES_MAX, TEXT_CHARS_MAX, Directory, NodeStatus, decode_statuses, encode_statuses
from sync.model import WireError

NOW_US = 1_800_000_000_000_000


def status(node: str, *, parent: str = "", **facts: object) -> NodeStatus:
    base = NodeStatus(node, node, "street", "370202001", parent, "1", "OK", [], NOW_US, "0.1.0", "abcd1234")
    return msgspec.structs.replace(base, **facts)


def heard(*nodes: NodeStatus) -> bytes:
    return encode_statuses(list(nodes))


def district() -> Directory:
    directory = Directory("district")
    directory.heard_from_parent(heard(status("city", parent="province"), status("province")), NOW_US)
    directory.heard_from_child("street-a", heard(status("street-a", parent="district"), status("grid-a", parent="street-a")), NOW_US)
    return directory


def test_the_tree_stands_in_order_with_this_node_in_the_middle() -> None:
    tree = district().tree(status("district", parent="city"), NOW_US)
    assert [entry.id for entry in tree] == ["province", "city", "district", "street-a", "grid-a"]


def test_a_status_older_than_ten_seconds_is_stale_and_its_age_grows_along_the_way() -> None:
    directory = Directory("district")
    directory.heard_from_child("street-a", heard(status("street-a", age_s=4.0)), NOW_US)
    fresh, old = (directory.tree(status("district"), NOW_US + delay)[-1] for delay in (6_000_000, 6_000_001))
    assert (fresh.state, fresh.age_s) == ("OK", 10.0)
    assert old.state == "STALE"


def test_a_peers_clock_does_not_make_it_fresh() -> None:
    directory = Directory("district")
    directory.heard_from_child("street-a", heard(status("street-a", as_of_us=NOW_US + 10**12)), NOW_US)
    assert directory.tree(status("district"), NOW_US + 60_000_000)[-1].state == "STALE"


@pytest.mark.parametrize("foreign", ["district", "city", "grid-a", "street-a"])
def test_a_child_that_names_a_node_not_below_it_is_refused(foreign: str) -> None:
    with pytest.raises(WireError, match=f"street-b reports a status of {foreign}"):
        district().heard_from_child("street-b", heard(status("street-b"), status(foreign)), NOW_US)


def test_a_refused_heartbeat_leaves_what_was_known() -> None:
    directory = district()
    with pytest.raises(WireError):
        directory.heard_from_child("street-a", heard(status("street-a", state="FAIL"), status("city")), NOW_US)
    assert [entry.state for entry in directory.tree(status("district"), NOW_US) if entry.id == "street-a"] == ["OK"]


def test_a_claim_on_a_neighbour_ends_when_the_neighbour_speaks() -> None:
    directory = Directory("district")
    directory.heard_from_child("street-b", heard(status("street-b"), status("street-a", state="FAIL")), NOW_US)
    directory.heard_from_child("street-a", heard(status("street-a")), NOW_US)
    assert directory.subtree("street-b") == {"street-b"}
    assert [entry.state for entry in directory.tree(status("district"), NOW_US)] == ["OK"] * 3


def test_a_parent_that_names_a_node_below_is_refused() -> None:
    directory = district()
    with pytest.raises(WireError, match="grid-a, which is below this node"):
        directory.heard_from_parent(heard(status("city"), status("grid-a")), NOW_US)


def test_a_parent_cannot_speak_for_this_node() -> None:
    directory = Directory("district")
    directory.heard_from_parent(heard(status("city"), status("district", state="FAIL")), NOW_US)
    assert [entry.state for entry in directory.tree(status("district", parent="city"), NOW_US)] == ["OK", "OK"]


def test_nodes_in_a_circle_are_shown_all_the_same() -> None:
    directory = Directory("district")
    directory.heard_from_parent(heard(status("city", parent="district")), NOW_US)
    assert {entry.id for entry in directory.tree(status("district", parent="city"), NOW_US)} == {"city", "district"}


def test_a_heartbeat_goes_up_with_the_subtree_and_down_with_the_ancestors() -> None:
    own = status("district")
    assert [entry.id for entry in decode_statuses(district().upward(own, NOW_US))] == ["district", "street-a", "grid-a"]
    assert [entry.id for entry in decode_statuses(district().downward(own, NOW_US))] == ["district", "city", "province"]


def test_the_subtree_of_a_child_is_itself_and_what_it_reported() -> None:
    assert district().subtree("street-a") == {"street-a", "grid-a"}
    assert district().subtree("street-z") == {"street-z"}


def test_long_texts_are_cut() -> None:
    (cut,) = decode_statuses(heard(status("street-a", name="x" * 10_000, words=["y" * 10_000] * 100)))
    assert (len(cut.name), len(cut.words), len(cut.words[0])) == (TEXT_CHARS_MAX, 32, TEXT_CHARS_MAX)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[1]", b"\xff", b'[{"id":"\xff\xfe"}]', b'[{"x":' + b"[" * 100_000],
    ids=["empty", "object", "number", "bytes", "utf8", "deep"],
)
def test_bytes_that_are_no_statuses_are_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="heartbeat refused"):
        decode_statuses(body)


@pytest.mark.parametrize(
    "facts",
    [
        {"id": "../etc"}, {"id": ""}, {"age_s": 1e308}, {"age_s": -5.0}, {"as_of_us": 10**30}, {"lag_s": 1e308}, {"devices": -1},
        {"records": {"r": 10**20}}, {"records": {f"r{number}": 1 for number in range(300)}}, {"incarnation": "f" * 1_000},
        {"link": {"state": "x" * 1_000}}, {"queues": {"event": {"bytes": -1}}},
    ],
)  # fmt: skip
def test_figures_out_of_range_are_refused(facts: dict[str, object]) -> None:
    sound = json.loads(heard(status("street-a")))[0]
    with pytest.raises(WireError, match="heartbeat refused"):
        decode_statuses(json.dumps([sound | facts]).encode())


def test_too_many_statuses_are_refused() -> None:
    many = msgspec.json.encode([status(f"n{number}") for number in range(NODES_MAX + 1)])
    with pytest.raises(WireError, match="4097 statuses"):
        decode_statuses(many)


def test_a_moved_node_stands_below_its_new_parent_whatever_old_reports_say() -> None:
    directory = district()
    directory.reattach("grid-a", "street-b", old="street-a")
    assert directory.subtree("street-a") == {"street-a"}
    directory.heard_from_child("street-a", heard(status("street-a", parent="district"), status("grid-a", parent="street-a")), NOW_US)
    directory.heard_from_child("street-b", heard(status("street-b", parent="district"), status("grid-a", parent="street-b")), NOW_US)
    assert directory.subtree("street-a") == {"street-a"}
    assert directory.subtree("street-b") == {"street-b", "grid-a"}
    directory.heard_from_child("street-a", heard(status("street-a", parent="district"), status("grid-a", parent="street-a")), NOW_US)
    assert directory.subtree("street-b") == {"street-b", "grid-a"}


def test_what_is_below_a_moved_node_moves_with_it_and_the_old_way_is_remembered() -> None:
    directory = district()
    below = heard(status("street-a", parent="district"), status("grid-a", parent="street-a"), status("pole-a", parent="grid-a"))
    directory.heard_from_child("street-a", below, NOW_US)
    directory.reattach("grid-a", "street-b", old="street-a")
    assert directory.subtree("street-a") == {"street-a"}
    moved = heard(status("street-b", parent="district"), status("grid-a", parent="street-b"), status("pole-a", parent="grid-a"))
    directory.heard_from_child("street-b", moved, NOW_US)
    standing = directory.standing()
    assert standing.subtrees["street-b"] == {"street-b", "grid-a", "pole-a"}
    assert standing.formerly["street-a"] == {"grid-a", "pole-a"}
    assert standing.above == {"city", "province"}
