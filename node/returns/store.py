"""The book of returns, in a file of its own: the newest return of each resource and territory, and what children have acknowledged.

Owns `returns.db` and its tables, which docs/returns.md describes. Every call is one transaction; any thread may call. A file that is lost
is built again from the journal, and waits for the next return of what retention has taken. Called by the desk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from node.returns.errors import BookDamaged, ReturnsError
from node.returns.reading import Acknowledged, Came
from node.store.side_file import SideFile

FILE_NAME = "returns.db"
LINES_MAX = 20_000
"""Lines of the book; of more, the territories heard of longest ago go first."""

migrations = Migrations("returns")


@migrations()
def m001_book(db: Database) -> None:
    """What came, what was acknowledged, since when a resource is expected, and how far the journal was read."""
    db.execute(
        """
        CREATE TABLE came (
            resource TEXT, territory TEXT, sealed_us INTEGER NOT NULL, seen_us INTEGER NOT NULL, batches INTEGER NOT NULL,
            PRIMARY KEY (resource, territory)
        ) STRICT
        """
    )
    db.execute(
        """
        CREATE TABLE acknowledged (
            peer TEXT, resource TEXT, sealed_us INTEGER NOT NULL, seen_us INTEGER NOT NULL, batches INTEGER NOT NULL,
            PRIMARY KEY (peer, resource)
        ) STRICT
        """
    )
    db.execute("CREATE TABLE expected (resource TEXT PRIMARY KEY, since_us INTEGER NOT NULL) STRICT")
    db.execute("CREATE TABLE reading (peer TEXT, lane INTEGER, lsn INTEGER NOT NULL, PRIMARY KEY (peer, lane)) STRICT")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the book: (resource, territory) of what came, or (resource, child) of what was acknowledged."""

    resource: str
    who: str
    sealed_us: int
    """When the newest record was sealed at its source."""
    seen_us: int
    """When this node noticed it."""
    batches: int


class ReturnsBook:
    """The file, open."""

    def __init__(self, path: Path) -> None:
        self._file = SideFile(path, migrations, failure=ReturnsError, damaged=BookDamaged)

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """One transaction; raises ReturnsError when the file fails."""
        return self._file.transaction()

    def read_upto(self) -> dict[tuple[str, int], int]:
        """How far the journal was read: by (child, lane), and ("", 0) for what came."""
        with self.transaction() as db:
            return {(peer, lane): lsn for peer, lane, lsn in db.execute("SELECT peer, lane, lsn FROM reading")}

    def keep_came(self, found: Iterable[Came], *, upto: int, now_us: int) -> None:
        """Enter what came back. A source whose clock is ahead counts as of now."""
        rows = [(one.resource, one.territory, min(one.sealed_us, now_us), now_us, one.batches) for one in found]
        with self.transaction() as db:
            db.executemany(_entering("came", "resource, territory"), rows)
            db.execute("DELETE FROM came WHERE rowid IN (SELECT rowid FROM came ORDER BY seen_us DESC LIMIT -1 OFFSET ?)", (LINES_MAX,))
            db.execute("INSERT OR REPLACE INTO reading VALUES ('', 0, ?)", (upto,))

    def keep_acknowledged(self, found: Iterable[Acknowledged], *, upto: Mapping[tuple[str, int], int], now_us: int) -> None:
        """Enter what children acknowledged."""
        rows = [(one.peer, one.resource, min(one.sealed_us, now_us), now_us, one.batches) for one in found]
        with self.transaction() as db:
            db.executemany(_entering("acknowledged", "peer, resource"), rows)
            db.executemany("INSERT OR REPLACE INTO reading VALUES (?, ?, ?)", [(*key, lsn) for key, lsn in sorted(upto.items())])

    def expect(self, resources: Collection[str], now_us: int) -> dict[str, int]:
        """Since when each of `resources` is expected to return; others are forgotten."""
        with self.transaction() as db:
            known: dict[str, int] = dict(db.execute("SELECT resource, since_us FROM expected").fetchall())
            db.executemany("DELETE FROM expected WHERE resource = ?", [(code,) for code in sorted(known.keys() - set(resources))])
            db.executemany("INSERT INTO expected VALUES (?, ?)", [(code, now_us) for code in sorted(set(resources) - known.keys())])
        return {code: known.get(code, now_us) for code in resources}

    def came(self) -> list[Line]:
        """What came back, by resource and territory."""
        return self._lines("SELECT resource, territory, sealed_us, seen_us, batches FROM came ORDER BY resource, territory")

    def acknowledged(self) -> list[Line]:
        """What children acknowledged, by resource and child."""
        return self._lines("SELECT resource, peer, sealed_us, seen_us, batches FROM acknowledged ORDER BY resource, peer")

    def _lines(self, question: str) -> list[Line]:
        with self.transaction() as db:
            return [Line(*row) for row in db.execute(question)]


def _entering(table: str, key: str) -> str:
    return f"""
        INSERT INTO {table} VALUES (?, ?, ?, ?, ?) ON CONFLICT ({key}) DO UPDATE SET
            sealed_us = max(sealed_us, excluded.sealed_us), seen_us = excluded.seen_us, batches = batches + excluded.batches
    """
