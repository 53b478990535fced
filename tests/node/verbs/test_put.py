"""`yunnao put`: the types it learns from the node, the cells it makes of a CSV file, and what it refuses before it asks the node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.client import NodeClient
from node.verb import UsageError
from node.verbs.put import CsvRefused, cells_of, types_of

TYPES = {"territory": "string", "birth_year": "int32", "value": "float64", "masked": "bool"}
COLUMNS = list(TYPES)


def client(folder: Path) -> NodeClient:
    """A node whose catalogue has one resource."""
    (folder / "api.sock").touch()
    answer = {"resources": [{"code": "people", "fields": [{"name": "birth_year", "type": "int32"}]}]}
    return NodeClient(folder, call=lambda _path, _verb, _body, _timeout_s: json.dumps(answer).encode())


def test_the_types_are_those_of_the_nodes_catalogue(tmp_path: Path) -> None:
    types = types_of(client(tmp_path), "people")
    assert types == {"event_time": "timestamp", "territory": "string", "grade": "int8", "birth_year": "int32"}


def test_a_resource_that_the_catalogue_lacks_is_refused_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no resource 'persons' .* known are people"):
        types_of(client(tmp_path), "persons")


def test_cells_get_the_types_of_their_columns_and_empty_ones_are_null() -> None:
    assert cells_of(Path("f"), 2, COLUMNS, ["0370", "1820", "1.5", "true"], TYPES) == ["0370", 1820, 1.5, True]
    assert cells_of(Path("f"), 2, COLUMNS, ["", "", "", ""], TYPES) == [None] * 4


@pytest.mark.parametrize("row", [["37", "x", "1", "true"], ["37", "1", "x", "true"], ["37", "1", "1", "maybe"]])
def test_a_cell_that_does_not_fit_is_refused_with_file_and_line(row: list[str]) -> None:
    with pytest.raises(CsvRefused, match=r"people\.csv:7: a value does not fit its column"):
        cells_of(Path("people.csv"), 7, COLUMNS, row, TYPES)


def test_a_line_of_another_length_is_refused() -> None:
    with pytest.raises(CsvRefused, match=r"people\.csv:3: 1 values for 4 columns"):
        cells_of(Path("people.csv"), 3, COLUMNS, ["37"], TYPES)
