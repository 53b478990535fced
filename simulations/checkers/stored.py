"""P2, P3 and P4 over one node's journal: each record once and as it was made, streams in order, nothing committed that may not be there.

These hold at every moment, so they are checked with faults on as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from simulations.checkers.copies import Copy
from simulations.checkers.oracle import SECRET_COLUMNS, May, Oracle, Origins
from simulations.checkers.records import Flags, Ints, Records, equals
from simulations.checkers.truth import UNKNOWN, Truth
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation
from sync.model import State, Stream


def check_once(copy: Copy, truth: Truth) -> list[Violation]:
    """P2: no number is live twice, no record stands twice, every row is what was made apart from what is masked."""
    return _bounded(_doubles(copy, truth), Promise.ONCE, copy.holder.id)


def check_order(copy: Copy, *, has_rebuilt: bool = False) -> list[Violation]:
    """P3: within a stream, live runs that are no backfill ascend.

    Where a node below lost its disk (`has_rebuilt`) only runs with rows count: it brings records anew that its former life had accounted
    for as withheld.
    """
    return _bounded(_disorder(copy, has_rebuilt=has_rebuilt), Promise.ORDER, copy.holder.id)


def check_permitted(copy: Copy, oracle: Oracle, secrets: pa.Array[Any], epochs: range) -> list[Violation]:
    """P4: no batch, live or not, holds what no epoch ever allowed here."""
    return _bounded(_forbidden(copy, oracle, secrets, epochs), Promise.GOVERNED, copy.holder.id)


def _bounded(texts: Iterable[str], promise: Promise, node: str) -> list[Violation]:
    return [Violation(promise, node, text) for text in islice(texts, VIOLATIONS_PER_CHECK_MAX)]


def _doubles(copy: Copy, truth: Truth) -> Iterator[str]:
    for resource, records in copy.records.items():
        if (records.stream < 0).any():
            yield f"{int((records.stream < 0).sum())} rows of {resource} belong to no run"
        chosen = records.live & (records.stream >= 0)
        rows = np.flatnonzero(chosen)
        ids = truth.ids(copy, resource, chosen)
        yield from (f"{_where(copy, records, row)} is here and was never made" for row in rows[ids == UNKNOWN])
        twice = rows[_repeated(records.stream[rows] << 40 | records.number[rows])]
        yield from (f"{_where(copy, records, row)} is live twice" for row in twice)
        known = ids != UNKNOWN
        again = rows[known][_repeated(ids[known])]
        yield from (f"the record at {_where(copy, records, row)} is live a second time" for row in again)
        yield from _changed(copy, truth, resource, rows[known], ids[known])


def _where(copy: Copy, records: Records, row: int) -> str:
    stream: Stream = copy.streams[records.stream[row]]
    return f"record {records.number[row]} of {stream.origin}/{stream.resource}, batch {records.lsn[row]},"


def _repeated(keys: Ints) -> Flags:
    """True for every key that stood before."""
    again = np.ones(len(keys), np.bool_)
    again[np.unique(keys, return_index=True)[1]] = False
    return again


def _changed(copy: Copy, truth: Truth, resource: str, rows: Ints, ids: Ints) -> Iterator[str]:
    made, records = truth.made.get(resource), copy.records[resource]
    if made is None or not len(rows):
        return
    # Residents are masked wherever they are not at home, their own name first of all.
    origins = np.array([stream.origin == copy.holder.id for stream in copy.streams], np.bool_)
    is_home = origins[records.stream[rows]] if resource == "residents" else np.ones(len(rows), np.bool_)
    held, expected = records.rows.take(rows), made.rows.take(ids)
    for name in expected.schema.names:
        if name not in held.schema.names:
            yield f"column {name} of {resource} is missing"
            continue
        wrong = ~equals(held.column(name), expected.column(name))
        if name in SECRET_COLUMNS and resource == "residents":
            wrong &= is_home
        yield from (f"{_where(copy, records, row)} is not the one that was made: {name} differs" for row in rows[wrong])


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


def _forbidden(copy: Copy, oracle: Oracle, secrets: pa.Array[Any], epochs: range) -> Iterator[str]:
    nodes = tuple(stream.origin for stream in copy.streams)
    for resource, records in copy.records.items():
        origins = Origins(nodes, records.stream)
        answers = [oracle.may_hold(resource, records.rows, origins, holder=copy.holder.id, epoch=epoch) for epoch in oracle.kinds(epochs)]
        may = np.maximum.reduce(answers)
        yield from (f"{_where(copy, records, int(row))} is stored" for row in np.flatnonzero(may == May.NOTHING))
        if resource == "residents" and (may == May.MASKED).any():
            shown = (may == May.MASKED) & oracle.shows_secrets(records.rows, secrets)
            yield from (f"{_where(copy, records, int(row))} is stored and shows what is secret" for row in np.flatnonzero(shown))
