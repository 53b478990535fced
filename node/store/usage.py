"""How much lies in the journal: records by resource, batches and bytes by lane, and the pages of the file.

Kept by node/store/journal.py, read by the keeper of the storage (node/keeping/storage.py) and by status. Values are replaced, never
changed in place, because other threads read them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from node.store.failures import WAY_OUT
from sync.model import JournalCorrupt, Lane, State, StoredBatch


@dataclass(frozen=True, slots=True)
class Amount:
    """Batches, the records they count for, and their payload."""

    batches: int = 0
    records: int = 0
    payload_bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.batches + other.batches, self.records + other.records, self.payload_bytes + other.payload_bytes)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.batches - other.batches, self.records - other.records, self.payload_bytes - other.payload_bytes)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the journal holds and what it let go."""

    records: Mapping[str, int] = field(default_factory=dict)
    """Records whose rows are here, by resource; none is 0."""
    lanes: Mapping[Lane, Amount] = field(default_factory=dict)
    """Batches here by lane, freed ones left out; their `records` counts rows, duplicates included."""
    freed: Mapping[tuple[Lane, str, State], Amount] = field(default_factory=dict)
    """Batches whose payload was let go, by lane, resource and why."""

    def with_stored(self, stored: Iterable[StoredBatch]) -> Usage:
        """The usage after these batches."""
        records, lanes = dict(self.records), dict(self.lanes)
        for entry in stored:
            header = entry.batch.header
            live = sum(run.count for run in entry.live_runs if run.state is State.PRESENT)
            if live:
                records[header.resource] = records.get(header.resource, 0) + live
            lanes[header.lane] = lanes.get(header.lane, Amount()) + Amount(1, header.row_count, header.payload_bytes)
        return Usage(records, lanes, self.freed)


@dataclass(frozen=True, slots=True)
class Space:
    """The bytes of the file and of its disk."""

    file_bytes: int
    """All pages of the database, free ones included."""
    free_bytes: int
    """Free pages inside the file: the next batches use them, or `vacuum_step` returns them to the disk."""
    log_bytes: int
    disk_free_bytes: int
    """What the disk has left for this user."""

    @property
    def used_bytes(self) -> int:
        """Pages in use, and the log."""
        return self.file_bytes - self.free_bytes + self.log_bytes


def read_usage(connection: sqlite3.Connection, path: Path) -> Usage:
    """Everything counted from the tables: one walk over the lane index and the stream ranges. Raises JournalCorrupt."""
    try:
        return _usage(connection)
    except (ValueError, KeyError) as error:
        raise JournalCorrupt(f"{path} counts lanes or states that there are not ({error}); {WAY_OUT}") from error


def _usage(connection: sqlite3.Connection) -> Usage:
    freed = {
        (Lane(lane), resource, State(state)): Amount(*amount)
        for lane, resource, state, *amount in connection.execute(
            "SELECT lane, resource, state, batches, records, payload_bytes FROM freed"
        )
    }
    present = dict(
        connection.execute("SELECT resource, sum(last_seq - first_seq + 1) FROM stream_range WHERE state = 1 GROUP BY resource").fetchall()
    )
    for (_, resource, _), amount in freed.items():
        present[resource] = present.get(resource, 0) - amount.records
    return Usage({resource: count for resource, count in present.items() if count}, _lanes(connection, freed), freed)


def _lanes(connection: sqlite3.Connection, freed: Mapping[tuple[Lane, str, State], Amount]) -> dict[Lane, Amount]:
    totals = connection.execute("SELECT lane, count(*), sum(row_count), sum(payload_bytes) FROM batch GROUP BY lane")
    lanes = {Lane(lane): Amount(*amount) for lane, *amount in totals}
    for (lane, _, _), amount in freed.items():
        lanes[lane] -= amount
    return lanes


def read_space(connection: sqlite3.Connection, path: Path) -> Space:
    """The pages of the file as the reader sees them, its log and its disk."""
    (page_bytes,), (pages,), (free,) = (
        connection.execute(f"PRAGMA {fact}").fetchone() for fact in ("page_size", "page_count", "freelist_count")
    )
    log = path.with_name(path.name + "-wal")
    disk = os.statvfs(path)
    return Space(pages * page_bytes, free * page_bytes, log.stat().st_size if log.exists() else 0, disk.f_bavail * disk.f_frsize)
