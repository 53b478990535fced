"""What the rules found so far, in `quality.db`: figures by resource, origin and rule, keys and references seen, how far was read.

The journal is the truth: a step adds its figures and moves its position in one transaction, so a restart goes on where the last step
ended, and the file may be deleted at any time. Keys and references are hashes in chunks, at most KNOWN_MAX of a subject; the oldest are
forgotten first. Any thread may call. Called by the projection and the desk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from sqlite_utils import Database, Migrations

from node.quality.errors import QualityError, StoreDamaged
from node.quality.hashing import Hashes
from node.quality.judging import Origins
from node.store.side_file import SideFile

FILE_NAME = "quality.db"
KNOWN_MAX = 4_000_000
"""Hashes kept of one subject (the keys of a rule, the values of a column that rules refer to): 12 bytes each."""
SAMPLES_MAX = 5
"""Records named in a ticket."""
WHOLE = ""
"""Stands for all rules together: a row that breaks several is one bad row."""

migrations = Migrations("quality")


@migrations()
def m001_quality(db: Database) -> None:
    """Figures, positions, hashes seen, origins by number, and up to where bad rows were the matter of a ticket that ended."""
    db.execute(
        """
        CREATE TABLE score (
            resource TEXT NOT NULL, origin TEXT NOT NULL, rule TEXT NOT NULL, judged INTEGER NOT NULL, bad INTEGER NOT NULL,
            unjudged INTEGER NOT NULL, fresh INTEGER NOT NULL, first_lsn INTEGER NOT NULL, last_lsn INTEGER NOT NULL,
            samples TEXT NOT NULL, PRIMARY KEY (resource, origin, rule)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX score_wanting ON score (resource, origin, rule) WHERE fresh > 0 AND rule <> ''")
    db.execute(
        "CREATE TABLE settled (resource TEXT NOT NULL, origin TEXT NOT NULL, rule TEXT NOT NULL, lsn INTEGER NOT NULL, "
        "PRIMARY KEY (resource, origin, rule)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE TABLE ended (case_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID")
    db.execute("CREATE TABLE built_to (resource TEXT PRIMARY KEY, lsn INTEGER NOT NULL, rules TEXT NOT NULL) STRICT")
    db.execute("CREATE TABLE known (id INTEGER PRIMARY KEY, subject TEXT NOT NULL, hashes BLOB NOT NULL, origins BLOB NOT NULL) STRICT")
    db.execute("CREATE INDEX known_by_subject ON known (subject, id)")
    db.execute("CREATE TABLE origin (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT")
    db.execute(
        "CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), node TEXT NOT NULL, incarnation TEXT NOT NULL, "
        "seed INTEGER NOT NULL) STRICT"
    )


Key = tuple[str, str, str]
"""Resource, origin, rule."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Where a bad record stands: its stream and number, never a value of it."""

    incarnation: int
    number: int

    def encoded(self) -> str:
        """As tickets name it."""
        return f"{self.incarnation:016x}:{self.number}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found in rows of one origin."""

    judged: int = 0
    bad: int = 0
    unjudged: int = 0
    """Rows of which the node may not see what the rule judges."""
    fresh: int = 0
    """Bad rows that were never the matter of a ticket that ended."""
    first_lsn: int = 0
    """Where the first bad row lies; 0 while there is none."""
    last_lsn: int = 0
    samples: tuple[str, ...] = ()

    def plus(self, other: Found) -> Found:
        """Both together; `other` is later."""
        return Found(
            self.judged + other.judged,
            self.bad + other.bad,
            self.unjudged + other.unjudged,
            self.fresh + other.fresh,
            self.first_lsn or other.first_lsn,
            other.last_lsn or self.last_lsn,
            (self.samples + other.samples)[:SAMPLES_MAX],
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """Hashes that are new to a subject."""

    subject: str
    hashes: Hashes
    origins: Origins


class QualityStore(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises StoreDamaged when it is no database, QualityError when it cannot be opened now."""
        super().__init__(path, migrations, failure=QualityError, damaged=StoreDamaged)

    def begin(self, node: str, incarnation: int, last_lsn: int, *, seed: int) -> int:
        """The seed of the hashes; a file of another journal, or ahead of it, begins anew with `seed`."""
        with self.transaction() as db:
            known = db.execute("SELECT node, incarnation, seed FROM owner").fetchone()
            (newest,) = db.execute("SELECT coalesce(max(lsn), 0) FROM built_to").fetchone()
            if known is not None and known[:2] == (node, str(incarnation)) and newest <= last_lsn:
                return int(known[2])
            for table in ("score", "settled", "ended", "built_to", "known", "origin", "owner"):
                db.execute(f"DELETE FROM {table}")
            db.execute("INSERT INTO owner VALUES (1, ?, ?, ?)", (node, str(incarnation), seed))
        return seed

    # ---- positions

    def position(self, resource: str, rules: str) -> int:
        """How far a resource was judged by `rules` (their fingerprint, with repairs); under other rules it is judged anew, from 0."""
        with self.transaction() as db:
            row = db.execute("SELECT lsn, rules FROM built_to WHERE resource = ?", (resource,)).fetchone()
            if row is not None and row[1] == rules:
                return int(row[0])
            db.execute("DELETE FROM score WHERE resource = ?", (resource,))
            db.execute("DELETE FROM known WHERE subject LIKE ? ESCAPE '\\'", (_prefix(resource),))
            db.execute("INSERT OR REPLACE INTO built_to VALUES (?, 0, ?)", (resource, rules))
        return 0

    def settled(self, resource: str) -> dict[tuple[str, str], int]:
        """By origin and rule up to where bad rows were the matter of a ticket that ended."""
        with self.transaction() as db:
            rows = db.execute("SELECT origin, rule, lsn FROM settled WHERE resource = ?", (resource,)).fetchall()
        return {(origin, rule): lsn for origin, rule, lsn in rows}

    def take(self, resource: str, found: Mapping[Key, Found], chunks: Sequence[Chunk], *, built_to: int) -> None:
        """Add a step's findings and move the position, together."""
        with self.transaction() as db:
            for key, one in found.items():
                before = _found(db.execute(f"{_SCORES} WHERE resource = ? AND origin = ? AND rule = ?", key).fetchone())
                db.execute("INSERT OR REPLACE INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*key, *_row(before.plus(one))))
            for chunk in chunks:
                db.execute(
                    "INSERT INTO known (subject, hashes, origins) VALUES (?, ?, ?)",
                    (chunk.subject, chunk.hashes.tobytes(), chunk.origins.tobytes()),
                )
                _forget(db, chunk.subject)
            db.execute("UPDATE built_to SET lsn = ? WHERE resource = ?", (built_to, resource))

    # ---- what was seen

    def chunks(self, subject: str) -> list[Chunk]:
        """The hashes of a subject, oldest first."""
        with self.transaction() as db:
            rows = db.execute("SELECT hashes, origins FROM known WHERE subject = ? ORDER BY id", (subject,)).fetchall()
        return [Chunk(subject, np.frombuffer(hashes, np.uint64), np.frombuffer(origins, np.int32)) for hashes, origins in rows]

    def numbers(self, names: Iterable[str]) -> dict[str, int]:
        """A small number for each origin, for good."""
        with self.transaction() as db:
            wanted = sorted(set(names))
            db.executemany("INSERT OR IGNORE INTO origin (name) VALUES (?)", [(name,) for name in wanted])
            return {name: int(db.execute("SELECT number FROM origin WHERE name = ?", (name,)).fetchone()[0]) for name in wanted}

    def origin(self, number: int) -> str:
        """The origin of a number; empty for none."""
        with self.transaction() as db:
            row = db.execute("SELECT name FROM origin WHERE number = ?", (number,)).fetchone()
        return str(row[0]) if row else ""

    # ---- figures

    def scores(self, *, resource: str = "", origin: str = "") -> dict[Key, Found]:
        """The figures, of all or of one resource or origin."""
        with self.transaction() as db:
            rows = db.execute(
                f"{_SCORES} WHERE (? = '' OR resource = ?) AND (? = '' OR origin = ?) ORDER BY resource, origin, rule",
                (resource, resource, origin, origin),
            ).fetchall()
        return {(row[0], row[1], row[2]): _found(row) for row in rows}

    def wanting(self) -> dict[Key, Found]:
        """Figures with bad rows that were never the matter of a ticket that ended."""
        with self.transaction() as db:
            rows = db.execute(f"{_SCORES} WHERE fresh > 0 AND rule <> '' ORDER BY resource, origin, rule").fetchall()
        return {(row[0], row[1], row[2]): _found(row) for row in rows}

    def settle(self, key: Key, case_id: str) -> None:
        """A ticket about this ended: what is bad up to where the journal was judged opens none again. A ticket counts once."""
        with self.transaction() as db:
            if not db.execute("INSERT OR IGNORE INTO ended VALUES (?)", (case_id,)).rowcount:
                return
            row = db.execute("SELECT lsn FROM built_to WHERE resource = ?", (key[0],)).fetchone()
            db.execute("INSERT OR REPLACE INTO settled VALUES (?, ?, ?, ?)", (*key, int(row[0]) if row else 0))
            db.execute("UPDATE score SET fresh = 0, samples = '[]' WHERE resource = ? AND origin = ? AND rule = ?", key)


_SCORES = "SELECT resource, origin, rule, judged, bad, unjudged, fresh, first_lsn, last_lsn, samples FROM score"


def subject_of(resource: str, *, rule: str = "", column: str = "") -> str:
    """The subject of the hashes of a rule's keys, or of a column's values."""
    return f"{resource}/rule:{rule}" if rule else f"{resource}/column:{column}"


def _prefix(resource: str) -> str:
    return resource.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "/rule:%"


def _forget(db: sqlite3.Connection, subject: str) -> None:
    (total,) = db.execute("SELECT coalesce(sum(length(hashes)), 0) / 8 FROM known WHERE subject = ?", (subject,)).fetchone()
    while total > KNOWN_MAX:
        oldest, size = db.execute("SELECT id, length(hashes) / 8 FROM known WHERE subject = ? ORDER BY id LIMIT 1", (subject,)).fetchone()
        db.execute("DELETE FROM known WHERE id = ?", (oldest,))
        total -= size


def _found(row: tuple[object, ...] | None) -> Found:
    if row is None:
        return Found()
    judged, bad, unjudged, fresh, first_lsn, last_lsn = (int(str(value)) for value in row[3:9])
    return Found(judged, bad, unjudged, fresh, first_lsn, last_lsn, msgspec.json.decode(str(row[9]), type=tuple[str, ...]))


def _row(found: Found) -> tuple[object, ...]:
    samples = msgspec.json.encode(found.samples).decode()
    return (found.judged, found.bad, found.unjudged, found.fresh, found.first_lsn, found.last_lsn, samples)
