"""What a node remembers of its catalogue, in a file of its own: the draft, the history, and when each resource's newest record was sealed.

Owns `catalogue.db` and its tables, which docs/catalogue.md describes. Every call is one transaction; any thread may call. A file that is
lost costs the draft and the history, never a record. Called by the desk and the review of classification.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from node.catalogue.errors import CatalogueError, StoreDamaged
from node.catalogue.history import Edition
from node.store.side_file import SideFile
from policies.bundle import canonical_json

FILE_NAME = "catalogue.db"
HISTORY_ROWS_MAX = 500_000
"""Changes kept; the oldest go first."""

migrations = Migrations("catalogue")
Plain = dict[str, object]


@migrations()
def m001_drafts(db: Database) -> None:
    """Entries that are imported or accepted and not in force."""
    db.execute("CREATE TABLE draft (code TEXT PRIMARY KEY, entry TEXT NOT NULL, source TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT")


@migrations()
def m002_history(db: Database) -> None:
    """Each issuer's entries as last seen, and what changed when."""
    db.execute("CREATE TABLE seen (issuer TEXT, epoch INTEGER NOT NULL, code TEXT, entry TEXT NOT NULL, PRIMARY KEY (issuer, code)) STRICT")
    db.execute(
        """
        CREATE TABLE history (
            id INTEGER PRIMARY KEY, issuer TEXT NOT NULL, epoch INTEGER NOT NULL, code TEXT NOT NULL, at_us INTEGER NOT NULL,
            change TEXT NOT NULL, changed TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX history_by_code ON history (code, id)")


@migrations()
def m003_newest(db: Database) -> None:
    """When the newest record of each resource was sealed, and how far the journal was read for it."""
    db.execute("CREATE TABLE newest (resource TEXT PRIMARY KEY, sealed_us INTEGER NOT NULL) STRICT")
    db.execute("CREATE TABLE reading (one INTEGER PRIMARY KEY CHECK (one = 1), lsn INTEGER NOT NULL) STRICT")


@migrations()
def m004_proposals(db: Database) -> None:
    """Proposals of grades, and what a person made of each; at most one waits for each field."""
    db.execute(
        """
        CREATE TABLE proposal (
            id INTEGER PRIMARY KEY AUTOINCREMENT, resource TEXT NOT NULL, field TEXT NOT NULL, rule TEXT NOT NULL, grade INTEGER NOT NULL,
            role TEXT NOT NULL, category TEXT NOT NULL, mask TEXT NOT NULL, share REAL NOT NULL, rows INTEGER NOT NULL,
            confidence REAL NOT NULL, state TEXT NOT NULL, at_us INTEGER NOT NULL, decided_us INTEGER NOT NULL, decided_by TEXT NOT NULL,
            why TEXT NOT NULL, final TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE UNIQUE INDEX proposal_waits ON proposal (resource, field) WHERE state = 'pending'")


@migrations()
def m005_withdrawals(db: Database) -> None:
    """Entries in force that the next issue takes out of the catalogue."""
    db.execute("CREATE TABLE withdrawal (code TEXT PRIMARY KEY, at_us INTEGER NOT NULL) STRICT")


@dataclass(frozen=True, slots=True)
class Drafted:
    """One entry of the draft."""

    code: str
    entry: Plain
    source: str
    """The file it came from, or the review that made it."""
    at_us: int


class CatalogueStore(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises StoreDamaged when it is no database, CatalogueError when it cannot be opened now."""
        super().__init__(path, migrations, failure=CatalogueError, damaged=StoreDamaged)

    # ---- the draft

    def draft(self) -> dict[str, Drafted]:
        """The draft by code."""
        with self.transaction() as db:
            rows = db.execute("SELECT code, entry, source, at_us FROM draft ORDER BY code").fetchall()
        return {code: Drafted(code, json.loads(entry), source, at_us) for code, entry, source, at_us in rows}

    def keep_draft(self, entries: Iterable[Drafted]) -> None:
        """Put entries into the draft, over what it has of them, withdrawals too; all or none."""
        with self.transaction() as db:
            put_draft(db, entries)

    def drop_draft(self, codes: Iterable[str]) -> int:
        """Take entries and withdrawals out of the draft; how many were in it."""
        with self.transaction() as db:
            out = [db.execute(f"DELETE FROM {table} WHERE code = ?", (code,)) for code in codes for table in ("draft", "withdrawal")]
        return sum(cursor.rowcount for cursor in out)

    def withdrawals(self) -> dict[str, int]:
        """When each entry that the next issue takes out of the catalogue was put there, microseconds since 1970 UTC."""
        with self.transaction() as db:
            return dict(db.execute("SELECT code, at_us FROM withdrawal ORDER BY code").fetchall())

    def keep_withdrawals(self, codes: Sequence[str], at_us: int) -> None:
        """Put withdrawals into the draft, in place of what it has of these entries; all or none."""
        with self.transaction() as db:
            db.executemany("DELETE FROM draft WHERE code = ?", [(code,) for code in codes])
            db.executemany("INSERT OR REPLACE INTO withdrawal VALUES (?, ?)", [(code, at_us) for code in codes])

    # ---- history

    def seen(self, issuer: str) -> tuple[int, dict[str, Plain]]:
        """The epoch and entries of an issuer as last recorded; epoch 0 when none was."""
        with self.transaction() as db:
            rows = db.execute("SELECT epoch, code, entry FROM seen WHERE issuer = ?", (issuer,)).fetchall()
        return max((epoch for epoch, _, _ in rows), default=0), {code: json.loads(entry) for _, code, entry in rows}

    def record(self, issuer: str, epoch: int, found: Sequence[Edition], entries: Mapping[str, Plain], *, at_us: int) -> None:
        """Keep what an epoch changed, and the entries it left; in one transaction."""
        with self.transaction() as db:
            db.executemany(
                "INSERT INTO history (issuer, epoch, code, at_us, change, changed) VALUES (?, ?, ?, ?, ?, ?)",
                [(issuer, epoch, one.code, at_us, one.change.value, json.dumps(one.values, ensure_ascii=False)) for one in found],
            )
            db.executemany("DELETE FROM seen WHERE issuer = ? AND code = ?", [(issuer, one.code) for one in found])
            kept = [one.code for one in found if one.code in entries]
            db.executemany(
                "INSERT INTO seen VALUES (?, ?, ?, ?)", [(issuer, epoch, code, canonical_json(entries[code]).decode()) for code in kept]
            )
            db.execute("UPDATE seen SET epoch = ? WHERE issuer = ?", (epoch, issuer))
            db.execute("DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?", (HISTORY_ROWS_MAX,))

    def history(self, *, code: str = "", issuer: str = "", limit: int = 100) -> list[Plain]:
        """The newest changes, of one code or issuer where it is given."""
        with self.transaction() as db:
            rows = db.execute(
                """
                SELECT issuer, epoch, code, at_us, change, changed FROM history
                WHERE (:code = '' OR code = :code) AND (:issuer = '' OR issuer = :issuer) ORDER BY id DESC LIMIT :limit
                """,
                {"code": code, "issuer": issuer, "limit": limit},
            ).fetchall()
        names = ("issuer", "epoch", "code", "at_us", "change")
        return [dict(zip(names, row[:5], strict=True)) | {"changed": json.loads(row[5])} for row in rows]

    # ---- newest records

    def newest(self) -> dict[str, int]:
        """When the newest record of each resource was sealed, microseconds since 1970 UTC."""
        with self.transaction() as db:
            return dict(db.execute("SELECT resource, sealed_us FROM newest").fetchall())

    def read_upto(self) -> int:
        """The batch up to which the journal was read for `newest`."""
        with self.transaction() as db:
            row = db.execute("SELECT lsn FROM reading").fetchone()
        return int(row[0]) if row else 0

    def keep_newest(self, found: Mapping[str, int], *, upto: int) -> None:
        """Raise the times of resources to those found, and note how far the journal was read."""
        with self.transaction() as db:
            statement = "INSERT INTO newest VALUES (?, ?) ON CONFLICT DO UPDATE SET sealed_us = max(sealed_us, excluded.sealed_us)"
            db.executemany(statement, sorted(found.items()))
            db.execute("INSERT INTO reading VALUES (1, ?) ON CONFLICT DO UPDATE SET lsn = excluded.lsn", (upto,))


def put_draft(db: sqlite3.Connection, entries: Iterable[Drafted]) -> None:
    """Put entries into the draft, inside a transaction of the caller's."""
    rows = [(entry.code, canonical_json(entry.entry).decode(), entry.source, entry.at_us) for entry in entries]
    db.executemany("DELETE FROM withdrawal WHERE code = ?", [(code,) for code, *_ in rows])
    db.executemany("INSERT OR REPLACE INTO draft VALUES (?, ?, ?, ?)", rows)
