"""What the watch must forget when records are recalled: the sensors whose readings they are, and what was learnt from those.

A node keeps its own records under a recall, and judges no others; but averages and the copy of an alarm that holds lie outside the journal,
where no gate asks for their grade. So a series of which one reading is recalled is learnt anew, whole: no average can be told to forget one
reading. Called by node/wiring.py for the desk of recalls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from node.recall.eraser import Kept
from node.sensor_alarms.alarm import SeriesKey
from node.sensor_alarms.desk import SensorDesk
from node.store import recalled
from node.store.journal import SqliteJournal
from node.store.records import decode_rows
from sync.model import Lane, StoredBatch, Stream, merged_ranges

Ranges = Mapping[Stream, Sequence[tuple[int, int]]]


def forgetting_of(desk: SensorDesk, journal: SqliteJournal) -> Callable[[Kept], Awaitable[None]]:
    """What the desk of recalls calls with a node's own records that an order names. Raises WatchError or JournalError."""

    async def forget(kept: Kept) -> None:
        watched = frozenset(desk.sensors())
        ranges = {stream: merged_ranges(found) for stream, found in kept.ranges.items() if stream.resource in watched}
        if ranges:
            await desk.forget(await asyncio.to_thread(series_of, journal, ranges))

    return forget


def series_of(journal: SqliteJournal, ranges: Ranges) -> frozenset[SeriesKey]:
    """The sensors whose readings have these numbers. Blocking; raises JournalError."""
    found: set[SeriesKey] = set()
    for kind in sorted({(stream.resource, stream.lane) for stream in ranges}):
        wanted = {stream: parts for stream, parts in ranges.items() if (stream.resource, stream.lane) == kind}
        for lsn in _lsns(journal, kind, wanted):
            if (stored := journal.batch(lsn)) is not None and stored.batch.payload:
                found |= _series(stored, wanted)
    return frozenset(found)


def _lsns(journal: SqliteJournal, kind: tuple[str, Lane], wanted: Ranges) -> list[int]:
    most = journal.last_lsn
    return journal.look("search for recalled readings", lambda db: recalled.holding(db, kind, wanted, most))


def _series(stored: StoredBatch, wanted: Ranges) -> set[SeriesKey]:
    header, rows = stored.batch.header, decode_rows(stored.batch.payload)
    devices, quantities = rows.column("device").to_pylist(), rows.column("quantity").to_pylist()
    found: set[SeriesKey] = set()
    for run in stored.live_runs:
        if not run.state.has_rows:
            continue
        for first, last in wanted.get(run.stream(header.lane, header.resource), ()):
            low, high = max(first, run.first), min(last, run.last)
            places = range(run.row_offset + low - run.first, run.row_offset + high - run.first + 1)
            found |= {SeriesKey(header.resource, devices[row] or "", quantities[row] or "") for row in places}
    return found
