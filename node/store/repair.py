"""Repairs of a stopped node's journal that lose nothing: indexes, maps and counters made again, damaged payloads set aside.

Called by `yunnao journal repair`. Refuses to delete what was acknowledged: a damaged batch stays in table `aside` with its bytes, an
account of lost records stands in its place, and the running node asks its peers for it. What it cannot mend it says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.store.aside import apply_repairs
from node.store.failures import guarded
from node.store.file import open_writer, read_meta
from node.store.schema import DEFAULT_TUNING
from node.store.verify import FREED_IN_BATCHES, Fault, Finding, findings, folded_streams
from node.store.write_set import Counters, WriteSet
from sync.core.repairing import DAMAGED_REASON
from sync.model import JournalCorrupt, Lane
from sync.model.writes import SetAside, SetStream


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair found, did, and left."""

    found: tuple[Finding, ...]
    done: tuple[str, ...]
    """What was done, or would be without `is_real`; one sentence each."""
    left: tuple[Finding, ...]
    """What still does not hold; the same as `found` when nothing was done."""


def repair(path: Path, *, is_real: bool) -> Repair:
    """Mend the journal of a stopped node at `path` in one transaction; with `is_real` False only say what would be done.

    Raises JournalCorrupt for a file that cannot be opened, JournalError for one that is not a journal of this program.
    """
    with guarded(path, "repair of the journal"):
        writer = open_writer(path, DEFAULT_TUNING)
        try:
            found = findings(writer)
            writer.execute("BEGIN IMMEDIATE")
            done = list(_steps(writer, found, node=read_meta(writer, path)["node"]))
            writer.execute("COMMIT" if is_real else "ROLLBACK")
            left = findings(writer) if is_real and found else found
        finally:
            writer.close()
    return Repair(tuple(found), tuple(done), tuple(left))


def check(path: Path) -> list[Finding]:
    """The findings of the journal at `path`, read only, whether its node runs or not. Raises JournalCorrupt when it cannot be read."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with guarded(path, "check of the journal"):
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            connection.execute("BEGIN")
            read_meta(connection, path)
            return findings(connection)
        finally:
            connection.close()


def compact(path: Path) -> tuple[int, int]:
    """Write the file of a stopped node anew without free pages, with incremental auto-vacuum; bytes before and after.

    Needs as much free space as the file is large. A crash leaves the old file.
    """
    before = path.stat().st_size
    with guarded(path, "compacting of the journal"):
        writer = open_writer(path, DEFAULT_TUNING)
        try:
            writer.execute("PRAGMA auto_vacuum = INCREMENTAL")
            writer.execute("VACUUM")
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            writer.close()
    return before, path.stat().st_size


def _steps(writer: sqlite3.Connection, found: Sequence[Finding], *, node: str) -> Iterator[str]:
    faults = {finding.fault for finding in found}
    if Fault.PAGES in faults:
        writer.execute("REINDEX")
        yield "all indexes built again"
    lsns = sorted({finding.lsn for finding in found if finding.fault is Fault.PAYLOAD and finding.lsn is not None})
    apply_repairs(writer, [SetAside(lsn, decider=node, reason=DAMAGED_REASON) for lsn in lsns])
    yield from (f"batch {lsn} set aside: its peers are asked for it when the node runs again" for lsn in lsns)
    if lsns and Fault.MAP not in faults:
        list(_maps_again(writer))  # what is aside counts as lost until it is whole again
    if Fault.MAP in faults:
        yield from _maps_again(writer)
        yield from _counts_again(writer)


def _maps_again(writer: sqlite3.Connection) -> Iterator[str]:
    folded = folded_streams(writer)
    before = writer.execute("SELECT count(*) FROM stream_range").fetchone()[0]
    writer.execute("DELETE FROM stream_range")
    writes = [SetStream(stream, run_map.encode()) for stream, run_map in folded.items()]
    WriteSet.of(writes, Counters(0, 0, 0)).insert(writer)
    after = writer.execute("SELECT count(*) FROM stream_range").fetchone()[0]
    yield f"run maps of {len(folded)} streams made again from the batches: {before} ranges before, {after} now"


def _counts_again(writer: sqlite3.Connection) -> Iterator[str]:
    counted = writer.execute("SELECT lane, resource, state, batches, payload_bytes FROM freed ORDER BY 1, 2, 3").fetchall()
    found = writer.execute(FREED_IN_BATCHES).fetchall()
    if counted == found:
        return
    for lane, *_ in found:
        _checked_lane(lane)
    writer.execute("DELETE FROM freed")
    writer.execute(
        """
        INSERT INTO freed
        SELECT b.lane, b.resource, b.freed, count(*), sum((
            SELECT coalesce(sum(r.last_seq - r.first_seq + 1), 0) FROM batch_run r WHERE r.lsn = b.lsn AND r.state = 1 AND r.duplicate = 0
        )), sum(b.payload_bytes)
        FROM batch b WHERE b.freed <> 0 GROUP BY b.lane, b.resource, b.freed
        """
    )
    yield "counts of freed batches made again"


def _checked_lane(lane: int) -> None:
    if lane not in set(Lane):
        raise JournalCorrupt(f"a batch of lane {lane} cannot be mended: there is no such lane")
