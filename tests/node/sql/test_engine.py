"""DuckDB without a file: nothing outside is within reach, whatever statement got here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from node.sql import engine as engine_module
from node.sql.engine import Engine
from node.sql.errors import QueryFailed


@pytest.fixture
def engine() -> Iterator[Engine]:
    found = Engine()
    found.add("x", pa.table({"a": [1, 2], "t": pa.array([datetime(2026, 1, 1, tzinfo=UTC), None])}))
    yield found
    found.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_blob('/etc/passwd')",
        "ATTACH '/tmp/somewhere.db'",
        "COPY x TO '/tmp/somewhere.csv'",
        "EXPORT DATABASE '/tmp/somewhere'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '9GB'",
        "SET enable_external_access = true",
        "PRAGMA temp_directory = '/tmp'",
        "SELECT * FROM secret_rows",
    ],
)
def test_nothing_outside_can_be_read_or_changed(engine: Engine, sql: str, tmp_path: Path) -> None:
    secret_rows = pa.table({"s": ["a Python variable"]})
    assert secret_rows.num_rows == 1
    with pytest.raises(QueryFailed):
        engine.run(sql, rows_max=10)


def test_values_come_as_json_has_them(engine: Engine) -> None:
    sql = "SELECT t, 1.5::DECIMAL(4, 2), 'a'::BLOB, DATE '2026-01-02', 1::HUGEINT << 70, 'inf'::DOUBLE FROM x"
    _, rows, is_cut = engine.run(sql, rows_max=10)
    assert rows[0] == ["2026-01-01T00:00:00.000000Z", 1.5, "61", "2026-01-02", float(1 << 70), "inf"]
    assert (rows[1][0], is_cut) == (None, False)


def test_an_answer_is_cut_at_its_bounds(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.run("SELECT a FROM x ORDER BY a", rows_max=1) == (["a"], [[1]], True)
    monkeypatch.setattr(engine_module, "ANSWER_CHARS_MAX", 3)
    assert engine.run("SELECT 'ab' FROM x", rows_max=10)[1:] == ([["ab"]], True)


def test_tables_larger_than_the_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engine_module._SETTINGS, "memory_limit", "16MiB")
    small = Engine()
    try:
        with pytest.raises(QueryFailed, match="needs more than"):
            _fill(small)
    finally:
        small.close()


def _fill(small: Engine) -> None:
    for _ in range(100):
        small.add("x", pa.table({"a": [f"{number}" * 30 for number in range(20_000)]}))


def test_an_engine_that_is_closed_is_interrupted_without_harm(engine: Engine) -> None:
    engine.close()
    engine.interrupt()


def test_what_duckdb_says_comes_as_one_line(engine: Engine) -> None:
    with pytest.raises(QueryFailed, match=r"^query failed: Binder Error: .*nope.*$"):
        engine.run("SELECT nope FROM x", rows_max=1)
