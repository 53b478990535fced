"""What goes wrong with the watch over sensors. Raised by store.py, reported by the desk."""

from __future__ import annotations

from node.errors import EXIT_FAILED, NodeError


class WatchError(NodeError):
    """What was learnt of the sensors cannot be read or written now."""

    exit_code = EXIT_FAILED


class WatchDamaged(WatchError):
    """The file is no database any more."""
