"""What may be wrong with a question about a supplied value beyond what the rules refuse."""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class VerifyError(NodeError):
    """Base of what this package raises on purpose."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class VerifyRefused(VerifyError):
    """A question that is not put or not answered: why, and the way out. Never because of what is stored."""


class BookDamaged(VerifyError):
    """The book of answers is no database any more."""
