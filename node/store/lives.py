"""The lives of a journal, and the lives of its peers' journals as far as this one holds their data (tables `life` and `peer_life`).

They lie in the journal itself, so that a copy of the file carries exactly the lives it shares. Written inside the transactions of
node/store/journal.py: a life with the first batch it writes, a peer's with the first commit after its data begins to come. Called by
journal.py (what to tell, what was heard) and node/fork (where two copies parted). See sync/model/lives.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from threading import Lock

from node.store.rows import decode_manifest
from sync.model import LIVES_TOLD_MAX, Direction, Life, Manifest

LIVES_KEPT_MAX = 4_096
"""Lives of the own journal that are kept; the oldest go first."""

_PeerKey = tuple[str, int]
"""Peer and its incarnation."""


class LifeBook:
    """The lives known in one journal file. `learn` may be called on any thread, the rest of the writing on the commit thread."""

    def __init__(self, connection: sqlite3.Connection, *, beginning: Life | None) -> None:
        """`beginning` is the life of this process; it is written down with its first batch. None: this process tells of none."""
        self._own = [Life(*row) for row in connection.execute("SELECT id, after_lsn FROM life ORDER BY ordinal")]
        self._beginning = beginning
        self._known: dict[_PeerKey, tuple[Life, ...]] = {}
        for peer, incarnation, *life in connection.execute("SELECT peer, incarnation, id, after_lsn FROM peer_life ORDER BY ordinal"):
            self._known[(peer, incarnation)] = (*self._known.get((peer, incarnation), ()), Life(*life))
        self._lock = Lock()
        self._unwritten: dict[_PeerKey, tuple[Life, ...]] = {}
        self._writing: dict[_PeerKey, tuple[Life, ...]] = {}
        self._begins = False

    def own(self) -> tuple[Life, ...]:
        """Every life of this journal, oldest first, this process's last."""
        return (*self._own, *((self._beginning,) if self._beginning else ()))

    def told(self) -> tuple[Life, ...]:
        """The newest lives, as a Hello carries them."""
        return self.own()[-LIVES_TOLD_MAX:]

    def known(self, peer: str, incarnation: int) -> tuple[Life, ...]:
        """The lives of `peer` in `incarnation` that wrote what this node holds of it; empty when it told of none."""
        with self._lock:
            return self._known.get((peer, incarnation), ())

    def learn(self, peer: str, incarnation: int, lives: Sequence[Life]) -> None:
        """`peer` sends data and has these lives: written with the next commit, so before or together with that data."""
        key, newest = (peer, incarnation), tuple(lives[-LIVES_TOLD_MAX:])
        with self._lock:
            if newest and self._known.get(key) != newest:
                self._known[key] = self._unwritten[key] = newest

    def insert(self, connection: sqlite3.Connection, *, has_batches: bool) -> None:
        """Write down what is new, inside the caller's transaction."""
        with self._lock:
            self._writing = dict(self._unwritten)
        self._begins = has_batches and self._beginning is not None
        if self._begins and self._beginning is not None:
            connection.execute("INSERT INTO life (id, after_lsn) VALUES (?, ?)", (self._beginning.id, self._beginning.after))
            connection.execute("DELETE FROM life WHERE ordinal <= (SELECT max(ordinal) FROM life) - ?", (LIVES_KEPT_MAX,))
        for (peer, incarnation), lives in self._writing.items():
            connection.execute("DELETE FROM peer_life WHERE peer = ? AND incarnation = ?", (peer, incarnation))
            rows = [(peer, incarnation, ordinal, life.id, life.after) for ordinal, life in enumerate(lives)]
            connection.executemany("INSERT INTO peer_life VALUES (?, ?, ?, ?, ?)", rows)

    def committed(self) -> None:
        """The transaction of the last `insert` is durable."""
        if self._begins and self._beginning is not None:
            self._own.append(self._beginning)
            self._beginning, self._begins = None, False
        with self._lock:
            for key, lives in self._writing.items():
                if self._unwritten.get(key) == lives:
                    del self._unwritten[key]


def newest_returned_manifest(connection: sqlite3.Connection, peer: str, incarnation: int) -> Manifest | None:
    """What `peer`, the parent, signed on the newest batch that came down from it in `incarnation`; None when nothing did."""
    statement = "SELECT lane FROM in_position WHERE peer = ? AND incarnation = ? AND direction = ? AND upto > 0 ORDER BY lane"
    for (lane,) in connection.execute(statement, (peer, incarnation, int(Direction.RETURN))).fetchall():
        row = connection.execute(
            "SELECT manifest FROM batch WHERE lane = ? AND direction = ? AND source = ? AND manifest IS NOT NULL ORDER BY lsn DESC LIMIT 1",
            (lane, int(Direction.RETURN), peer),
        ).fetchone()
        if row is not None:
            return decode_manifest(row[0])
    return None


def has_sent(connection: sqlite3.Connection, manifest_digest: bytes) -> bool:
    """True when the share ledger knows the manifest: every frame is written there before it leaves."""
    return connection.execute("SELECT 1 FROM ledger WHERE manifest_digest = ? LIMIT 1", (manifest_digest,)).fetchone() is not None
