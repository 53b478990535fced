"""Reads a node's journal file without product code: what lies on the disk of a level, whatever the API would show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa


def texts_in(path: Path) -> set[str]:
    """Every text value in every payload of the journal, live or not."""
    return {value for batch in _payloads(path) for column in batch.columns for value in column.to_pylist() if isinstance(value, str)}


def _payloads(path: Path) -> Iterator[pa.RecordBatch]:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA query_only = 1")
        for (payload,) in connection.execute("SELECT payload FROM batch WHERE row_count > 0 AND freed = 0").fetchall():
            with pa.ipc.open_stream(payload) as stream:
                yield from stream
