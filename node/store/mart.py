"""The mart: a DuckDB projection of the journal for summaries and queries, in one file that may be deleted at any time.

Imports duckdb (as node/sql/engine.py does) only when a mart is opened. One table per resource that was asked for: the payload's columns,
then `_lsn` and `_origin`. The journal is the truth: each step copies a short read and notes how far it came in the same transaction. A
mart that is damaged, ahead of its journal, built under other grades of single records or before a batch was set aside or put back is
deleted and built again. Used by one thread (the node's DuckDB thread).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from node.store.repaired import NEVER, Repaired
from sync.model import Span, StoredBatch, SyncError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from policies.regrade import RegradeIndex

MEMORY_MIB_MAX = 128
"""What DuckDB may use before it spills to disk."""
STEP_BATCHES_MAX = 64
STEP_BYTES_MAX = 16 << 20
"""Batches and payload bytes of one short read of the journal and one transaction of the mart."""

_SETTINGS = {
    "threads": 1,
    "memory_limit": f"{MEMORY_MIB_MAX}MiB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_ROWS = "arriving_rows"

log = logging.getLogger(__name__)

Decode = Callable[[bytes, int], "pa.RecordBatch"]
"""Payload and the bytes it unfolds to, to its rows."""


class MartError(SyncError):
    """A query or a resource that the mart cannot serve; the message says which."""


class Source(Protocol):
    """What the mart reads of a journal."""

    node: str
    incarnation: int

    @property
    def last_lsn(self) -> int:
        """The newest committed lsn."""

    def find(self, resource: str, span: Span, *, batches_max: int, bytes_max: int) -> list[StoredBatch]:
        """Batches of a resource inside `span`, ascending."""

    def repaired(self, resource: str) -> Repaired:
        """How often batches of a resource were set aside or put back."""


class Mart:
    """An open mart of the resources it was asked for."""

    def __init__(self, path: Path, resources: Sequence[str], regrades: RegradeIndex | None = None) -> None:
        """Open the file at `path`, or make it; a damaged one is deleted and starts empty. Rows get the grades that `regrades` say."""
        self.path = path
        self._regrades = regrades
        self.resources = tuple(sorted(resources))
        self._connection = _open_or_replace(path)

    def catch_up(self, journal: Source, upto: int, decode: Decode) -> int:
        """Copy what the journal has up to lsn `upto` and the mart has not; the rows copied.

        A mart that fails on the way is built again. Raises JournalCorrupt for a bad payload, MartError when it cannot be built at all.
        """
        import duckdb

        try:
            self._check_owner(journal)
            return self._copy_all(journal, upto, decode)
        except duckdb.Error as error:
            log.warning("mart %s failed (%s): building it again", self.path, _first_line(error))
        return self.rebuild(journal, upto, decode)

    def rebuild(self, journal: Source, upto: int, decode: Decode) -> int:
        """Drop everything and copy again; the rows copied. Raises like `catch_up`."""
        import duckdb

        try:
            self._start_again(journal)
            return self._copy_all(journal, upto, decode)
        except duckdb.Error as error:
            raise MartError(f"mart {self.path} cannot be built ({_first_line(error)}); check the disk") from error

    def built_to(self, resource: str) -> int:
        """The lsn up to which the mart holds a resource; 0 when it holds nothing of it."""
        rows = self._connection.execute("SELECT lsn FROM _built_to WHERE resource = ?", [resource]).fetchall()
        return int(rows[0][0]) if rows else 0

    def has(self, resource: str) -> bool:
        """False while the mart holds no row of the resource."""
        return self._has_table(resource)

    def table(self, resource: str) -> str:
        """The table's name, quoted for SQL; raises MartError while the mart holds no row of the resource."""
        if not self._has_table(resource):
            raise MartError(f"resource {resource} has no rows in the mart: ask again once data has arrived")
        return _quoted(resource)

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Run one statement; values are bound as `?`. The caller has checked the SQL. Raises MartError with DuckDB's reason."""
        import duckdb

        try:
            answer = self._connection.sql(sql, params=list(params))
            rows: pa.Table | None = None if answer is None else answer.to_arrow_table()
        except duckdb.Error as error:
            raise MartError(f"query refused by the mart: {error}") from error
        if rows is None:
            raise MartError(f"query refused by the mart: {sql[:80]!r} is no SELECT")
        return rows

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    # ---- inside

    def _check_owner(self, journal: Source) -> None:
        if self._is_new():
            self._note_owner(journal)
        elif not self._continues(journal):
            log.warning("mart %s is not a copy of this journal: building it again", self.path)
            self._start_again(journal)

    def _is_new(self) -> bool:
        return not self._connection.execute("SELECT 1 FROM _mart").fetchall()

    def _note_owner(self, journal: Source) -> None:
        self._connection.executemany("INSERT INTO _mart VALUES (?, ?)", list(self._facts(journal).items()))

    def _continues(self, journal: Source) -> bool:
        facts = dict(self._connection.execute("SELECT key, value FROM _mart").fetchall())
        ((newest,),) = self._connection.execute("SELECT coalesce(max(lsn), 0) FROM _built_to").fetchall()
        return facts == self._facts(journal) and newest <= journal.last_lsn

    def _start_again(self, journal: Source) -> None:
        self._connection.close()
        _delete(self.path)
        self._connection = _open(self.path)
        self._note_owner(journal)

    def _copy_all(self, journal: Source, upto: int, decode: Decode) -> int:
        return sum(self._catch_up(journal, resource, upto, decode) for resource in self.resources)

    def _catch_up(self, journal: Source, resource: str, upto: int, decode: Decode) -> int:
        copied, after = 0, self.built_to(resource)
        while after < upto:
            batches = journal.find(resource, Span(after, upto), batches_max=STEP_BATCHES_MAX, bytes_max=STEP_BYTES_MAX)
            after = batches[-1].lsn if batches else upto
            copied += self._copy(resource, [rows for batch in batches if (rows := self._live_rows(batch, decode)) is not None], after)
        return copied

    def _copy(self, resource: str, tables: Sequence[pa.Table], built_to: int) -> int:
        self._connection.execute("BEGIN")
        try:
            for rows in tables:
                self._insert(resource, rows)
            self._connection.execute("INSERT OR REPLACE INTO _built_to VALUES (?, ?)", [resource, built_to])
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        return sum(rows.num_rows for rows in tables)

    def _insert(self, resource: str, rows: pa.Table) -> None:
        self._connection.register(_ROWS, rows)
        try:
            self._widen(resource)
            self._connection.execute(f"INSERT INTO {_quoted(resource)} BY NAME SELECT * FROM {_ROWS}")
        finally:
            self._connection.unregister(_ROWS)

    def _widen(self, resource: str) -> None:
        """Make the table fit the arriving columns: a newer schema adds some, an older one leaves them NULL."""
        if not self._has_table(resource):
            self._connection.execute(f"CREATE TABLE {_quoted(resource)} AS SELECT * FROM {_ROWS} LIMIT 0")
            return
        known = {name for name, *_ in self._connection.execute(f"DESCRIBE {_quoted(resource)}").fetchall()}
        for name, kind, *_ in self._connection.execute(f"DESCRIBE {_ROWS}").fetchall():
            if name not in known:
                self._connection.execute(f"ALTER TABLE {_quoted(resource)} ADD COLUMN {_quoted(name)} {kind}")

    def _facts(self, journal: Source) -> dict[str, str]:
        digests = [self._regrades.digest(resource).hex() for resource in self.resources] if self._regrades is not None else []
        grades = {"grades": ",".join(digests)} if any(digests) else {}
        moves = [journal.repaired(resource) for resource in self.resources]
        repairs = {"repairs": ",".join(f"{one.set_aside}+{one.put_back}" for one in moves)} if any(one != NEVER for one in moves) else {}
        return {"node": journal.node, "incarnation": str(journal.incarnation), **grades, **repairs}

    def _live_rows(self, stored: StoredBatch, decode: Decode) -> pa.Table | None:
        """The batch's rows that count here, graded as they count now, with where they are from; None when there are none."""
        import pyarrow as pa

        runs = [run for run in stored.live_runs if run.state.has_rows]
        if not runs:
            return None
        decoded = decode(stored.batch.payload, stored.batch.header.decoded_bytes)
        graded = self._regrades.graded(stored.batch.header, decoded) if self._regrades is not None else decoded
        rows = pa.Table.from_batches([graded])
        live = pa.concat_tables([rows.slice(run.row_offset, run.count) for run in runs])
        origins = pa.concat_arrays([pa.repeat(pa.scalar(run.origin), run.count) for run in runs])
        plain = _without_dictionaries(live)
        return plain.append_column("_lsn", pa.repeat(pa.scalar(stored.lsn), live.num_rows)).append_column("_origin", origins)

    def _has_table(self, resource: str) -> bool:
        statement = "SELECT 1 FROM information_schema.tables WHERE table_name = ? AND table_schema = 'main'"
        return bool(self._connection.execute(statement, [resource]).fetchall())


def _open_or_replace(path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    try:
        return _open(path)
    except duckdb.Error as error:
        log.warning("mart %s cannot be opened (%s): building it again", path, _first_line(error))
    _delete(path)
    return _open(path)


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(str(path), config=dict[str, Any](_SETTINGS))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET python_enable_replacements = false")  # a table name in a query never means a Python variable
    connection.execute("CREATE TABLE IF NOT EXISTS _built_to (resource VARCHAR PRIMARY KEY, lsn BIGINT NOT NULL)")
    connection.execute("CREATE TABLE IF NOT EXISTS _mart (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)")
    return connection


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _without_dictionaries(rows: pa.Table) -> pa.Table:
    # DuckDB would make a dictionary column an ENUM of the words of the first batch, and refuse later ones.
    import pyarrow as pa

    kinds = [pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type) for field in rows.schema]
    return rows.cast(pa.schema(kinds))
