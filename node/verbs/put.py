"""`yunnao put FILE.csv --resource R`: hands the rows of a CSV file to the running node; each batch is answered after the commit.

Cells are turned into the types of the catalogue, which the node names; the node checks them again. An empty cell is null. It stops at the
first batch refused.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_OK, NodeError
from node.ingest.put import PUT_ROWS_MAX
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.output import list_of, print_json, talk

FLAGS = {"true": True, "false": False}
INTEGER_TYPES = frozenset({"int8", "int32", "int64", "timestamp"})
COMMON_TYPES = {"event_time": "timestamp", "territory": "string", "grade": "int8"}

Cell = str | int | float | bool | None


class CsvRefused(NodeError):
    """A file that cannot be handed over: file, line and the way out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help=help_text(parser, "put_file"))
    parser.add_argument("--resource", required=True, metavar="CODE", help=help_text(parser, "put_resource"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Hand the file over, PUT_ROWS_MAX rows a call."""
    client = NodeClient(args.dir)
    types = types_of(client, args.resource)
    stored = 0
    with opened_csv(args.file) as (columns, lines):
        while batch := list(islice(lines, PUT_ROWS_MAX)):
            rows = [cells_of(args.file, number, columns, row, types) for number, row in batch]
            client.call("put", resource=args.resource, columns=columns, rows=rows)
            stored += len(rows)
    if args.json:
        print_json({"resource": args.resource, "stored": stored})
    else:
        talk(text("cli.put_done", args.language, stored=stored, resource=args.resource))
    return EXIT_OK


def types_of(client: NodeClient, resource: str) -> dict[str, str]:
    """The type word of every column of a resource, as the node's catalogue has it; raises UsageError for one it does not have."""
    known = {str(entry["code"]): entry for entry in list_of(client.call("resources").get("resources"))}
    if resource not in known:
        raise UsageError(f"no resource {resource!r} in the catalogue of this node: known are {', '.join(sorted(known)) or 'none yet'}")
    return COMMON_TYPES | {str(item["name"]): str(item["type"]) for item in list_of(known[resource].get("fields"))}


@contextmanager
def opened_csv(path: Path) -> Iterator[tuple[list[str], Iterator[tuple[int, list[str]]]]]:
    """The header and the numbered lines of a CSV file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            columns = next(reader, None)
            if not columns:
                raise CsvRefused(f"{path} is empty: its first line must name the columns")
            yield columns, ((reader.line_num, row) for row in reader if row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CsvRefused(f"{path} cannot be read as CSV in UTF-8: {error}") from error


def cells_of(path: Path, number: int, columns: list[str], row: list[str], types: dict[str, str]) -> list[Cell]:
    """One line as typed cells; raises CsvRefused naming the line."""
    if len(row) != len(columns):
        raise CsvRefused(f"{path}:{number}: {len(row)} values for {len(columns)} columns")
    try:
        return [_cell(value, types.get(name, "string")) for name, value in zip(columns, row, strict=True)]
    except (ValueError, KeyError) as error:
        raise CsvRefused(f"{path}:{number}: a value does not fit its column: {error}") from None


def _cell(value: str, kind: str) -> Cell:
    if value == "":
        return None
    if kind in INTEGER_TYPES:
        return int(value)
    if kind == "float64":
        return float(value)
    return FLAGS[value.lower()] if kind == "bool" else value


VERB = Verb("put", "cli.help_put", add_arguments, run)
