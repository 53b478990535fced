"""What is known of each incident here: in which state it is, since when, and where in the journal its rows lie.

Owns `incidents.db`, a projection of the journal that holds ids, states and times; what an incident is about stays in the journal, where
policy and recall reach it. The state is a fold: of all rows of an incident the newest counts, by hybrid time, origin, number. The same file
keeps this node's own camera events with what people said of them (events.py). Any thread may call. Called by following.py and desk.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from node.incidents.errors import IncidentBookDamaged, IncidentFault
from node.incidents.states import CLOSED_STATES, OPEN, is_closed
from node.store.side_file import SideFile

FILE_NAME = "incidents.db"
ROWS_MAX = 200_000
"""Incidents remembered; those closed longest are forgotten first."""
STEPS_SHOWN = 100
"""Of one incident."""
NAME_CHARS_MIN = 8

migrations = Migrations("incidents")


@migrations()
def m001_incidents(db: Database) -> None:
    """Incidents with their rows, this node's camera events, and how far the journal is read."""
    db.execute(
        """
        CREATE TABLE incident (
            incident_id TEXT PRIMARY KEY, event_id TEXT NOT NULL, origin TEXT NOT NULL, opened_lsn INTEGER NOT NULL,
            opened_us INTEGER NOT NULL, class TEXT NOT NULL, state TEXT NOT NULL, state_us INTEGER NOT NULL,
            lsn INTEGER NOT NULL, changed_lsn INTEGER NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX incident_by_event ON incident (event_id)")
    db.execute("CREATE INDEX incident_by_opening ON incident (opened_lsn)")
    db.execute("CREATE INDEX incident_by_change ON incident (changed_lsn)")
    db.execute(
        """
        CREATE TABLE step (
            incident_id TEXT NOT NULL, wall INTEGER NOT NULL, counter INTEGER NOT NULL, origin TEXT NOT NULL, number INTEGER NOT NULL,
            state TEXT NOT NULL, at_us INTEGER NOT NULL, lsn INTEGER NOT NULL,
            PRIMARY KEY (incident_id, wall, counter, origin, number)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE event (
            event_id TEXT PRIMARY KEY, camera TEXT NOT NULL, rule TEXT NOT NULL, label TEXT NOT NULL, algorithm TEXT NOT NULL,
            score REAL NOT NULL, at_us INTEGER NOT NULL, ended_us INTEGER, place TEXT NOT NULL, verdict TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX event_by_time ON event (at_us)")
    db.execute("CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one row says of an incident."""

    incident_id: str
    event_id: str
    class_: str
    """The rule that opened it."""
    state: str
    at_us: int
    """The row's event time."""
    wall: int
    """Hybrid time of its run."""
    counter: int
    origin: str
    number: int
    """Of the record in its stream."""
    lsn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An incident as it stands."""

    incident_id: str
    event_id: str
    origin: str
    """Node whose row opened it."""
    opened_lsn: int
    opened_us: int
    class_: str
    state: str
    state_us: int
    lsn: int
    """Of the row that says the state."""


@dataclass(frozen=True, slots=True)
class Said:
    """One row of an incident's history."""

    state: str
    at_us: int
    origin: str
    lsn: int


_COLUMNS = "incident_id, event_id, origin, opened_lsn, opened_us, class, state, state_us, lsn"
_OLDEST, _NEWEST = "wall, counter, origin, number", "wall DESC, counter DESC, origin DESC, number DESC"
"""The order in which rows of an incident count."""
_CLOSED = ", ".join(f"'{state}'" for state in sorted(CLOSED_STATES))


class IncidentBook(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises IncidentBookDamaged when it is no database, IncidentFault when it cannot be opened now."""
        super().__init__(path, migrations, failure=IncidentFault, damaged=IncidentBookDamaged)
        # What people said of an event that opened no incident is nowhere else: it must outlive a power cut.
        self._db.execute("PRAGMA synchronous = FULL")

    def take(self, rows: Sequence[Told], upto: int) -> None:
        """Enter rows of the journal up to a position; those that are there already change nothing. Raises IncidentFault."""
        with self.transaction() as db:
            for row in rows:
                _enter(db, row)
            set_mark(db, "incidents", upto)
            surplus = db.execute("SELECT count(*) FROM incident").fetchone()[0] - ROWS_MAX if rows else 0
            if surplus > 0:
                _forget(db, surplus)

    def read_to(self, name: str, put_back: int) -> int:
        """Up to where in the journal a resource is read; 0 for nowhere, and when not as many of its batches were put back as before."""
        with self.transaction() as db:
            values = dict(db.execute("SELECT name, value FROM mark WHERE name IN (?, ?)", (name, f"{name} put back")).fetchall())
            if values.get(f"{name} put back", 0) == put_back:
                return int(values.get(name, 0))
            set_mark(db, name, 0)
            set_mark(db, f"{name} put back", put_back)
        return 0

    def page(self, *, limit: int, before_lsn: int | None = None, only_open: bool = False) -> list[Known]:
        """The newest incidents by their opening, all or only those that wait for somebody."""
        clauses, values = ["1"], list[object]()
        if before_lsn is not None:
            clauses.append("opened_lsn < ?")
            values.append(before_lsn)
        if only_open:
            clauses.append(f"state NOT IN ({_CLOSED})")
        query = f"SELECT {_COLUMNS} FROM incident WHERE {' AND '.join(clauses)} ORDER BY opened_lsn DESC, incident_id LIMIT ?"
        with self.transaction() as db:
            return [_known(row) for row in db.execute(query, (*values, limit)).fetchall()]

    def find(self, name: str) -> Known | None:
        """By id or by event; a beginning of 8 characters is enough where it is one's alone."""
        with self.transaction() as db:
            for column in ("incident_id", "event_id"):
                exact = db.execute(f"SELECT {_COLUMNS} FROM incident WHERE {column} = ? LIMIT 1", (name,)).fetchone()
                if exact is not None:
                    return _known(exact)
            if len(name) < NAME_CHARS_MIN:
                return None
            found = {
                row[0]: row
                for column in ("incident_id", "event_id")
                for row in db.execute(
                    f"SELECT {_COLUMNS} FROM incident WHERE {column} >= ? AND {column} < ? LIMIT 2", (name, name + "\U0010ffff")
                )
            }
        return _known(next(iter(found.values()))) if len(found) == 1 else None

    def history(self, incident_id: str) -> list[Said]:
        """Its rows, the newest STEPS_SHOWN, in the order in which they count."""
        query = f"SELECT state, at_us, origin, lsn FROM step WHERE incident_id = ? ORDER BY {_NEWEST} LIMIT ?"
        with self.transaction() as db:
            rows = db.execute(query, (incident_id, STEPS_SHOWN)).fetchall()
        return [Said(str(row[0]), int(row[1]), str(row[2]), int(row[3])) for row in reversed(rows)]

    def has_row(self, incident_id: str, *, origin: str, state: str, at_us: int) -> bool:
        """Whether `origin` has a row of an incident that says this state at this time."""
        query = "SELECT 1 FROM step WHERE incident_id = ? AND origin = ? AND state = ? AND at_us = ? LIMIT 1"
        with self.transaction() as db:
            return db.execute(query, (incident_id, origin, state, at_us)).fetchone() is not None

    def untouched(self, origin: str, *, before_us: int, after: str = "", limit: int) -> list[Known]:
        """Incidents that `origin` opened, that are open and of which nobody said anything since a time; by id, after one."""
        query = f"""SELECT {_COLUMNS} FROM incident WHERE origin = ? AND state NOT IN ({_CLOSED}) AND state_us < ? AND incident_id > ?
                    ORDER BY incident_id LIMIT ?"""
        with self.transaction() as db:
            return [_known(row) for row in db.execute(query, (origin, before_us, after, limit)).fetchall()]

    def changed(self, after_lsn: int, limit: int) -> list[tuple[str, bool, int]]:
        """(event, whether its incident is closed, position of the change), ascending from a position of the journal; whole batches."""
        until = "SELECT max(changed_lsn) FROM (SELECT changed_lsn FROM incident WHERE changed_lsn > ? ORDER BY changed_lsn LIMIT ?)"
        query = "SELECT event_id, state, changed_lsn FROM incident WHERE changed_lsn > ? AND changed_lsn <= ? ORDER BY changed_lsn"
        with self.transaction() as db:
            upto = db.execute(until, (after_lsn, limit)).fetchone()[0]
            rows = db.execute(query, (after_lsn, upto)).fetchall() if upto is not None else []
        return [(str(event_id), is_closed(str(state)), int(lsn)) for event_id, state, lsn in rows]

    def counts(self) -> dict[str, int]:
        """Incidents by state."""
        with self.transaction() as db:
            return {str(state): int(count) for state, count in db.execute("SELECT state, count(*) FROM incident GROUP BY state")}


def set_mark(db: sqlite3.Connection, name: str, upto: int) -> None:
    """Note in an open transaction up to where a resource is read."""
    db.execute("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)", (name, upto))


def _enter(db: sqlite3.Connection, row: Told) -> None:
    db.execute(
        "INSERT OR IGNORE INTO step (incident_id, wall, counter, origin, number, state, at_us, lsn) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (row.incident_id, row.wall, row.counter, row.origin, row.number, row.state, row.at_us, row.lsn),
    )
    order = "SELECT origin, lsn, at_us, state FROM step WHERE incident_id = ? ORDER BY"
    first = db.execute(f"{order} {_OLDEST} LIMIT 1", (row.incident_id,)).fetchone()
    last = db.execute(f"{order} {_NEWEST} LIMIT 1", (row.incident_id,)).fetchone()
    db.execute(
        """INSERT INTO incident (incident_id, event_id, origin, opened_lsn, opened_us, class, state, state_us, lsn, changed_lsn)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (incident_id) DO UPDATE SET origin = excluded.origin, opened_lsn = excluded.opened_lsn,
               opened_us = excluded.opened_us, state = excluded.state, state_us = excluded.state_us, lsn = excluded.lsn,
               changed_lsn = excluded.changed_lsn""",
        (row.incident_id, row.event_id, first[0], first[1], first[2], row.class_, last[3] or OPEN, last[2], last[1], row.lsn),
    )


def _forget(db: sqlite3.Connection, surplus: int) -> None:
    """Forget the closed incidents that were closed first; those that wait for somebody stay."""
    gone = f"SELECT incident_id FROM incident WHERE state IN ({_CLOSED}) ORDER BY changed_lsn LIMIT ?"
    names = [row[0] for row in db.execute(gone, (surplus,)).fetchall()]
    db.executemany("DELETE FROM step WHERE incident_id = ?", [(name,) for name in names])
    db.executemany("DELETE FROM incident WHERE incident_id = ?", [(name,) for name in names])


def _known(row: Sequence[object]) -> Known:
    named = dict(zip(_COLUMNS.replace("class", "class_").split(", "), row, strict=True))
    return Known(**named)  # type: ignore[arg-type]
