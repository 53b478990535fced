"""The records of one resource in one journal as columns, and how a checker picks among them.

Columns, not rows: a journal of a simulated city holds tens of thousands of records and is read twice for every seed. Payloads are read
with pyarrow alone, not with the product's codec. Called by copies.py and the checkers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_READ = pa.ipc.IpcReadOptions(use_threads=False)


@dataclass(frozen=True, slots=True)
class Records:
    """Every row that a journal holds of one resource, live or not, in journal order; all columns have one length."""

    rows: pa.Table
    """Dictionary columns unfolded."""
    stream: Ints
    """Index into Copy.streams; -1 for a row that no run accounts for."""
    number: Ints
    lsn: Ints
    live: Flags
    """False for a duplicate, whose record counts under an earlier batch."""

    @property
    def count(self) -> int:
        """Rows."""
        return len(self.lsn)

    @property
    def counts(self) -> Flags:
        """Where a row counts as a record of this node: it is live and a run accounts for it."""
        return self.live & (self.stream >= 0)


def decode_rows(payload: bytes) -> pa.RecordBatch:
    """The rows of a payload; raises pyarrow.ArrowException."""
    with pa.ipc.open_stream(pa.py_buffer(payload), options=_READ) as reader:
        return reader.read_next_batch()


def unfolded(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """The rows of all batches in order, dictionaries unfolded, metadata dropped, each column in one piece; `batches` is not empty."""
    same = is_alike(batches)
    bare = [batch.replace_schema_metadata(None) for batch in batches]
    table = pa.Table.from_batches(bare) if same else pa.concat_tables([_flat(pa.Table.from_batches([batch])) for batch in bare])
    return _flat(table).combine_chunks()


def is_alike(batches: Sequence[pa.RecordBatch]) -> bool:
    """True when all batches have the same columns, whatever their metadata says."""
    first = batches[0].schema
    return all(batch.schema.equals(first) for batch in batches)


def _flat(table: pa.Table) -> pa.Table:
    columns = [_plain(column) for column in table.itercolumns()]
    return pa.table(columns, names=table.schema.names)


def _plain(column: pa.ChunkedArray[Any]) -> pa.ChunkedArray[Any]:
    return column.cast(column.type.value_type) if isinstance(column.type, pa.DictionaryType) else column


def only(batch: pa.RecordBatch, names: Iterable[str]) -> pa.Table:
    """Some columns of a batch, dictionaries unfolded."""
    columns = {name: _plain(pa.chunked_array([batch.column(name)])) for name in names}
    return pa.table(columns)


def places(starts: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """For runs of `counts` that begin at `starts`: every member's place, and the index of its run."""
    owner = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    first = np.cumsum(counts) - counts
    return starts[owner] + np.arange(len(owner), dtype=np.int64) - first[owner], owner


def equals(left: pa.ChunkedArray[Any], right: pa.ChunkedArray[Any]) -> Flags:
    """Where two columns of one type hold the same; two nulls are the same."""
    if left.type != right.type:
        return np.zeros(len(left), np.bool_)
    if pa.types.is_floating(left.type):
        here, there = left.to_numpy(), right.to_numpy()
        return np.asarray((here == there) | (np.isnan(here) & np.isnan(there)), np.bool_)
    if not left.null_count and not right.null_count:
        return flags(call("equal", left, right))
    same = flags(call("coalesce", call("equal", left, right), pa.scalar(False)))
    return same | (flags(left.is_null()) & flags(right.is_null()))


def call(name: str, *columns: Any) -> Any:
    """An Arrow function by its name: the stubs do not know all kinds of columns."""
    return pc.call_function(name, list(columns))


def flags(answer: Any) -> Flags:
    """A boolean Arrow column without nulls as numpy."""
    return np.asarray(answer.to_numpy(zero_copy_only=False) if isinstance(answer, pa.Array) else answer.to_numpy(), np.bool_)


def starts_with_any(column: pa.ChunkedArray[Any], prefixes: Iterable[str]) -> Flags:
    """Where a text begins with one of the prefixes."""
    found = np.zeros(len(column), np.bool_)
    for prefix in prefixes:
        found |= flags(pc.starts_with(column, prefix))
    return found
