"""Which records a change of grades is about: those here whose row surely matches a condition, or whose key is on a list, as numbers.

Owns the walk through the journal. Refuses a list of keys that is too long and a condition that does not fit. Numbers tell nothing of the
persons, and are the same at every holder. Called, off the event loop, by the desk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from node.cases.errors import CaseRefused
from node.store.journal import SqliteJournal
from node.store.records import decode_rows
from policies.arrow import Chosen, call, spread, to_flags, words_of
from policies.catalogue import Resource, schema
from policies.predicate import compile_predicate
from sync.model import Run, Span, StoredBatch

KEYS_MAX = 20_000
BATCHES_READ_MAX = 64
READ_BYTES_MAX = 4 << 20
"""One short read of the journal."""

Choose = Callable[[pa.RecordBatch], Chosen]


@dataclass(slots=True)
class Found:
    """The records, as (origin, incarnation, first, last)."""

    stretches: list[tuple[str, int, int, int]] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many."""
        return sum(last - first + 1 for _, _, first, last in self.stretches)


def by_condition(resource: Resource, text: str) -> Choose:
    """Rows that surely match; raises PredicateError."""
    predicate = compile_predicate(text, schema(resource))

    def chosen(rows: pa.RecordBatch) -> Chosen:
        if not predicate.columns <= set(rows.schema.names):
            return np.full(rows.num_rows, False)
        return to_flags(call("fill_null", predicate.evaluate(rows), False))

    return chosen


def by_keys(resource: Resource, name: str, keys: Sequence[str]) -> Choose:
    """Rows whose text field `name` is one of `keys`; raises CaseRefused."""
    if len(keys) > KEYS_MAX:
        raise CaseRefused(f"{len(keys)} keys refused: at most {KEYS_MAX}; make several regrades of it")
    if name not in [item.name for item in resource.fields if item.type == "string"]:
        texts = ", ".join(item.name for item in resource.fields if item.type == "string")
        raise CaseRefused(f"{resource.code} has no text field {name!r}; it has {texts}")
    wanted = pa.array(sorted(set(keys)), pa.string())

    def chosen(rows: pa.RecordBatch) -> Chosen:
        if name not in rows.schema.names:
            return np.full(rows.num_rows, False)
        column = rows.column(name)
        return to_flags(call("fill_null", spread(call("is_in", words_of(column), value_set=wanted), column), False))

    return chosen


def find(journal: SqliteJournal, resource: Resource, choose: Choose, *, origin: str = "") -> Found:
    """Every record of a resource here that `choose` takes, those of one origin or of all. Raises JournalError."""
    found, after, upto = Found(), 0, journal.last_lsn
    while after < upto:
        batches = journal.find(resource.code, Span(after, upto), batches_max=BATCHES_READ_MAX, bytes_max=READ_BYTES_MAX)
        for stored in batches:
            found.stretches += _in_batch(stored, choose, origin)
        after = batches[-1].lsn if batches else upto
    return found


def _in_batch(stored: StoredBatch, choose: Choose, origin: str) -> list[tuple[str, int, int, int]]:
    runs = [run for run in stored.live_runs if run.state.has_rows and origin in ("", run.origin)]
    if not runs:
        return []
    chosen = choose(decode_rows(stored.batch.payload))
    return [stretch for run in runs for stretch in _in_run(run, chosen[run.row_offset : run.row_offset + run.count])]


def _in_run(run: Run, chosen: Chosen) -> list[tuple[str, int, int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], chosen, [False])).astype(np.int8)))
    return [
        (run.origin, run.incarnation, run.first + start, run.first + stop - 1)
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]
