"""How verbs print: data to stdout as JSON or an aligned table, talk to stderr. Values from nodes are shown, never obeyed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich.cells import cell_len, set_cell_size

CELL_WIDTH_MAX = 60
"""Terminal cells a value may take in a table; --json shows it whole."""
LAST_CELL_WIDTH_MAX = 400
"""The same in the last column, which nothing stands behind: reasons with their way out stand there, and the terminal wraps them."""


def print_json(value: object) -> None:
    """One JSON value, indented, to stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """An aligned table to stdout; columns are as wide as their widest cell, measured in terminal cells, and bounded."""
    cells = [list(header), *([plain(value) for value in row] for row in rows)]
    bounds = [CELL_WIDTH_MAX] * (len(header) - 1) + [LAST_CELL_WIDTH_MAX]
    widths = [min(bound, max(cell_len(row[column]) for row in cells)) for column, bound in enumerate(bounds)]
    for row in cells:
        line = "  ".join(set_cell_size(cell, width) if cell_len(cell) != width else cell for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


def print_line(line: str) -> None:
    """One line of data to stdout."""
    sys.stdout.write(plain(line) + "\n")


def talk(line: str) -> None:
    """One line for the person to stderr."""
    sys.stderr.write(plain(line) + "\n")


def plain(value: object) -> str:
    """A value as one printable line: control characters, which could move the cursor or change colours, become question marks."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "".join(char if char.isprintable() else "?" for char in str(value))


def moment_text(time_us: object) -> str:
    """Microseconds since 1970 UTC as a time, `-` when it is none."""
    if not isinstance(time_us, int) or not 0 < time_us < 1 << 52:
        return "-"
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def table_of(value: object) -> dict[str, object]:
    """`value` if it is a JSON object, else an empty one: answers of another version may lack parts."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[dict[str, object]]:
    """The JSON objects in the list `value`; empty when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
