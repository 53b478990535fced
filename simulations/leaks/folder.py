"""Values looked for in a folder: every file of every kind, decoded as far as this program encodes.

Owns which file is read how. SQLite files are searched page by page, with freed pages and every frame of the log; DuckDB, Parquet and
xlsx files by what they hold; everything as it lies there. Refuses nothing: a file that cannot be decoded was searched as bytes. Called by
the canary proof, the scenarios and tests.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from simulations.leaks.frames import unfold_frame
from simulations.leaks.pages import Chains, Page, Reader, is_database, read_pages
from simulations.leaks.search import Needles, Value, framed_places

_DUCKDB_MAGIC_AT, _DUCKDB_MAGIC = 8, b"DUCK"
_PARQUET_MAGIC = b"PAR1"
BORDER_BYTES = 1_024
"""Of the page that follows, so that a value across the border of two pages is seen: longer than any value."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A value that was found."""

    value: Value
    file: str
    """Path below the folder."""
    where: str
    """`bytes`, `page 12`, `frame 3 (page 12)`, `table batch`, ..."""


def find_values(folder: Path, values: Collection[Value]) -> tuple[Hit, ...]:
    """Every place below `folder` where one of `values` stands; nothing is written there. Sorted, one hit for each value and place.

    Values must be unlike anything else (a text of 8 characters and more, an int past 2**40). Not seen: what is encrypted, and what DuckDB
    has freed.
    """
    needles = Needles(tuple(values))
    hits = {hit for path in sorted(folder.rglob("*")) if path.is_file() for hit in _in_file(path, str(path.relative_to(folder)), needles)}
    return tuple(sorted(hits, key=lambda hit: (hit.file, hit.where, str(hit.value))))


def _in_file(path: Path, name: str, needles: Needles) -> Iterator[Hit]:
    data = path.read_bytes()
    yield from (Hit(value, name, "bytes") for value in needles.plain(data))
    if is_database(path):
        yield from (Hit(value, name, where) for where, value in _in_pages(read_pages(path), needles))
        yield from (Hit(value, name, where) for where, value in _in_tables(path, needles))
    elif data[_DUCKDB_MAGIC_AT:].startswith(_DUCKDB_MAGIC):
        yield from (Hit(value, name, where) for where, value in _in_duckdb(path, needles))
    else:
        yield from (Hit(value, name, "compressed") for value in needles.inside(data))
        if data.startswith(_PARQUET_MAGIC):
            yield from (Hit(value, name, "rows") for value in _in_arrow(pq.read_table(path), needles))


def _in_pages(pages: Sequence[Page], needles: Needles) -> Iterator[tuple[str, Value]]:
    chains = Chains(pages)
    for page in pages:
        yield from ((page.where, value) for value in needles.plain(page.data))
        for end, following in chains.ways(page):
            onward = next(chains.after(following), b"")[:BORDER_BYTES]
            text = page.data[:end] + onward
            yield from ((page.where, value) for value in needles.plain(text[max(end - BORDER_BYTES, 0) :]))
            for place, kind in framed_places(text):
                if place < end:
                    pieces = chain([page.data[place:end]], chains.after(following))
                    yield from ((page.where, value) for value in needles.inside(unfold_frame(BufferedReader(Reader(pieces)), kind)))


def _in_tables(path: Path, needles: Needles) -> Iterator[tuple[str, Value]]:
    """What queries show, with rows of Arrow decoded: of a copy, because opening a file with its log writes."""
    with tempfile.TemporaryDirectory(prefix="yunnao-leaks-") as folder:
        for suffix in ("", "-wal"):
            if (source := path.with_name(path.name + suffix)).exists():
                shutil.copy(source, Path(folder) / ("copy" + suffix))
        with closing(sqlite3.connect(Path(folder) / "copy")) as database:
            tables = [str(row[0]) for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")]
            for table in tables:
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    yield from ((f"table {table}", value) for cell in row for value in _in_cell(cell, needles))


def _in_cell(cell: object, needles: Needles) -> frozenset[Value]:
    if isinstance(cell, bytes):
        return needles.inside(cell) | _in_payload(cell, needles)
    return frozenset() if cell is None else needles.plain(str(cell).encode())


def _in_payload(data: bytes, needles: Needles) -> frozenset[Value]:
    try:
        with pa.ipc.open_stream(data) as reader:
            return _in_arrow(reader.read_all(), needles)
    except (pa.ArrowException, OSError):
        return frozenset()  # no rows of Arrow: searched as bytes


def _in_arrow(table: pa.Table, needles: Needles) -> frozenset[Value]:
    found: frozenset[Value] = needles.plain(str(table.schema.metadata).encode()) if table.schema.metadata else frozenset()
    for column in table.columns:
        # A word that no row has any more travels in a dictionary all the same.
        words = [word for chunk in column.chunks for word in getattr(chunk, "dictionary", chunk).to_pylist()]
        found |= needles.plain("\n".join(str(word) for word in words).encode())
    return found


def _in_duckdb(path: Path, needles: Needles) -> Iterator[tuple[str, Value]]:
    with tempfile.TemporaryDirectory(prefix="yunnao-leaks-") as folder:
        for suffix in ("", ".wal"):
            if (source := path.with_name(path.name + suffix)).exists():
                shutil.copy(source, Path(folder) / ("copy" + suffix))
        with closing(duckdb.connect(Path(folder) / "copy")) as database:
            for schema, table in database.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall():
                rows = database.sql(f'SELECT * FROM "{schema}"."{table}"').to_arrow_table()
                assert rows is not None, "a SELECT has an answer"
                yield from ((f"table {table}", value) for value in _in_arrow(rows, needles))
