"""Brings the book of incidents up to the journal: rows of `incidents` from whatever node, rows of `camera-events` of this node's cameras.

Reads from where it stopped, in short reads; from the beginning when a batch was put back since. Called by desk.py and node/evidence, off
the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import pyarrow as pa

from node.cameras.rows import EVENTS
from node.incidents.book import IncidentBook, Told
from node.incidents.events import EventShelf, SeenEvent
from node.incidents.rows import INCIDENTS
from node.store.journal import SqliteJournal
from node.store.records import live_parts
from sync.model import Span, StoredBatch

BATCHES_MAX = 64
BYTES_MAX = 4 << 20
READS_MAX = 1_000
"""Short reads of one resource in one round."""
MARK_EVERY = 10_000
"""Positions of the journal that may pass without a row before the mark is written: a mark is a synced write."""


@dataclass(slots=True)
class Following:
    """How far a book knows the journal."""

    book: IncidentBook
    journal: SqliteJournal
    me: str
    """Origin of the camera events that are counted."""
    _lock: Lock = field(default_factory=Lock)

    def follow(self) -> int | None:
        """Read what came since. Raises IncidentFault, JournalError.

        After how many put back batches of `incidents` all of them are read; None when there is more than one round takes.
        """
        with self._lock:
            last, put_back = self.journal.last_lsn, self.journal.repaired(INCIDENTS).put_back
            shelf = EventShelf(self.book)
            is_whole = self._read(
                INCIDENTS, Span(self.book.read_to("incidents", put_back), last),
                lambda found, upto: self.book.take([told for stored in found for told in told_in(stored)], upto),
            )  # fmt: skip
            self._read(
                EVENTS, Span(self.book.read_to("events", self.journal.repaired(EVENTS).put_back), last),
                lambda found, upto: shelf.take([told for stored in found for told in _events_in(stored, self.me)], upto),
            )  # fmt: skip
            return put_back if is_whole else None

    def _read(self, resource: str, span: Span, take: Callable[[list[StoredBatch], int], None]) -> bool:
        """Give `take` what lies inside `span`, each time with the place that is read to; False when that is not its end yet."""
        position = span.after
        for _ in range(READS_MAX):
            if position >= span.upto:
                return True
            found = self.journal.find(resource, Span(position, span.upto), batches_max=BATCHES_MAX, bytes_max=BYTES_MAX)
            begun, position = position, found[-1].lsn if found else span.upto
            if found or position - begun >= MARK_EVERY:
                take(found, position)
        return position >= span.upto


def told_in(stored: StoredBatch) -> Iterator[Told]:
    """What the rows of a batch of `incidents` say."""
    for rows, run in live_parts(stored):
        for index, row in enumerate(_plain(rows, ("incident_id", "event_id", "class", "state", "event_time"))):
            if row["incident_id"]:
                yield Told(
                    incident_id=str(row["incident_id"]), event_id=str(row["event_id"] or ""), class_=str(row["class"] or ""),
                    state=str(row["state"] or ""), at_us=_int(row["event_time"]), wall=run.at.wall_us, counter=run.at.counter,
                    origin=run.origin, number=run.first + index, lsn=stored.lsn,
                )  # fmt: skip


def _events_in(stored: StoredBatch, me: str) -> Iterator[SeenEvent]:
    names = ("event_id", "camera", "rule", "class", "algorithm", "score", "event_time", "place", "ended")
    for rows, run in live_parts(stored):
        if run.origin == me:
            yield from (_event(row) for row in _plain(rows, names) if row["event_id"])


def _event(row: Mapping[str, object]) -> SeenEvent:
    at_us, score = _int(row["event_time"]), row["score"]
    return SeenEvent(
        event_id=str(row["event_id"]), camera=str(row["camera"] or ""), rule=str(row["rule"] or ""), label=str(row["class"] or ""),
        algorithm=str(row["algorithm"] or ""), score=float(score) if isinstance(score, int | float) else 0.0, at_us=at_us,
        ended_us=at_us if row["ended"] else None, place=str(row["place"] or ""),
    )  # fmt: skip


def _plain(rows: pa.RecordBatch, names: Sequence[str]) -> Iterator[Mapping[str, object]]:
    """The rows with these columns alone; a column that an older catalogue lacks is None."""
    columns = [_cells(rows, name) if name in rows.schema.names else [None] * rows.num_rows for name in names]
    return (dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True))


def _cells(rows: pa.RecordBatch, name: str) -> list[object]:
    column = rows.column(name)
    cells: list[object] = (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return cells


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
