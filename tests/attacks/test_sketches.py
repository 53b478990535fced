"""Sketch membership and overlapping queries: the reader pulls summaries and asks the sketches and differences about one device or record.

A sketch answers whether an id is in it. So what is proved is that a sketch leaves only where the ids and the values may go whole as
records: then it tells a reader nothing that it may not have anyway; of anything else the pull is refused, and of rows that are treated
apart nothing is in it.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import datasketches as ds
import pytest
from hypothesis import given, settings

from node.assembly import Parts
from node.handshake import Me
from node.records import decode_rows
from node.store.mart import Mart
from node.summaries.compute import compute_cells
from node.summaries.partial import pack
from node.summaries.sketches import HLL_LG_K, read_distinct
from node.summaries.spec import SummarySpec
from policies.catalogue import Scalar
from sync.model import Level
from tests.node.shelf import Shelf, open_shelf
from tests.policies.test_oracle import TABLE, Case, cases, gate_of, live

SPEC = SummarySpec("air-quality", 0, 3_600_000_000)
ADVANTAGE_MAX = 0.05
OUTSIDERS = 400


def is_in(sketch: bytes, device: str) -> bool:
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
    told = pack(compute_cells(mart, SPEC, ["street"], grade_max=2))
    mart.close()
    shelf.journal.close()
    return told[0].distinct


def test_a_device_whose_rows_are_withheld_is_in_no_sketch(tmp_path: Path) -> None:
    open_ones, withheld = ({f"{kind}{number}": grade for number in range(60)} for kind, grade in (("open", 1), ("shut", 4)))
    sketch = sketch_of(tmp_path, open_ones | withheld)
    inside = sum(is_in(sketch, name) for name in withheld) / len(withheld)
    outside = sum(is_in(sketch, f"nobody{number}") for number in range(OUTSIDERS)) / OUTSIDERS
    assert abs(inside - outside) <= ADVANTAGE_MAX
    assert all(is_in(sketch, name) for name in open_ones), "the attack itself works"


def parts_of(case: Case, level: Level) -> Parts:
    """As much of a node as decides about summaries."""
    gate = gate_of(case, level)
    parts = SimpleNamespace(policy=SimpleNamespace(gate=gate, ruleset=gate.book.ruleset), me=Me("n", 1, level, "37"))
    parts._plans_above = lambda code: Parts._plans_above(cast("Parts", parts), code)
    return cast("Parts", parts)


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
