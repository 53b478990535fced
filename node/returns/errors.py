"""What goes wrong with the book of returns. Raised by store.py, reported by the desk."""

from __future__ import annotations

from node.errors import EXIT_FAILED, NodeError


class ReturnsError(NodeError):
    """The book of returns cannot be read or written now."""

    exit_code = EXIT_FAILED


class BookDamaged(ReturnsError):
    """The file is no database any more."""
