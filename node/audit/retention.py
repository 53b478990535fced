"""How long audit entries are kept, and the signed checkpoint behind which older ones go.

Owns the checkpoint: its entry says up to which number the log was let go and with which hash it ended there, signed with the node's
manifest key, so that the chain of what is left still has a beginning that somebody answers for. Called by desk.py and walk.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.audit.entry import Entry, Scalar, decode
from node.store.journal import SqliteJournal
from node.store.keeping import KeptTime
from sync.model import MICROSECONDS

KEPT_DAYS_MIN = 180
"""Days that an entry is kept at least."""
KEPT_US = KEPT_DAYS_MIN * 86_400 * MICROSECONDS
FORGET_AT_ONCE_MAX = 10_000
"""Entries that one checkpoint lets go; those left go with the next."""
FORGET_AT_ONCE_MIN = 100
"""A checkpoint for fewer would be an entry for nearly every one it lets go."""
_PURPOSE = b"yunnao-audit-checkpoint-1"

_OLDEST = "SELECT seq, entry, hash FROM audit_entry ORDER BY seq LIMIT 1 OFFSET ?"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Up to where a log was let go."""

    node: str
    upto: int
    """Number of the newest entry that is gone."""
    hash: bytes
    """Its hash."""

    @property
    def signed_bytes(self) -> bytes:
        """What is signed."""
        return b"\n".join((_PURPOSE, self.node.encode(), str(self.upto).encode(), self.hash.hex().encode()))


@dataclass(frozen=True, slots=True)
class CheckpointSeal:
    """Makes checkpoints of one node."""

    node: str
    key: Callable[[], Ed25519PrivateKey]
    """The manifest key as it is now."""
    kept_us: int = KEPT_US

    def due(self, journal: SqliteJournal, now_us: int) -> Checkpoint | None:
        """Up to where entries are past their time now; None while too few are. Blocking."""
        times = journal.kept_times()
        return journal.look("look at old audit entries", lambda connection: self._due(connection, now_us, times))

    def _due(self, connection: sqlite3.Connection, now_us: int, times: Sequence[KeptTime]) -> Checkpoint | None:
        found = None
        for offset in (FORGET_AT_ONCE_MIN, FORGET_AT_ONCE_MAX):
            row = connection.execute(_OLDEST, (offset - 1,)).fetchone()
            if row is not None and age_us(decode(row[1]).at_us, now_us, times) >= self.kept_us:
                found = Checkpoint(self.node, row[0], row[2])
        return found

    def signed(self, checkpoint: Checkpoint) -> dict[str, Scalar]:
        """The detail of its entry."""
        return {
            "upto": checkpoint.upto,
            "hash": checkpoint.hash.hex(),
            "key": self.public_hex(),
            "signature": self.key().sign(checkpoint.signed_bytes).hex(),
        }

    def public_hex(self) -> str:
        """The manifest key as peers know it."""
        return self.key().public_key().public_bytes_raw().hex()


def age_us(at_us: int, now_us: int, times: Sequence[KeptTime]) -> int:
    """How long something of `at_us` has been kept: by the wall clock or by the journal's own age, whichever is less.

    A clock that is set forward by years must not end the log; the journal's age grows by a day at most where the clock jumped.
    """
    since = next((mark.kept_us for mark in times if mark.lsn and mark.wall_us >= at_us), None)
    return min(now_us - at_us, 0 if since is None else max(mark.kept_us for mark in times) - since)


def checkpoint_of(entry: Entry) -> Checkpoint | None:
    """The checkpoint in an entry; None when there is none, or when its signature is not over it."""
    try:
        upto, digest = int(str(entry.detail["upto"])), bytes.fromhex(str(entry.detail["hash"]))
        key, signature = bytes.fromhex(str(entry.detail["key"])), bytes.fromhex(str(entry.detail["signature"]))
        checkpoint = Checkpoint(entry.subject, upto, digest)
        Ed25519PublicKey.from_public_bytes(key).verify(signature, checkpoint.signed_bytes)
    except (KeyError, ValueError, InvalidSignature):
        return None
    return checkpoint
