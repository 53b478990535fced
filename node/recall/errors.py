"""What may be wrong with a recall."""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class RecallError(NodeError):
    """A recall that cannot go on now; it is tried again. The text says what it waits for."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class RecallUnknown(RecallError):
    """No recall of that name is here."""
