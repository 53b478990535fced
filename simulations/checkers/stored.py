"""P2, P3 and P4 over one node's journal: each record once and as it was made, streams in order, nothing committed that may not be there.

These hold at every moment, so they are checked with faults on as well.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from simulations.checkers.copies import Copy
from simulations.checkers.oracle import SECRET_COLUMNS, SKELETON_RESOURCE, May, Oracle, Origins
from simulations.checkers.records import Flags, Ints, Records, equals, flags
from simulations.checkers.truth import UNKNOWN, Located, Truth
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation
from sync.model import State, Stream


def check_once(copies: Mapping[str, Copy], truth: Truth, located: Located | None = None) -> list[Violation]:
    """P2: no number is live twice, no record stands twice, every row is what was made apart from what is masked.

    `copies` by node; `located`: as `Truth.locate` gives it, if it is known.
    """
    located = truth.locate(copies) if located is None else located
    changed = {resource for resource in truth.made if _is_changed(copies, truth, located, resource)}
    found: list[Violation] = []
    for node, copy in copies.items():
        found += _bounded(_doubles(copy, truth, located, changed), Promise.ONCE, node)
    return found


def check_order(copy: Copy, *, has_rebuilt: bool = False) -> list[Violation]:
    """P3: within a stream, live runs that are no backfill ascend.

    Where a node below lost its disk (`has_rebuilt`) only runs with rows count: it brings records anew that its former life had accounted
    for as withheld.
    """
    return _bounded(_disorder(copy, has_rebuilt=has_rebuilt), Promise.ORDER, copy.holder.id)


def check_permitted(copy: Copy, oracle: Oracle, secrets: Collection[str], epochs: range) -> list[Violation]:
    """P4: no batch, live or not, holds what no epoch ever allowed here."""
    return _bounded(_forbidden(copy, oracle, secrets, epochs), Promise.GOVERNED, copy.holder.id)


def _bounded(texts: Iterable[str], promise: Promise, node: str) -> list[Violation]:
    return [Violation(promise, node, text) for text in islice(texts, VIOLATIONS_PER_CHECK_MAX)]


def _doubles(copy: Copy, truth: Truth, located: Located, changed: Container[str]) -> Iterator[str]:
    for resource, records in copy.records.items():
        if (records.stream < 0).any():
            yield f"{int((records.stream < 0).sum())} rows of {resource} belong to no run"
        rows = np.flatnonzero(records.counts)
        ids = located[copy.holder.id, resource]
        yield from (f"{_where(copy, records, row)} is here and was never made" for row in rows[ids == UNKNOWN])
        twice = rows[_repeated(records.stream[rows] << 40 | records.number[rows])]
        yield from (f"{_where(copy, records, row)} is live twice" for row in twice)
        known = ids != UNKNOWN
        again = rows[known][_repeated(ids[known])]
        yield from (f"the record at {_where(copy, records, row)} is live a second time" for row in again)
        if resource in changed:
            yield from _changed(copy, truth, resource, rows[known], ids[known])


def _where(copy: Copy, records: Records, row: int) -> str:
    stream: Stream = copy.streams[records.stream[row]]
    return f"record {records.number[row]} of {stream.origin}/{stream.resource}, batch {records.lsn[row]},"


def _repeated(keys: Ints) -> Flags:
    """True for every key that stood before."""
    again = np.ones(len(keys), np.bool_)
    again[np.unique(keys, return_index=True)[1]] = False
    return again


def _is_changed(copies: Mapping[str, Copy], truth: Truth, located: Located, resource: str) -> bool:
    """True when some row of a resource, at some node, is not what was made: seen at one look over all nodes that hold it alike."""
    alike: dict[pa.Schema, list[_Part]] = {}
    for node, copy in copies.items():
        records, ids = copy.records.get(resource), located.get((node, resource))
        if records is not None and ids is not None:
            known = ids != UNKNOWN
            part = _Part(copy, records, np.flatnonzero(records.counts)[known], ids[known])
            alike.setdefault(records.rows.schema, []).append(part)
    made, stripped = truth.made[resource].rows, truth.stripped
    return any(wrong.any() for parts in alike.values() for _, wrong in _differences(parts, made, resource, stripped))


def _changed(copy: Copy, truth: Truth, resource: str, rows: Ints, ids: Ints) -> Iterator[str]:
    records = copy.records[resource]
    for name, wrong in _differences([_Part(copy, records, rows, ids)], truth.made[resource].rows, resource, truth.stripped):
        if name not in records.rows.schema.names:
            yield f"column {name} of {resource} is missing"
        else:
            yield from (f"{_where(copy, records, row)} is not the one that was made: {name} differs" for row in rows[wrong])


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one copy, and the ids of what they should be."""

    copy: Copy
    records: Records
    rows: Ints
    ids: Ints

    @property
    def held(self) -> pa.Table:
        """The rows themselves."""
        table = self.records.rows
        return table if len(self.rows) == table.num_rows else table.take(self.rows)

    @property
    def is_home(self) -> Flags:
        """Where a row is at its origin."""
        origins = np.array([stream.origin == self.copy.holder.id for stream in self.copy.streams], np.bool_)
        return origins[self.records.stream[self.rows]]


def _differences(parts: Sequence[_Part], made: pa.Table, resource: str, stripped: Container[str]) -> Iterator[tuple[str, Flags]]:
    """Column by column, where the parts' rows, one part after the other, are not what was made; a missing column differs everywhere.

    A column in `stripped` may be null anywhere but at home.
    """
    held, expected = pa.concat_tables([part.held for part in parts]), made.take(np.concatenate([part.ids for part in parts]))
    for name in expected.schema.names:
        if name not in held.schema.names:
            yield name, np.ones(held.num_rows, np.bool_)
            continue
        wrong = ~equals(held.column(name), expected.column(name))
        if name in SECRET_COLUMNS and resource == "residents":
            # Residents are masked wherever they are not at home, their own name first of all.
            wrong &= np.concatenate([part.is_home for part in parts])
        if name in stripped and resource == SKELETON_RESOURCE:
            wrong &= np.concatenate([part.is_home for part in parts]) | ~flags(held.column(name).is_null())
        yield name, wrong


def _disorder(copy: Copy, *, has_rebuilt: bool) -> Iterator[str]:
    runs = copy.runs
    counts = runs.live & ~runs.backfill
    chosen = np.flatnonzero(counts & (runs.state == State.PRESENT) if has_rebuilt else counts)
    order = chosen[np.argsort(runs.stream[chosen], kind="stable")]
    before, after = order[:-1], order[1:]
    wrong = (runs.stream[before] == runs.stream[after]) & (runs.first[after] <= runs.last[before])
    for left, right in zip(before[wrong], after[wrong], strict=True):
        stream = copy.streams[runs.stream[right]]
        where = f"run {runs.first[right]}..{runs.last[right]} of {stream.origin}/{stream.resource} at {runs.lsn[right]}"
        yield f"{where} follows {runs.last[left]}"


def _forbidden(copy: Copy, oracle: Oracle, secrets: Collection[str], epochs: range) -> Iterator[str]:
    nodes = tuple(stream.origin for stream in copy.streams)
    for resource, records in copy.records.items():
        origins = Origins(nodes, records.stream)
        answers = [oracle.may_hold(resource, records.rows, origins, holder=copy.holder.id, epoch=epoch) for epoch in oracle.kinds(epochs)]
        may = np.maximum.reduce(answers)
        yield from (f"{_where(copy, records, int(row))} is stored" for row in np.flatnonzero(may == May.NOTHING))
        if resource == "residents" and (may == May.MASKED).any():
            shown = (may == May.MASKED) & oracle.shows_secrets(records.rows, secrets)
            yield from (f"{_where(copy, records, int(row))} is stored and shows what is secret" for row in np.flatnonzero(shown))
