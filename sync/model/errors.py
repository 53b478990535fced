"""Errors of the replication package.

SyncError
+-- ModelError          a value that cannot be what it claims to be
+-- WireError           bytes from a peer that are not a message we accept
+-- JournalError        the node's own log cannot be read or written
|   +-- JournalCorrupt  a checksum or a structure does not hold
|   +-- JournalFull     no space, or a lane's quota is used up
+-- LinkError           a session with a peer cannot go on
    +-- ForkError       the peer's history is not the one we stored
"""

from __future__ import annotations


class SyncError(Exception):
    """Base of every error this package raises on purpose."""


class ModelError(SyncError):
    """A value that cannot be what it claims to be: name the value and the way out."""


class WireError(SyncError):
    """Bytes from a peer that are not a message we accept."""


class JournalError(SyncError):
    """The node's own log cannot be read or written."""


class JournalCorrupt(JournalError):
    """A checksum or a structure of the journal does not hold."""

    def __init__(self, message: str, *, lsn: int | None = None) -> None:
        super().__init__(message)
        self.lsn = lsn
        """Log sequence number of the batch at fault, or None when it is the file itself."""


class JournalFull(JournalError):
    """No space is left, or a lane's quota is used up; nothing was accepted."""


class LinkError(SyncError):
    """A session with a peer cannot go on; the reason is meant for the operator."""


class ForkError(LinkError):
    """The peer's history is not the one we stored: a clone or a restored backup."""
