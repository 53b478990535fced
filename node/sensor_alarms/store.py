"""What was learnt of the sensors, in `watch.db`: a state for each series, the alarms that hold, and how far the journal was judged.

One transaction saves all of it together, so that a restart judges again what came after and nothing twice. A file that is lost costs what
was learnt: series are new again. Any thread may call. Called by the desk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database, Migrations

from node.sensor_alarms.alarm import SeriesKey
from node.sensor_alarms.errors import WatchDamaged, WatchError
from node.store.side_file import SideFile

FILE_NAME = "watch.db"

migrations = Migrations("sensor-alarms")


@migrations()
def m001_watch(db: Database) -> None:
    """States of series and groups, alarms that hold, positions, and whose journal it is."""
    db.execute(
        "CREATE TABLE series (resource TEXT, device TEXT, quantity TEXT, state TEXT NOT NULL, "
        "PRIMARY KEY (resource, device, quantity)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE TABLE holding (id TEXT PRIMARY KEY, alarm TEXT NOT NULL) STRICT, WITHOUT ROWID")
    db.execute("CREATE TABLE judged_to (resource TEXT PRIMARY KEY, lsn INTEGER NOT NULL) STRICT, WITHOUT ROWID")
    db.execute("CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), incarnation TEXT NOT NULL) STRICT")


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a restart goes on from."""

    states: Mapping[SeriesKey, Mapping[str, Any]]
    holding: Mapping[str, Mapping[str, Any]]
    """Alarms that hold, by the name of their beginning."""
    positions: Mapping[str, int]


class WatchStore:
    """The file, open."""

    def __init__(self, path: Path) -> None:
        self._file = SideFile(path, migrations, failure=WatchError, damaged=WatchDamaged)

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def learnt(self, incarnation: int) -> Learnt:
        """What was saved of the journal with this incarnation; positions of another say nothing. Raises WatchError."""
        with self._transaction() as db:
            owner = db.execute("SELECT incarnation FROM owner").fetchone()
            if owner != (str(incarnation),):
                db.execute("DELETE FROM judged_to")
                db.execute("INSERT OR REPLACE INTO owner VALUES (1, ?)", (str(incarnation),))
            states = {SeriesKey(*row[:3]): json.loads(row[3]) for row in db.execute("SELECT resource, device, quantity, state FROM series")}
            holding = {name: json.loads(alarm) for name, alarm in db.execute("SELECT id, alarm FROM holding")}
            return Learnt(states, holding, dict(db.execute("SELECT resource, lsn FROM judged_to").fetchall()))

    def states(self) -> dict[SeriesKey, Mapping[str, Any]]:
        """What is saved of every series and group. Raises WatchError."""
        with self._transaction() as db:
            rows = db.execute("SELECT resource, device, quantity, state FROM series").fetchall()
            return {SeriesKey(*row[:3]): json.loads(row[3]) for row in rows}

    def forget(self, keys: Iterable[SeriesKey]) -> None:
        """Drop what was learnt of series, without a trace in the file. Raises WatchError."""
        with self._transaction() as db:
            named = [(key.resource, key.device, key.quantity) for key in keys]
            db.executemany("DELETE FROM series WHERE resource = ? AND device = ? AND quantity = ?", named)
        self._file.leave_no_trace()

    def save(self, changed: Learnt) -> None:
        """Keep changed states, all alarms that hold and all positions. Raises WatchError."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?)",
                [(key.resource, key.device, key.quantity, json.dumps(state)) for key, state in changed.states.items()],
            )
            db.execute("DELETE FROM holding")
            db.executemany("INSERT INTO holding VALUES (?, ?)", [(name, json.dumps(alarm)) for name, alarm in changed.holding.items()])
            db.executemany("INSERT OR REPLACE INTO judged_to VALUES (?, ?)", changed.positions.items())

    def _transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._file.transaction()
