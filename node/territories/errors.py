"""What may be wrong with a change of territories."""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class TerritoryRefused(NodeError):
    """A change that is not made: which, and the way out."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class TableRefused(TerritoryRefused):
    """A table of changes that cannot be read as one; the text names the line."""
