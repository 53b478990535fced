"""A small SQLite file beside the journal: what a node remembers that is no record, or what it could build again.

Owns opening, migrating and one transaction at a time from any thread. Refuses a file that is no database. Called by the stores of the
catalogue and of the cases, which own their tables.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

from sqlite_utils import Database, Migrations

from node.errors import NodeError

BUSY_TIMEOUT_S = 5.0
DAMAGED_SUFFIX = ".damaged"

Store = TypeVar("Store")
log = logging.getLogger("yunnao.store")


class SideFile:
    """The file, open. Everything it raises is of the caller's own error types."""

    def __init__(self, path: Path, migrations: Migrations, *, failure: type[NodeError], damaged: type[NodeError]) -> None:
        """Open or make the file; raises `damaged` when it is no database, `failure` when it cannot be opened now."""
        self.path = path
        self._failure = failure
        self._lock = Lock()
        self._is_closed = False
        self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA secure_delete = ON")
            migrations.apply(Database(self._db))
        except sqlite3.DatabaseError as error:
            self._db.close()
            why = f"{path} cannot be opened ({error}): move it away, a new one is made"
            # Operational errors (locked, disk full) pass; any other means that the file's content is wrong.
            raise (failure if isinstance(error, sqlite3.OperationalError) else damaged)(why) from error

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            self._is_closed = True
            self._db.close()

    def leave_no_trace(self) -> None:
        """Empty the log: what was deleted is overwritten in the file. Raises the failure type while somebody else reads it."""
        with self._lock:
            try:
                busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.Error as error:
                raise self._failure(f"{self.path.name} failed ({error}): free disk space, or try again") from error
        if busy:
            raise self._failure(f"{self.path.name} is being read: its log is emptied when that ends")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction; raises the failure type when the file fails or is closed."""
        with self._lock:
            if self._is_closed:
                raise self._failure(f"{self.path.name} is closed: the node is stopping")
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._failure(f"{self.path.name} failed ({error}): free disk space, or try again") from error
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")


def open_or_begin_anew(path: Path, make: Callable[[Path], Store], *, damaged: type[NodeError], loss: str) -> Store:
    """What `make` opens at `path`; a damaged file is put aside and begun anew, because it must not keep a node from storing records.

    `loss` says in the log what that costs.
    """
    try:
        return make(path)
    except damaged as error:
        aside = path.with_name(path.name + DAMAGED_SUFFIX)
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        log.warning("%s; put aside as %s: %s", error, aside.name, loss)
        return make(path)
