"""What may go wrong with quality rules and tickets."""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class QualityError(NodeError):
    """Base of what this package raises on purpose."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class NotTheSource(QualityError):
    """Records that another node than their source would put: nothing was stored."""


class StoreDamaged(QualityError):
    """The projection's file is no database any more."""
