"""Rows of stored batches as plain values, for the API: newest first, bounded, only rows that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from node.store.journal import SqliteJournal
from policies.regrade import RegradeIndex
from sync.model import DEFAULT_LIMITS, Run, Span, StoredBatch
from sync.wire.payload import decode_payload

ROWS_MAX = 5_000
"""Rows one answer may carry."""

BATCHES_AT_ONCE = 32


def decode_rows(payload: bytes) -> pa.RecordBatch:
    """A payload of our own journal as rows, within the default limits."""
    return decode_payload(payload, decoded_bytes_max=DEFAULT_LIMITS.decoded_bytes_max, rows_max=DEFAULT_LIMITS.batch_rows_max)


@dataclass(frozen=True, slots=True)
class View:
    """How somebody sees stored rows."""

    regrades: RegradeIndex
    """Grades of single records as they count now."""
    shown: Callable[[pa.RecordBatch], pa.RecordBatch]
    """What is left of rows for whoever looks; the gate's."""


def live_rows(stored: StoredBatch, regrades: RegradeIndex | None = None, *, view: View | None = None) -> pa.Table | None:
    """The rows of a batch that count here, graded as `regrades` say, with the origin of each in `_origin`; None when there are none.

    Without a view they are as stored: for the node's own work, never for a person or a peer.
    """
    runs = [run for run in stored.live_runs if run.state.has_rows]
    if not runs:
        return None
    regrades = view.regrades if view is not None else regrades
    rows = decode_rows(stored.batch.payload)
    rows = regrades.graded(stored.batch.header, rows) if regrades is not None else rows
    parts = []
    for run in runs:
        part = rows.slice(run.row_offset, run.count)
        part = view.shown(part) if view is not None else part
        parts.append(pa.Table.from_batches([part]).append_column("_origin", pa.array([run.origin] * part.num_rows, pa.string())))
    return pa.concat_tables(parts, promote_options="default")


def live_parts(stored: StoredBatch) -> Iterator[tuple[pa.RecordBatch, Run]]:
    """The rows of a batch that count here, run by run."""
    runs = [run for run in stored.live_runs if run.state.has_rows]
    if not runs:
        return
    rows = decode_rows(stored.batch.payload)
    for run in runs:
        yield rows.slice(run.row_offset, run.count), run


def newest_rows(
    journal: SqliteJournal, resource: str, *, limit: int, before_lsn: int | None = None, view: View | None = None
) -> list[dict[str, object]]:
    """Up to `limit` newest rows of a resource as dicts, each with `_lsn` and `_origin`."""
    found: list[dict[str, object]] = []
    for stored in newest_batches(journal, resource, before_lsn):
        table = live_rows(stored, view=view)
        if table is None:
            continue
        rows = table.slice(max(0, table.num_rows - (limit - len(found)))).to_pylist()
        found.extend(row | {"_lsn": stored.lsn} for row in reversed(rows))
        if len(found) >= limit:
            break
    return found


def rows_at(journal: SqliteJournal, resource: str, lsn: int, view: View | None = None) -> list[dict[str, object]]:
    """The rows of one batch of a resource that count here, each with `_lsn` and `_origin`; empty when the journal has freed it."""
    for stored in journal.find(resource, Span(lsn - 1, lsn), batches_max=1, bytes_max=1):
        table = live_rows(stored, view=view)
        return [] if table is None else [row | {"_lsn": stored.lsn} for row in table.to_pylist()]
    return []


def newest_batches(journal: SqliteJournal, resource: str, before_lsn: int | None = None) -> Iterator[StoredBatch]:
    """Batches of a resource, newest first, read a few at a time; those that hold only duplicates or accounts included."""
    while True:
        batches = journal.recent(resource, limit=BATCHES_AT_ONCE, before_lsn=before_lsn)
        yield from batches
        if len(batches) < BATCHES_AT_ONCE:
            return
        before_lsn = batches[-1].lsn


SCAN_BATCHES_MAX = 2_000
"""Batches that a search by value looks at, newest first."""


def find_row(journal: SqliteJournal, resource: str, column: str, value: str, view: View | None = None) -> dict[str, object] | None:
    """The newest row of a resource whose `column` is `value`, among the newest batches; None when it is not there."""
    for _, stored in zip(range(SCAN_BATCHES_MAX), newest_batches(journal, resource), strict=False):
        table = live_rows(stored, view=view)
        if table is None:
            continue
        matches = [index for index, found in enumerate(table.column(column).to_pylist()) if found == value]
        if matches:
            row: dict[str, object] = table.slice(matches[-1], 1).to_pylist()[0]
            return row
    return None
