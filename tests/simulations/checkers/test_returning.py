"""The table of what comes down is the shipped catalogue's, and says of each record where it belongs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from policies.presets import city_bundle_contents
from simulations.checkers.oracle import May, Oracle, Origins
from simulations.checkers.returning import RETURNING
from simulations.rules import Change
from simulations.workload import NAME_COLUMNS
from sync.model import Level
from tests.simulations.checkers.test_checkers import HOLDERS


def test_of_what_a_world_makes_the_table_names_what_the_catalogue_returns() -> None:
    returns = {entry.code for entry in city_bundle_contents(Level.PROVINCIAL).catalogue if entry.returns}
    assert {resource for resource in NAME_COLUMNS if resource in returns} == set(RETURNING)


@pytest.mark.parametrize("resource", RETURNING)
@pytest.mark.parametrize(
    ("maker", "place", "holders"),
    [
        ("m1", "370101001", ["m1", "p0", "d11", "s111"]),
        ("p0", "370101", ["p0", "m1", "d11"]),
        ("s112", "370101002", ["s112", "d11", "m1", "p0"]),
        ("s112", "370101001", ["s112", "d11", "m1", "p0", "s111"]),
    ],
)
def test_a_record_may_be_where_it_was_made_above_that_and_down_to_where_it_belongs(
    resource: str, maker: str, place: str, holders: list[str]
) -> None:
    oracle, rows, origins = Oracle(HOLDERS, Change.NONE), pa.table({"territory": [place]}), Origins((maker,), np.array([0]))
    may = {node: oracle.may_hold(resource, rows, origins, holder=node, epoch=1)[0] for node in HOLDERS}
    assert sorted(node for node, much in may.items() if much == May.ALL) == sorted(holders)
    assert set(may.values()) <= {May.ALL, May.NOTHING}


def test_only_what_was_made_neither_here_nor_below_comes_down() -> None:
    origins = Origins(("m1", "d11", "s111"), np.array([0, 1, 2]))
    assert Oracle(HOLDERS, Change.NONE).comes_down(origins, holder="d11").tolist() == [True, False, False]
