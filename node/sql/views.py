"""Fills a query's tables: the newest records of each resource, batch by batch through the gate, the columns asked for and no more.

Refuses nothing by itself: what a clearance does not cover never gets into a table, and is counted. Called by the desk, on its thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from node.sql.engine import Engine
from node.sql.statement import ORIGIN, Statement
from node.store.journal import SqliteJournal
from node.store.records import decode_rows, newest_batches
from policies.catalogue import Resource, schema
from policies.gate import CompiledGate
from sync.model import StoredBatch

SCAN_ROWS_MAX = 2_000_000
"""Records of one resource that a query reads, the newest."""
ADDED_ROWS = 50_000
"""Rows handed to the engine at once, about."""


@dataclass(slots=True)
class Seen:
    """What one resource gave."""

    read: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    masks: dict[str, str] = field(default_factory=dict)
    is_whole: bool = True
    """False when older records were left out."""


@dataclass(frozen=True, slots=True)
class Views:
    """Fills the tables of one query."""

    journal: SqliteJournal
    gate: CompiledGate
    clearance: int
    check: Callable[[], None]
    """Raises when the query's time is over."""

    def fill(self, engine: Engine, resource: Resource, statement: Statement) -> Seen:
        """Make the table of a resource. Raises PolicyError, JournalCorrupt, QueryFailed."""
        seen, waiting, count = Seen(), [], 0
        names = _names(resource, statement)
        engine.add(resource.code, self._table(resource, _empty(resource), "", names, seen))
        for stored in newest_batches(self.journal, resource.code):
            self.check()
            if seen.read >= SCAN_ROWS_MAX:
                seen.is_whole = False
                break
            for part, origin in self._live(stored):
                waiting.append(self._table(resource, part, origin, names, seen))
                count += waiting[-1].num_rows
                seen.read += part.num_rows
            if count >= ADDED_ROWS:
                engine.add(resource.code, pa.concat_tables(waiting, promote_options="default"))
                waiting, count = [], 0
        if waiting:
            engine.add(resource.code, pa.concat_tables(waiting, promote_options="default"))
        return seen

    def _table(self, resource: Resource, rows: pa.RecordBatch, origin: str, names: list[str], seen: Seen) -> pa.Table:
        shown = self.gate.view(resource.code, rows, clearance=self.clearance)
        seen.withheld.update(shown.withheld)
        seen.masks.update({name: mask for name, mask in shown.masks.items() if name in names})
        table = pa.Table.from_batches([shown.rows])
        chosen = table.select([name for name in names if name in table.schema.names])
        plain = chosen.cast(pa.schema([pa.field(item.name, _flat(item.type)) for item in chosen.schema]))
        return plain.append_column(ORIGIN, pa.repeat(pa.scalar(origin), table.num_rows)) if ORIGIN in names else plain

    def _live(self, stored: StoredBatch) -> list[tuple[pa.RecordBatch, str]]:
        """The rows of a batch that count here, run by run with their origin, graded as single records of it were graded since."""
        runs = [run for run in stored.live_runs if run.state.has_rows]
        if not runs:
            return []
        rows = self.gate.regrades.graded(stored.batch.header, decode_rows(stored.batch.payload))
        return [(rows.slice(run.row_offset, run.count), run.origin) for run in runs]


def _names(resource: Resource, statement: Statement) -> list[str]:
    """The columns to fill in; the first stands in where none is asked for, because a table without columns has no rows."""
    every, asked = schema(resource).names, statement.columns
    if asked is None:
        return [*every, ORIGIN]
    return ([name for name in every if name.lower() in asked] or every[:1]) + [ORIGIN] * (ORIGIN in asked)


def _empty(resource: Resource) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema(resource))


def _flat(kind: pa.DataType) -> pa.DataType:
    # DuckDB would make a dictionary column an ENUM of the words of the first batch, and refuse later ones.
    return kind.value_type if pa.types.is_dictionary(kind) else kind
