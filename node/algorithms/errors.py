"""Errors of the algorithms room.

NodeError
+-- AlgorithmRefused   a package, a model or an order about one that is not taken
"""

from __future__ import annotations

from typing import ClassVar

from node.errors import EXIT_REFUSED, NodeError


class AlgorithmRefused(NodeError):
    """A package, a model or an order about one that is not taken; nothing was changed."""

    exit_code: ClassVar[int] = EXIT_REFUSED
