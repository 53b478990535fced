"""Read-only connections to a journal file, so that pipeline threads read while the commit thread writes.

Owned by the journal. A connection is used by one thread at a time; every read is finished when its block ends, so that no reader keeps the
write-ahead log from being moved into the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from node.store.failures import guarded
from node.store.schema import BUSY_TIMEOUT_S, Tuning
from sync.model import JournalCorrupt, JournalError

IDLE_MAX = 8
"""Connections kept open between reads."""


class Readers:
    """A pool that grows with the number of threads that read at once."""

    def __init__(self, path: Path, tuning: Tuning) -> None:
        self._path = path
        self._cache_kib = tuning.reader_cache_bytes // 1024
        self._lock = Lock()
        self._idle: list[sqlite3.Connection] = []
        self._is_closed = False
        self.on_damage: Callable[[int], None] = lambda lsn: None
        """Called, on the reading thread, with the lsn of a batch that does not match its hash."""

    @contextmanager
    def snapshot(self, doing: str) -> Iterator[sqlite3.Connection]:
        """A connection whose statements all see the same state of the file; errors name `doing`."""
        with guarded(self._path, doing):
            connection = self._take()
            try:
                connection.execute("BEGIN")
                yield connection
            except JournalCorrupt as error:
                if error.lsn is not None:
                    self.on_damage(error.lsn)
                raise
            finally:
                self._give_back(connection)

    def close(self) -> None:
        """Close the idle connections; those in use close when their read ends."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._is_closed:
                raise JournalError(f"{self._path} is closed: open the journal again")
            if self._idle:
                return self._idle.pop()
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
        connection.execute(f"PRAGMA cache_size = -{self._cache_kib}")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.rollback()
        with self._lock:
            if not self._is_closed and len(self._idle) < IDLE_MAX:
                self._idle.append(connection)
                return
        connection.close()
