"""What may be wrong with a catalogue that a department hands in.

CatalogueError
+-- SheetRefused      a file that is not read at all: too large, damaged, or of a kind that is not taken
+-- StoreDamaged      the node's own catalogue file is no database any more
+-- RowsRefused       a file whose rows are wrong; it carries every problem, and nothing was imported
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError

VALUE_CHARS_MAX = 60
"""Characters of a bad value that a problem shows."""


class CatalogueError(NodeError):
    """Base of what this package raises on purpose."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class SheetRefused(CatalogueError):
    """A file that is not read: one sentence with the way out."""


class StoreDamaged(CatalogueError):
    """The node's own catalogue file is no database any more."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One bad cell or row."""

    sheet: str
    row: int
    """Number of the row in its file, from 1; 0 when it is about the whole sheet."""
    column: str
    """The header as it stands there; empty when it is about the whole row."""
    value: str
    why: str
    """What is wrong and what would do."""

    def encoded(self) -> dict[str, object]:
        """The problem for --json."""
        value = self.value[:VALUE_CHARS_MAX]
        return {"sheet": self.sheet, "row": self.row, "column": self.column, "value": value, "why": self.why}


class RowsRefused(CatalogueError):
    """Rows that are wrong. Nothing of their file was imported."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        place = f"{first.sheet} row {first.row}" + (f" {first.column!r}" if first.column else "")
        super().__init__(f"{len(problems)} problems, nothing imported; the first: {place}: {first.why}")
        self.problems = tuple(problems)
