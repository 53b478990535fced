"""Sketch membership and overlapping queries: the reader pulls summaries and asks the sketches and differences about one device or record.

A sketch answers whether an id is in it, to whoever can compute its input: ids go in under a key that the reader does not have. And a
sketch leaves only where the ids and the values may go whole as records; of anything else the pull is refused, and of rows that are treated
apart nothing is in it, whatever the reader knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import datasketches as ds
import numpy as np
import pytest
from hypothesis import given, settings

from node.assembly import Parts
from node.links.handshake import Me
from node.store.mart import Mart
from node.store.records import decode_rows
from node.summaries.compute import compute_cells
from node.summaries.keying import SketchKey
from node.summaries.partial import pack
from node.summaries.sketches import HLL_LG_K, HLL_TYPE, read_distinct
from node.summaries.spec import SummarySpec
from policies import Entry, Verdict
from policies.catalogue import Scalar
from sync.model import Level
from tests.node.shelf import Shelf, open_shelf
from tests.policies.random_policies import BASIS, END_US, open_case
from tests.policies.test_oracle import TABLE, Case, cases, gate_of, live

SPEC = SummarySpec("air-quality", 0, 3_600_000_000)
KEY = SketchKey(b"shared below the reader" * 2)
ADVANTAGE_MAX = 0.05
OUTSIDERS = 400


def is_in(sketch: bytes, device: str | int) -> bool:
    """The membership attack: adding a member changes no estimate."""
    union = ds.hll_union(HLL_LG_K)
    union.update(read_distinct(sketch))
    before = union.get_result().get_estimate()
    union.update(device)
    return bool(union.get_result().get_estimate() == before)


def sketch_of(folder: Path, devices: dict[str, int]) -> bytes:
    """The sketch that goes up over readings of `devices`, each with its grade; rows up to L2 may go up whole."""
    shelf: Shelf = open_shelf(folder)
    readings: list[dict[str, Scalar]] = [
        {"event_time": 0, "territory": "370202001001", "device": name, "quantity": "pm25", "value": 1.0, "grade": grade}
        for name, grade in devices.items()
    ]
    shelf.add("air-quality", readings)
    mart = Mart(folder / "mart.duckdb", ["air-quality"])
    mart.catch_up(shelf.journal, shelf.journal.last_lsn, lambda payload, decoded_bytes: decode_rows(payload))
    told = pack(compute_cells(mart, SPEC, ["street"], key=KEY, grade_max=2))
    mart.close()
    shelf.journal.close()
    return told[0].distinct


def share_in(sketch: bytes, devices: Iterable[str], key: SketchKey | None) -> float:
    """How many of some devices a reader takes for members, with the key or without."""
    asked = [*devices] if key is None else key.hashed(devices)
    return sum(is_in(sketch, device) for device in asked) / len(asked)


def test_who_has_not_the_key_cannot_tell_members_from_others(tmp_path: Path) -> None:
    members, withheld = ({f"{kind}{number}": grade for number in range(60)} for kind, grade in (("open", 1), ("shut", 4)))
    sketch, others = sketch_of(tmp_path, members | withheld), [f"nobody{number}" for number in range(OUTSIDERS)]
    for key in (None, SketchKey(b"another key of mine" * 2)):
        assert abs(share_in(sketch, members, key) - share_in(sketch, others, key)) <= ADVANTAGE_MAX
    # A reader with the key finds all that may go up, and nothing of what is withheld.
    assert share_in(sketch, members, KEY) == 1.0, "the attack itself works"
    assert abs(share_in(sketch, withheld, KEY) - share_in(sketch, others, KEY)) <= ADVANTAGE_MAX


def test_a_sketch_of_few_keeps_them_in_no_order_of_their_names(tmp_path: Path) -> None:
    """With few ids a sketch is a list in the order of filling."""
    names = [f"d{number}" for number in range(7)]
    coupons = np.frombuffer(sketch_of(tmp_path, dict.fromkeys(names, 1))[8:], "<u4").tolist()
    by_name = [np.frombuffer(_alone(hashed)[8:], "<u4")[0] for hashed in KEY.hashed(names)]
    assert sorted(coupons) == sorted(by_name)
    assert coupons == [by_name[names.index(name)] for name in sorted(names, key=lambda name: KEY.hashed([name])[0])]


def _alone(hashed: int) -> bytes:
    sketch = ds.hll_sketch(HLL_LG_K, HLL_TYPE)
    sketch.update(hashed)
    return bytes(sketch.serialize_compact())


def parts_of(case: Case, level: Level) -> Parts:
    """As much of a node as decides about summaries."""
    gate = gate_of(case, level)
    parts = SimpleNamespace(policy=SimpleNamespace(gate=gate, ruleset=gate.book.ruleset), me=Me("n", 1, level, "37"), parent=None)
    parts._plans_above = lambda code: Parts._plans_above(cast("Parts", parts), code)
    return cast("Parts", parts)


@pytest.mark.parametrize("level", [Level.MUNICIPAL, Level.PROVINCIAL])
def test_a_grid_straight_below_a_city_asks_what_its_entries_say_of_that_city(level: Level) -> None:
    """Levels may be skipped, so whoever stands above may be the one who pulls."""
    entry = Entry("NL-1", Verdict.DENY, "things", levels=(level,), basis=BASIS, approver="city", valid_from_us=0, valid_to_us=END_US)
    case = replace(open_case([]), entries=(entry,))
    gate = case.gate(Level.GRID)
    parts = SimpleNamespace(policy=SimpleNamespace(gate=gate, ruleset=case.rules), me=Me("n", 1, Level.GRID, "37"), parent=None)
    parts._plans_above = lambda code: Parts._plans_above(cast("Parts", parts), code)
    assert "deny" in Parts.summary_refusal(cast("Parts", parts), "things")


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(cases)
def test_a_summary_leaves_only_where_every_row_it_tells_of_may_go_whole(case: Case) -> None:
    parts = parts_of(case, Level.STREET)
    if Parts.summary_refusal(parts, "things"):
        return
    resource = case.resource
    assert resource.grade
    for grade in range(resource.grade, Parts.summary_grade_max(parts, "things") + 1):
        for column in ("parent", "above"):
            assert TABLE[grade][column] == "allow"
            assert all(TABLE[max(grade, field.grade)][column] == "allow" for field in resource.fields)
    assert not [entry for level in (Level.DISTRICT, Level.MUNICIPAL) for entry in live(case, "up", level)]
