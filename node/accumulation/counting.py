"""Counts the distinct persons in a resource as records come in, in one sketch per resource, from keyed hashes alone.

Owns `persons.db`: what it holds is made again from the journal, but for records that were freed since. No id is written: HMAC-SHA256 under
a key of the node goes into the sketch. An estimate errs by 1.6 % (one standard error). What is erased stays counted. A file of another
journal begins anew. Any thread may call. Called by the desk.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import datasketches as ds
import pyarrow as pa
from sqlite_utils import Database, Migrations

from node.errors import EXIT_REFUSED, NodeError
from node.store.journal import SqliteJournal
from node.store.records import decode_rows
from node.store.side_file import SideFile
from node.summaries.errors import SummaryError
from node.summaries.sketches import HLL_LG_K, HLL_TYPE, read_distinct
from policies.arrow import call, is_dictionary, only_used, words_of
from sync.model import Span, StoredBatch

FILE_NAME = "persons.db"
BATCHES_READ_MAX = 64
READ_BYTES_MAX = 4 << 20
"""One short read of the journal, and one transaction."""

migrations = Migrations("persons")


@migrations()
def m001_seen(db: Database) -> None:
    """By resource and field the sketch and how far the journal was read, and whose journal it was."""
    db.execute(
        """
        CREATE TABLE seen (
            resource TEXT NOT NULL, field TEXT NOT NULL, built_to INTEGER NOT NULL, sketch BLOB NOT NULL, PRIMARY KEY (resource, field)
        ) STRICT
        """
    )
    db.execute("CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), node TEXT NOT NULL, incarnation TEXT NOT NULL) STRICT")


@migrations()
def m002_put_back(db: Database) -> None:
    """After how many batches that were put back each resource was read; a table, as an older program writes whole rows of `seen`."""
    db.execute(
        "CREATE TABLE put_back (resource TEXT NOT NULL, field TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (resource, field)) STRICT"
    )


class CountingFailed(NodeError):
    """The file cannot be read or written now."""

    exit_code: ClassVar[int] = EXIT_REFUSED


class CountsDamaged(CountingFailed):
    """The file is no database any more."""


@dataclass(slots=True)
class _Seen:
    built_to: int
    sketch: ds.hll_sketch


class Counting(SideFile):
    """The file, open."""

    def __init__(self, path: Path, secret: bytes) -> None:
        """Open or make the file. Raises CountsDamaged when it is no database, CountingFailed when it cannot be opened now."""
        super().__init__(path, migrations, failure=CountingFailed, damaged=CountsDamaged)
        self._secret = secret

    def persons(self, journal: SqliteJournal, resource: str, field: str) -> int:
        """About how many distinct values of `field` this node's records of a resource have. Raises CountingFailed, JournalError."""
        self._check_owner(journal)
        seen, upto = self._seen(resource, field, journal.repaired(resource).put_back), journal.last_lsn
        while seen.built_to < upto:
            batches = journal.find(resource, Span(seen.built_to, upto), batches_max=BATCHES_READ_MAX, bytes_max=READ_BYTES_MAX)
            for stored in batches:
                self._take(seen.sketch, stored, field)
            seen.built_to = batches[-1].lsn if batches else upto
            self._keep(resource, field, seen)
        estimate: float = seen.sketch.get_estimate()
        return round(estimate)

    def _take(self, sketch: ds.hll_sketch, stored: StoredBatch, field: str) -> None:
        runs = [run for run in stored.live_runs if run.state.has_rows]
        if not runs:
            return
        rows = decode_rows(stored.batch.payload)
        if field not in rows.schema.names:
            return
        for run in runs:
            column = rows.column(field).slice(run.row_offset, run.count)
            words = words_of(only_used(column)) if is_dictionary(column) else call("unique", column)
            for word in words.cast(pa.string()).to_pylist():
                if word:
                    sketch.update(hmac.digest(self._secret, word.encode(), "sha256").hex())

    def _check_owner(self, journal: SqliteJournal) -> None:
        facts = (journal.node, str(journal.incarnation))
        with self.transaction() as db:
            known = db.execute("SELECT node, incarnation FROM owner").fetchone()
            (newest,) = db.execute("SELECT coalesce(max(built_to), 0) FROM seen").fetchone()
            if known != facts or newest > journal.last_lsn:
                db.execute("DELETE FROM seen")
                db.execute("DELETE FROM put_back")
                db.execute("DELETE FROM owner")
                db.execute("INSERT INTO owner VALUES (1, ?, ?)", facts)

    def _seen(self, resource: str, field: str, put_back: int) -> _Seen:
        with self.transaction() as db:
            before = db.execute("SELECT count FROM put_back WHERE resource = ? AND field = ?", (resource, field)).fetchone()
            if put_back != (before[0] if before else 0):
                # Whom a sketch has seen counts once: everything is read into it again.
                db.execute("UPDATE seen SET built_to = 0 WHERE resource = ? AND field = ?", (resource, field))
                db.execute("INSERT OR REPLACE INTO put_back VALUES (?, ?, ?)", (resource, field, put_back))
            row = db.execute("SELECT built_to, sketch FROM seen WHERE resource = ? AND field = ?", (resource, field)).fetchone()
        if row is not None:
            try:
                return _Seen(row[0], read_distinct(row[1]))
            except SummaryError:
                # A sketch that is none is made again: the journal is the truth.
                return _Seen(0, ds.hll_sketch(HLL_LG_K, HLL_TYPE))
        return _Seen(0, ds.hll_sketch(HLL_LG_K, HLL_TYPE))

    def _keep(self, resource: str, field: str, seen: _Seen) -> None:
        with self.transaction() as db:
            db.execute(
                "INSERT INTO seen VALUES (?, ?, ?, ?) ON CONFLICT (resource, field) DO UPDATE SET built_to = excluded.built_to, "
                "sketch = excluded.sketch",
                (resource, field, seen.built_to, seen.sketch.serialize_compact()),
            )
