"""How often batches of a resource were set aside as damaged and put back whole: in their old places, behind whoever reads by position.

A projection keeps the counts of its resource beside its position, in the same transaction; where they differ from the journal's it reads
the resource from its beginning. Nobody has to be told, and a crash between the repair and the reading loses nothing. The counts are
committed with the move they count. Called by aside.py, journal.py and node/recall.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Repaired:
    """What happened to batches of one resource since the journal began; two that are equal mean that nothing happened in between."""

    set_aside: int = 0
    """Times that rows went because a batch was damaged. Matters to whoever shows what is here now."""
    put_back: int = 0
    """Times that rows came back in an old place. Matters to everybody who reads by position."""


NEVER = Repaired()


def count_move(connection: sqlite3.Connection, lsn: int, *, is_back: bool) -> None:
    """Count that the batch at `lsn` was set aside or put back, inside the transaction that does it."""
    connection.execute(
        "INSERT INTO repaired (resource, set_aside, put_back) SELECT resource, ?, ? FROM batch WHERE lsn = ? "
        "ON CONFLICT (resource) DO UPDATE SET set_aside = set_aside + excluded.set_aside, put_back = put_back + excluded.put_back",
        (int(not is_back), int(is_back), lsn),
    )


def repaired(connection: sqlite3.Connection) -> Mapping[str, Repaired]:
    """The counts by resource; what was never damaged is not in it."""
    rows = connection.execute("SELECT resource, set_aside, put_back FROM repaired").fetchall()
    return {resource: Repaired(set_aside, put_back) for resource, set_aside, put_back in rows}


def walked(connection: sqlite3.Connection) -> dict[str, int]:
    """By resource how many batches had been put back when recalls last walked over all of it."""
    return dict(connection.execute("SELECT resource, walked FROM repaired").fetchall())


def note_walk(connection: sqlite3.Connection, resource: str, put_back: int) -> None:
    """Recalls walked over all of a resource, after that many batches of it had been put back."""
    connection.execute("UPDATE repaired SET walked = ? WHERE resource = ?", (put_back, resource))
