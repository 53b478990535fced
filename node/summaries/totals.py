"""Derived resources: where a resource goes up only as totals, this node counts what it holds and releases the counts that may be shown.

Counts are taken once per fixed window. A released cell is final: it changes again only by at least k (policies/release.py). What was
shown is read from the journal, where the released rows are, so no crash can separate the two; whoever sheds journal rows must keep the
newest of each cell.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from node.clock import Clock
from node.ingest.inbox import Inbox
from node.links.handshake import Me
from node.policy.store import PolicyStore
from node.store.journal import SqliteJournal
from node.store.records import live_rows
from policies.arrow import call
from policies.catalogue import Derived, Resource
from policies.errors import PolicyError
from policies.plan import Plan
from policies.release import Cell, ReleaseState, count_cells, countable, release_cells, released_batch, rule_for
from policies.words import Verdict, Way
from sync.model import MICROSECONDS, Level, Span, StoredBatch

log = logging.getLogger("yunnao.totals")

WINDOW_S = 15
"""Length of the fixed windows in which totals are released."""

_DISTANCE = "_distance"
READ_BATCHES = 256
READ_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Basis:
    """What a count stands on: when any of it changes, the open window is counted again."""

    records: int
    plans: tuple[bytes, ...]
    grades: bytes
    """Names the grades of single records that are in force."""


class Totals:
    """Releases the totals of one node toward its parent."""

    def __init__(self, *, me: Me, parent_level: Level, policy: PolicyStore, journal: SqliteJournal, inbox: Inbox, clock: Clock) -> None:
        self._me = me
        self._parent_level = parent_level
        self._policy = policy
        self._journal = journal
        self._inbox = inbox
        self._clock = clock
        self._counted: dict[str, Basis] = {}
        """What each derived resource was last counted from."""

    async def keep_releasing(self) -> None:
        """Once per window, release what changed, for as long as the node runs."""
        loop = asyncio.get_running_loop()
        while True:
            now_us = self._clock.wall_us()
            window_us = WINDOW_S * MICROSECONDS
            await asyncio.sleep((window_us - now_us % window_us) / MICROSECONDS)
            start_us = self._clock.wall_us() // window_us * window_us
            for resource, derived in self._due():
                rows = await loop.run_in_executor(None, self._prepare, resource, derived, start_us)
                if rows is not None:
                    await self._release(resource, rows)

    def _due(self) -> Iterator[tuple[Resource, Derived]]:
        """Derived resources whose source is here, changed since it was last counted, and goes to the parent only as totals."""
        for resource in self._policy.ruleset.resources.values():
            derived = resource.derived
            if derived is None:
                continue
            basis = self._basis(derived.source)
            if basis.records and basis != self._counted.get(resource.code) and self._is_aggregated(derived.source):
                yield resource, derived

    def _basis(self, source: str) -> Basis:
        gate = self._policy.gate
        plans = tuple(plan.hash for distance in (0, 1) for plan in self._plans(source, distance))
        return Basis(self._journal.counts().get(source, 0), plans, gate.regrades.digest(source))

    def _plans(self, source: str, distance: int) -> Iterator[Plan]:
        """The plans toward everybody above for records so many hops from their origin: totals go on from one to the next."""
        for level in (level for level in Level if level >= self._parent_level):
            hops = distance + (1 if level is self._parent_level else 2)
            yield self._policy.gate.book.plan(source, hops=hops, way=Way.UP, level=level)

    def _is_aggregated(self, source: str) -> bool:
        known = self._policy.ruleset.resources[source]
        hops = max(1, int(self._parent_level) - int(known.source_level or Level.GRID))
        plan = self._policy.gate.book.plan(source, hops=hops, way=Way.UP, level=self._parent_level)
        return plan.base.verdict is Verdict.AGGREGATE

    def _prepare(self, resource: Resource, derived: Derived, start_us: int) -> pa.RecordBatch | None:
        """The rows to release now, or None; what could not be counted (no rule yet) is tried again in the next window."""
        basis = self._basis(derived.source)
        rows = self._newest_per_person(derived.source)
        try:
            rule = rule_for(self._policy.ruleset.release, [rows])
        except PolicyError as error:
            log.warning("totals %s not released: %s", resource.code, error)
            return None
        cells, _ = release_cells(count_cells([rows], derived), rule, derived, self._shown(resource.code, derived))
        self._counted[resource.code] = basis
        return released_batch(resource, cells, window_start_us=start_us) if cells else None

    def _newest_per_person(self, source: str) -> pa.RecordBatch:
        """The newest version of each record that may enter totals, one row per person (first field of the resource)."""
        regrades = self._policy.gate.regrades
        tables = [_with_distance(table, stored) for stored in self._stored(source) if (table := live_rows(stored, regrades)) is not None]
        table = pa.concat_tables(tables, promote_options="default").unify_dictionaries().combine_chunks()
        key = table.column_names[3]
        table = table.append_column("_position", pa.array(range(table.num_rows)))
        newest = table.group_by(["_origin", key]).aggregate([("_position", "max")]).column("_position_max")
        kept = table.take(newest.combine_chunks().sort()).drop_columns(["_origin", "_position"])
        return self._countable(source, kept.combine_chunks().to_batches()[0])

    def _countable(self, source: str, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that may be counted toward everybody above."""
        distances = rows.column(_DISTANCE)
        parts = []
        for distance in {int(distance or 0) for distance in distances.unique().to_pylist()}:
            part = rows.filter(call("equal", distances, distance))
            for plan in self._plans(source, distance):
                part = countable(plan, part)
            parts.append(part)
        table = pa.Table.from_batches(parts).drop_columns([_DISTANCE]).combine_chunks()
        return next(iter(table.to_batches()), pa.RecordBatch.from_pylist([], table.schema))

    def _stored(self, source: str) -> Iterator[StoredBatch]:
        after = 0
        while batches := self._journal.find(source, Span(after, self._journal.last_lsn), batches_max=READ_BATCHES, bytes_max=READ_BYTES):
            yield from batches
            after = batches[-1].lsn

    async def _release(self, resource: Resource, rows: pa.RecordBatch) -> None:
        values = [rows.column(index).to_pylist() for index in range(rows.num_columns)]
        values[0] = rows.column(0).cast(pa.int64()).to_pylist()
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put(resource.code, list(zip(*values, strict=True)), lambda: None if stored.done() else stored.set_result(None))
        # Until these rows are in the journal, the next count would not know that they were shown.
        await stored
        log.info("released %d cells of %s", rows.num_rows, resource.code)

    def _shown(self, code: str, derived: Derived) -> ReleaseState:
        """What this node released so far, newest value of each cell."""
        place, *groups = (group.name for group in derived.groups)
        shown: dict[str, int | None] = {}
        for stored in self._stored(code):
            table = live_rows(stored)
            for row in table.to_pylist() if table is not None else []:
                if row["_origin"] == self._me.node:
                    shown[Cell(row[place], tuple(row[name] for name in groups), 0).key] = row["count"]
        return ReleaseState(shown)


def _with_distance(table: pa.Table, stored: StoredBatch) -> pa.Table:
    """Rows with how many hops they are from their origin."""
    return table.append_column(_DISTANCE, pa.array([stored.batch.header.origin_distance] * table.num_rows, pa.int8()))
