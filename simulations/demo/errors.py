"""Errors of the demo."""

from __future__ import annotations

from node.errors import NodeError


class DemoError(NodeError):
    """The demo cannot go on: what is in the way, and the way out."""
