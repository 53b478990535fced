"""The scan finds what lies in a folder in any form this program writes, freed bytes too, and nothing that is not there."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulations.leaks import find_values
from simulations.leaks.folder import BORDER_BYTES
from sync.wire.payload import encode_payload

CANARY = "周受保护-7f3a91c4d5e6"


def rows_with(value: str, *, rows: int = 700, seed: int = 1) -> pa.RecordBatch:
    """Rows of random words, one of which is `value`."""
    rng = Random(seed)
    words = [f"{rng.getrandbits(80):x}" for _ in range(rows - 1)]
    words.insert(rows // 2, value)
    return pa.RecordBatch.from_pydict({"name": pa.array(words).dictionary_encode(), "number": pa.array(range(rows))})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database whose freed pages keep what was on them; its log is not folded in before it is told to."""
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE batch (id INTEGER PRIMARY KEY, payload BLOB)")
        yield connection


def wheres(folder: Path, value: str | int | float = CANARY) -> set[str]:
    """Kinds of place where `value` was found."""
    return {hit.where.split()[0] for hit in find_values(folder, [value, "never-written-anywhere"]) if hit.value == value}


@pytest.mark.parametrize("rows", [3, 4_000])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_a_payload_is_found_in_the_log_and_in_its_table(database: sqlite3.Connection, tmp_path: Path, rows: int, compression: str) -> None:
    payload = encode_payload(rows_with(CANARY, rows=rows), compression=compression)  # type: ignore[arg-type]
    database.execute("INSERT INTO batch (payload) VALUES (?)", (payload,))
    assert {"frame", "table"} <= wheres(tmp_path)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_deleted_payload_is_found_on_freed_pages(database: sqlite3.Connection, tmp_path: Path, compression: str) -> None:
    payloads = [encode_payload(rows_with(CANARY, seed=seed), compression=compression) for seed in range(6)]  # type: ignore[arg-type]
    database.executemany("INSERT INTO batch (payload) VALUES (?)", [(data,) for data in payloads])
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("DELETE FROM batch WHERE id > 0")  # a page or two are used for the list of freed ones, and what was on them is gone
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert {"bytes", "page"} >= wheres(tmp_path) >= {"page"}


def test_a_payload_erased_and_overwritten_is_not_found(database: sqlite3.Connection, tmp_path: Path) -> None:
    database.execute("INSERT INTO batch (payload) VALUES (?)", (encode_payload(rows_with(CANARY), compression="lz4"),))
    database.execute("PRAGMA secure_delete = ON")
    database.execute("DELETE FROM batch")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert wheres(tmp_path) == set()


def test_a_value_across_the_border_of_two_pages_is_found(database: sqlite3.Connection, tmp_path: Path) -> None:
    for shift in range(0, len(CANARY.encode()) + 1, 3):
        database.execute("INSERT INTO batch (payload) VALUES (?)", (b"." * (9_000 + shift) + CANARY.encode() + b"." * 9_000,))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("DELETE FROM batch WHERE id = 2")
    assert wheres(tmp_path) >= {"page", "table"}
    assert len(CANARY.encode()) < BORDER_BYTES


def test_a_word_left_in_a_dictionary_is_found(database: sqlite3.Connection, tmp_path: Path) -> None:
    rows = rows_with(CANARY)
    kept = rows.filter(pa.array([word != CANARY for word in rows.column("name").to_pylist()]))
    assert CANARY not in kept.column("name").to_pylist()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, kept.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_batch(kept)
    database.execute("INSERT INTO batch (payload) VALUES (?)", (sink.getvalue().to_pybytes(),))
    assert "table" in wheres(tmp_path)


@pytest.mark.parametrize("value", [6_271_828_182_845, 36.0912734501223])
def test_numbers_are_found_as_columns_and_as_sqlite_write_them(database: sqlite3.Connection, tmp_path: Path, value: float) -> None:
    database.execute("INSERT INTO batch (payload) VALUES (?)", (value,))
    (tmp_path / "column").write_bytes(encode_payload(pa.RecordBatch.from_pydict({"value": [value] * 3}), compression=None))
    assert {hit.file for hit in find_values(tmp_path, [value])} >= {"a.db", "column"}


def test_a_mart_a_parquet_file_a_workbook_and_a_log_are_searched(tmp_path: Path) -> None:
    table = pa.Table.from_batches([rows_with(CANARY)])
    with closing(duckdb.connect(tmp_path / "mart.duckdb")) as mart:
        mart.register("rows", table)
        mart.execute("CREATE TABLE residents AS SELECT * FROM rows")
    pq.write_table(table, tmp_path / "old.parquet", compression="zstd")
    with zipfile.ZipFile(tmp_path / "sheet.xlsx", "w", zipfile.ZIP_DEFLATED) as workbook:
        workbook.writestr("xl/sharedStrings.xml", f"<t>{CANARY}</t>" * 50)
    (tmp_path / "node.log").write_text(json.dumps({"refused": CANARY}))
    (tmp_path / "node.log.1.gz").write_bytes(gzip.compress(CANARY.encode() * 9))
    assert {hit.file for hit in find_values(tmp_path, [CANARY])} == {
        "mart.duckdb",
        "old.parquet",
        "sheet.xlsx",
        "node.log",
        "node.log.1.gz",
    }


def test_nothing_is_found_where_nothing_is_and_nothing_is_written(database: sqlite3.Connection, tmp_path: Path) -> None:
    database.execute("INSERT INTO batch (payload) VALUES (?)", (encode_payload(rows_with("other"), compression="lz4"),))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert find_values(tmp_path, [CANARY, 6_271_828_182_845]) == ()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
