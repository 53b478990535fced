"""Errors about forks.

NodeError
+-- ForkChangeError  a change of incarnation cannot be finished: files of two folders were mixed
+-- AwayTooLong      nothing was heard from above for too long: this node must be seeded anew before it goes on
+-- ForkFound        a peer holds another copy's records: this node must go on under a new incarnation
"""

from __future__ import annotations

from collections.abc import Mapping

from node.errors import NodeError
from sync.model import Lane


class ForkChangeError(NodeError):
    """A change of incarnation that cannot be finished as the files are."""


class AwayTooLong(NodeError):
    """Nothing was heard from above for too long (absence.py). Ends the node's present life; the next one asks for a reseed."""


class ForkFound(NodeError):
    """Another copy of this node has written, and `peer` holds it. Ends the node's present life; node/appliance.py starts the next."""

    def __init__(self, peer: str, *, is_parent: bool, old: int, shared: Mapping[Lane, int]) -> None:
        self.peer = peer
        self.is_parent = is_parent
        self.old = old
        self.shared = shared
        """Last lsn of each lane that the copies share."""
        super().__init__(f"{peer} holds records of another copy of this node: the journal goes on under a new incarnation")
