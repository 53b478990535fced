"""The bounded inbox between the ways in and the runtime: rows wait here until a turn seals them into one batch per resource.

The runtime calls `drain` each turn, commits what it gets, then calls `stored` on every batch; only that releases the acknowledgements.
Ways in
look at `has_room` before they put: the bound is on records waiting, and one message pack may overshoot it. Everything runs on the event
loop's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from node.engine.rowfacts import merged_territories
from node.ingest.errors import IngestError
from node.ingest.sink import Reading, Row
from node.store.door_book import Mark
from sync.model import DEFAULT_LIMITS, Limits

EVENT_TIME, TERRITORY, GRADE = 0, 1, 2
"""Indexes of the three fields every resource begins with."""

OnStored = Callable[[], None]


_Offer = tuple[str, Sequence[Row], OnStored | None, Sequence[Mark]]
"""Resource, rows, who waits for them, marks; a bare tuple, because a device that sends each message by itself makes one of each."""


@dataclass(slots=True)
class PendingBatch:
    """Rows of one resource taken from the inbox, on their way into the journal."""

    resource: str
    rows: pa.RecordBatch
    """In the resource's schema, strings dictionary-encoded."""
    event_time_min_us: int
    event_time_max_us: int
    grade_max: int
    territories: tuple[str, ...]
    """Sorted; one common prefix when there are more than the limit."""
    acks: list[OnStored] = field(default_factory=list)
    """What `stored` calls. Run it after the commit and never before."""


def _sensors(schemas: Mapping[str, pa.Schema]) -> frozenset[str]:
    return frozenset(code for code, schema in schemas.items() if tuple(schema.names[3:]) == Reading._fields[3:])


class Inbox:
    """Rows waiting for the next turn, by resource, with whoever waits for them."""

    def __init__(self, schemas: Mapping[str, pa.Schema], *, on_data: Callable[[], None], limits: Limits = DEFAULT_LIMITS) -> None:
        self._schemas = dict(schemas)
        self.sensors = _sensors(schemas)
        """Resources whose rows are readings."""
        self._on_data = on_data
        self._limits = limits
        self._offers: deque[_Offer] = deque()
        self._waiting = 0
        self._outstanding: list[PendingBatch] = []
        self._room_callbacks: list[Callable[[], None]] = []
        self._is_shut = False
        self._marks: list[Mark] = []
        """Marks of what was drained, until the runtime takes them."""
        self._marked_acks: list[OnStored] = []
        """Who waits for a commit that holds marks and no rows."""

    def learn(self, schemas: Mapping[str, pa.Schema]) -> None:
        """Take rows of resources that a later bundle brought, too; a layout that is known stays as it is until the node starts again."""
        self._schemas = {**schemas, **self._schemas}
        self.sensors = _sensors(self._schemas)

    def columns(self, resource: str) -> list[str]:
        """Names of the columns of a resource's rows; empty for one that is not known."""
        schema = self._schemas.get(resource)
        return list(schema.names) if schema is not None else []

    @property
    def waiting(self) -> int:
        """Records put and not drained."""
        return self._waiting

    @property
    def has_room(self) -> bool:
        """False while the bound is reached or the inbox is shut."""
        return not self._is_shut and self._waiting < self._limits.offers_max

    def call_when_room(self, callback: Callable[[], None]) -> None:
        """Call `callback` once, when there is room again."""
        self._room_callbacks.append(callback)

    def shut(self) -> None:
        """Close the door, for example while the journal is full: what waits stays, nothing more is read from devices."""
        self._is_shut = True

    def open(self) -> None:
        """Open the door again."""
        self._is_shut = False
        self._tell_room()

    def put(self, resource: str, rows: Sequence[Row], on_stored: OnStored | None = None, marks: Sequence[Mark] = ()) -> None:
        """Add rows, fields in schema order, event time in microseconds; `on_stored` runs once after their commit, which holds `marks` too.

        No rows means: call me when all that was put before me is stored. Raises IngestError for a resource without a schema.
        """
        if rows and resource not in self._schemas:
            raise IngestError(f"resource {resource!r} has no schema here: known are {', '.join(sorted(self._schemas))}")
        was_empty = not self._offers
        self._offers.append((resource, rows, on_stored, marks))
        self._waiting += len(rows)
        if was_empty:
            self._on_data()

    def drain(self, records_max: int | None = None) -> list[PendingBatch]:
        """Up to about `records_max` records (default: the batch target) as one batch per resource; whole offers, oldest first."""
        bound = self._limits.batch_rows_target if records_max is None else records_max
        taken: dict[str, list[Row]] = {}
        acks: dict[str, list[OnStored]] = {}
        late: list[OnStored] = []
        count = 0
        # Offers without rows cost nothing, and the runtime looks only at `waiting`: none may stay behind.
        offers = self._offers
        while offers and (count < bound or not offers[0][1]):
            resource, rows, on_stored, marks = offers.popleft()
            count += len(rows)
            if rows:
                taken.setdefault(resource, []).extend(rows)
            if marks:
                self._marks.extend(marks)
            if on_stored is None:
                continue
            if rows:
                acks.setdefault(resource, []).append(on_stored)
            else:
                # What waits for all that came before it waits for their marks, too.
                (self._marked_acks if marks or self._marks else late).append(on_stored)
        self._waiting -= count
        batches = [self._seal(resource, rows, acks.get(resource, [])) for resource, rows in taken.items()]
        self._outstanding.extend(batches)
        self._hand_on(late)
        self._tell_room()
        return batches

    @property
    def has_marks(self) -> bool:
        """True when what was drained carries marks that the coming commit must hold."""
        return bool(self._marks)

    def take_marks(self) -> list[Mark]:
        """The marks of what was drained, oldest first; they belong into the same commit."""
        marks, self._marks = self._marks, []
        return marks

    def marks_stored(self) -> None:
        """A commit is durable with every mark taken before it."""
        waiting, self._marked_acks = self._marked_acks, []
        for ack in waiting:
            ack()

    def stored(self, batch: PendingBatch) -> None:
        """`batch` is committed: run its acknowledgements. Batches are stored in the order they were drained, or in one transaction."""
        self._outstanding.remove(batch)
        for ack in batch.acks:
            ack()
        batch.acks.clear()

    def _hand_on(self, late: list[OnStored]) -> None:
        # An offer without rows waits for what came before it, which may be drained already and not yet committed.
        if self._outstanding:
            self._outstanding[-1].acks.extend(late)
            return
        for ack in late:
            ack()

    def _tell_room(self) -> None:
        if not self.has_room or not self._room_callbacks:
            return
        callbacks, self._room_callbacks = self._room_callbacks, []
        for callback in callbacks:
            callback()

    def _seal(self, resource: str, rows: list[Row], acks: list[OnStored]) -> PendingBatch:
        columns: list[tuple[object, ...]] = list(zip(*rows, strict=True))
        times: list[int] = columns[EVENT_TIME]  # type: ignore[assignment]
        grades: list[int] = columns[GRADE]  # type: ignore[assignment]
        batch = to_record_batch(self._schemas[resource], columns)
        territories = merged_territories([tuple(map(str, set(columns[TERRITORY])))], most=self._limits.territories_per_batch_max)
        return PendingBatch(resource, batch, min(times), max(times), max(grades), territories, acks)


def to_record_batch(schema: pa.Schema, columns: Sequence[Sequence[object]]) -> pa.RecordBatch:
    """Python columns as a RecordBatch of `schema`; dictionary fields are encoded."""
    return pa.RecordBatch.from_arrays([_to_array(values, kind.type) for values, kind in zip(columns, schema, strict=True)], schema=schema)


def readings_of(rows: pa.RecordBatch) -> list[Reading]:
    """The rows of a stored sensor batch as readings, for `Intake.recall`."""
    columns = [rows.column(name) for name in Reading._fields[1:]]
    times = rows.column("event_time").cast(pa.int64()).to_pylist()
    return [Reading(*fields) for fields in zip(times, *(column.to_pylist() for column in columns), strict=True)]


def _to_array(values: Sequence[object], kind: pa.DataType) -> pa.Array[Any]:
    if not pa.types.is_dictionary(kind):
        return pa.array(values, type=kind)
    encoded: pa.Array[Any] = pa.array(values, type=kind.value_type).dictionary_encode()
    return encoded if encoded.type == kind else encoded.cast(kind)
