"""Receipts: counts without doubles, one root for the same erasure, who was given it; and the open list that grows along them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from node.cases.fact import Fact, Place
from node.cases.kind import PARTIES, Case, fold
from node.recall.closure import OpenList, open_lists
from node.recall.kind import HOLDER, ISSUER, RECALL, receipts_in
from node.recall.receipt import PEERS_PER_FACT, Receipt, count_of, given_to, pages_of, ranges_of, read_receipt, root_of
from node.store.recalled import Stretch
from sync.model import HybridTime, Lane, Stream

STREAM = Stream("street", 7, Lane.BULK, "air-quality")
ROOT = "0" * 64


def stretch(first: int, last: int, *, lsn: int = 1, stream: Stream = STREAM) -> Stretch:
    return Stretch(stream, first, last, lsn, "street", False, b"h" * 32)


def receipt(**change: Any) -> Receipt:
    return msgspec.structs.replace(Receipt(order="NL-1@0", entry="NL-1", root=ROOT, erased=1), **change)


def said(node: str, made: Receipt, at_us: int, *, number: int = 0) -> Case:
    parties = {HOLDER: {"node": node, "territory": "3702"}, ISSUER: {"node": "top", "territory": "37"}}
    facts = [
        Fact(f"f{number}", "c" + node, "comply" if not number else "add", node, {**body, **({} if number else {PARTIES: parties})},
             Place(HybridTime(at_us + number), node, 1, number + 1), "3702")
        for number, body in enumerate(pages_of(made))
    ]  # fmt: skip
    case = fold(RECALL, facts)
    assert case is not None
    return case


def test_a_record_and_its_copy_count_once() -> None:
    ranges = ranges_of([stretch(1, 5), stretch(4, 9, lsn=2), stretch(20, 20)])
    assert (ranges, count_of(ranges)) == ({STREAM: [(1, 9), (20, 20)]}, 10)


def test_the_root_does_not_depend_on_the_order_and_tells_any_change() -> None:
    found = [stretch(1, 5), stretch(20, 20)]
    assert root_of(found) == root_of(reversed(found))
    changes = (stretch(1, 6), replace(found[0], is_masked=True), replace(found[0], was_sha256=b"x"))
    others = [[], found[:1], *([one, found[1]] for one in changes)]
    assert len({root_of(one) for one in (found, *others)}) == 1 + len(others)


def test_what_went_to_a_peer_twice_counts_once_and_other_streams_do_not() -> None:
    elsewhere = replace(STREAM, origin="x")
    went = [("b", STREAM, 1, 4), ("b", STREAM, 3, 12), ("c", STREAM, 9, 25), ("d", elsewhere, 1, 9), ("e", STREAM, 10, 19)]
    assert given_to({STREAM: [(1, 9), (20, 20)]}, went) == {"b": 9, "c": 2}


def test_more_peers_than_a_fact_names_go_into_further_facts() -> None:
    onward = {f"n{number:03}": 1 for number in range(2 * PEERS_PER_FACT + 1)}
    case = said("a", receipt(onward=onward), 10)
    assert len(receipts_in(case)) == 3
    (one,) = open_lists([case])["NL-1@0"].answered.values()
    assert one.onward == onward


@pytest.mark.parametrize("wrong", [{"root": "none"}, {"erased": -1}, {"onward": ["a"]}, {"order": ""}])
def test_what_is_no_receipt_opens_nothing(wrong: dict[str, object]) -> None:
    body = {**pages_of(receipt())[0], **wrong}
    assert read_receipt(body) is None
    parties = {HOLDER: {"node": "a", "territory": "3702"}, ISSUER: {"node": "top", "territory": "37"}}
    assert fold(RECALL, [Fact("f", "c", "comply", "a", {**body, PARTIES: parties}, Place(HybridTime(1), "a", 1, 1), "3702")]) is None


def test_the_list_is_open_until_everybody_who_was_named_answered() -> None:
    city = said("city", receipt(sources=["street"], onward={"top": 1}), 10)
    found = open_lists([city])["NL-1@0"]
    assert (sorted(found.expected), found.missing, round(found.share, 2)) == (["city", "street", "top"], ["street", "top"], 0.33)
    street, top = said("street", receipt(erased=0, kept=1), 11), said("top", receipt(), 12)
    found = open_lists([city, street, top])["NL-1@0"]
    assert (found.missing, found.share) == ([], 1.0)


def test_who_held_nothing_is_not_expected_and_the_newest_word_of_a_node_counts() -> None:
    found = open_lists([said("idle", receipt(erased=0), 10)])["NL-1@0"]
    assert (found.expected, found.share) == (frozenset(), 1.0)
    again = open_lists([said("a", receipt(erased=5), 20), said("a", receipt(erased=1), 10)])["NL-1@0"]
    assert again.answered["a"].receipt.erased == 5
    assert OpenList().share == 1.0
