"""DuckDB without a file: tables that the caller fills, then one query, with nothing outside within reach.

Reads and writes of files, extensions, other databases and Python variables are off, and the settings are locked before a query runs. The
second place that imports duckdb (beside node/store/mart.py), and only when a query is asked. Used by one thread; `interrupt` by any.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from node.sql.errors import QueryFailed

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from policies.arrow import Column

MEMORY_MIB_MAX = 256
"""What tables and the query may use together; nothing spills to disk."""
ANSWER_CHARS_MAX = 8 << 20
"""Characters of all texts of an answer, about."""
_PART_ROWS = 1_000
"""Rows made into Python values at once."""
_ROWS = "arriving_rows"
_NO_MEMORY = "could not allocate"
_CLOSING = (
    "SET TimeZone = 'UTC'",
    "SET python_enable_replacements = false",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
"""In this order: what may not be changed without access to files is changed before it ends."""
_SETTINGS = {
    "threads": 1,
    "memory_limit": f"{MEMORY_MIB_MAX}MiB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
}

Cell = str | int | float | bool | None


class Engine:
    """One query's database."""

    def __init__(self) -> None:
        """Open it, closed to the outside; raises QueryFailed."""
        import duckdb

        try:
            self._connection: duckdb.DuckDBPyConnection = duckdb.connect(":memory:", config=dict[str, Any](_SETTINGS))
            for setting in _CLOSING:
                self._connection.execute(setting)
        except duckdb.Error as error:
            raise _failed(error) from None

    def interrupt(self) -> None:
        """End what runs; it raises QueryFailed. Nothing happens when it ended by itself."""
        import duckdb

        with suppress(duckdb.ConnectionException):
            self._connection.interrupt()

    def close(self) -> None:
        """Release the memory."""
        self._connection.close()

    def add(self, table: str, rows: pa.Table) -> None:
        """Append rows to a table, made at the first call. Raises QueryFailed when there is no memory for them."""
        import duckdb

        name = '"' + table.replace('"', '""') + '"'
        try:
            self._connection.register(_ROWS, rows)
            self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} AS SELECT * FROM {_ROWS} LIMIT 0")
            self._connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM {_ROWS}")
            self._connection.unregister(_ROWS)
        except duckdb.Error as error:
            raise _failed(error) from None

    def run(self, sql: str, *, rows_max: int) -> tuple[list[str], list[list[Cell]], bool]:
        """Columns, at most `rows_max` rows, and whether there were more. Raises QueryFailed."""
        import duckdb

        try:
            found: pa.Table = self._connection.sql(sql).to_arrow_table()
        except duckdb.Error as error:
            raise _failed(error) from None
        rows: list[list[Cell]] = []
        weight = 0
        for part in found.to_batches(max_chunksize=_PART_ROWS):
            for row in zip(*(_values(column) for column in part.columns), strict=True):
                cells = [_cell(value) for value in row]
                weight += sum(len(cell) for cell in cells if isinstance(cell, str))
                if len(rows) >= rows_max or weight > ANSWER_CHARS_MAX:
                    return found.schema.names, rows, True
                rows.append(cells)
        return found.schema.names, rows, False


def _values(column: Column) -> list[object]:
    """Python values; times in UTC lose their zone here, whose table a machine may lack, and get it back as text."""
    import pyarrow as pa

    from policies.arrow import call

    if pa.types.is_timestamp(column.type):
        return list(call("strftime", column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%SZ").to_pylist())
    return list(column.to_pylist())


def _failed(error: Exception) -> QueryFailed:
    import duckdb

    first = str(error).partition("\n")[0]
    if isinstance(error, duckdb.InterruptException):
        return QueryFailed("query ended: its time is over; narrow it, or ask for fewer rows")
    if isinstance(error, duckdb.OutOfMemoryException) or _NO_MEMORY in first:
        return QueryFailed(f"query ended: it needs more than {MEMORY_MIB_MAX} MiB; read fewer columns or rows ({first[:200]})")
    return QueryFailed(f"query failed: {first[:400]}")


def _cell(value: object) -> Cell:
    """A value as JSON has it: times as ISO 8601, decimals as numbers, bytes as hex."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else str(value)
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if number - number == 0.0 else str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


