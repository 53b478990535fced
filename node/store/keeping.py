"""What the planner of node/keeping/retention.py asks the journal: which batches still have their payload, and since when they are kept.

Called by node/store/journal.py. Kept time is the journal's own age: it grows with the wall clock while the node runs, and a step of the
clock that nobody can explain counts as at most a day (node/keeping/retention.py), so that a clock set forward by years frees nothing.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sync.model import Direction, Lane


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """A batch whose payload is here."""

    lsn: int
    lane: Lane
    direction: Direction
    resource: str
    payload_bytes: int
    records: int
    """Rows in it."""


@dataclass(frozen=True, slots=True, order=True)
class KeptTime:
    """The journal ended at `lsn` at this time."""

    lsn: int
    wall_us: int
    """Microseconds since 1970 UTC, by this node's clock."""
    kept_us: int
    """Kept time at that moment, microseconds; never less than at an earlier position."""


def kept(connection: sqlite3.Connection, resource: str, batches_max: int) -> list[KeptBatch]:
    """The oldest batches of `resource` with a payload, ascending; the payloads stay untouched."""
    statement = """
        SELECT lsn, lane, direction, payload_bytes, row_count FROM batch INDEXED BY batch_kept
        WHERE resource = ? AND freed = 0 AND payload_bytes > 0 ORDER BY lsn LIMIT ?
    """
    rows = connection.execute(statement, (resource, batches_max))
    return [KeptBatch(lsn, Lane(lane), Direction(way), resource, size, records) for lsn, lane, way, size, records in rows]


def kept_resources(connection: sqlite3.Connection) -> list[str]:
    """Resources with a batch that is not freed, sorted; one look into the index for each."""
    found: list[str] = []
    statement = "SELECT min(resource) FROM batch INDEXED BY batch_kept WHERE freed = 0 AND resource > ?"
    while (name := connection.execute(statement, (found[-1] if found else "",)).fetchone()[0]) is not None:
        found.append(name)
    return found


def kept_times(connection: sqlite3.Connection) -> list[KeptTime]:
    """Every note, ascending by position; the first, at position 0, is the newest: how far kept time has come."""
    return [KeptTime(*row) for row in connection.execute("SELECT lsn, wall_us, kept_us FROM kept_time ORDER BY lsn")]


def note(connection: sqlite3.Connection, mark: KeptTime) -> None:
    """Enter `mark`; at a position that was noted before, the earlier moment stays: all that lies there was kept by then."""
    connection.execute("INSERT OR REPLACE INTO kept_time VALUES (0, ?, ?)", (mark.wall_us, mark.kept_us))
    connection.execute("INSERT OR IGNORE INTO kept_time VALUES (?, ?, ?)", (mark.lsn, mark.wall_us, mark.kept_us))
