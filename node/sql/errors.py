"""What may be wrong with a query."""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class SqlError(NodeError):
    """Base of what this package raises on purpose."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class StatementRefused(SqlError):
    """A statement that is not one allowed SELECT; the message has the character."""


class QueryFailed(SqlError):
    """A query that ended without an answer: too long, too large, busy, or DuckDB's own reason."""
