"""Reads a node's journal file without product code: what lies on the disk of a level, whatever the API would show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa


def texts_in(path: Path) -> set[str]:
    """Every text value in every payload of the journal, live or not."""
    return {value for batch in _payloads(path) for column in batch.columns for value in column.to_pylist() if isinstance(value, str)}


def values_in(path: Path) -> Iterator[bytes]:
    """Every text and every binary value in every payload of the journal, as bytes."""
    for batch in _payloads(path):
        for column in batch.columns:
            for value in column.to_pylist():
                if isinstance(value, str | bytes):
                    yield value.encode() if isinstance(value, str) else value


def rows_in(path: Path, column: str) -> Iterator[dict[str, Any]]:
    """Every row of every payload that has such a column, in the order of the journal."""
    for batch in _payloads(path):
        if column in batch.schema.names:
            yield from batch.to_pylist()


def _payloads(path: Path) -> Iterator[pa.RecordBatch]:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA query_only = 1")
        for (payload,) in connection.execute("SELECT payload FROM batch WHERE row_count > 0 AND freed = 0").fetchall():
            with pa.ipc.open_stream(payload) as stream:
                yield from stream
