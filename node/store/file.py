"""The journal's file: made whole or not at all, and checked when it is opened.

Called by node/store/journal.py and the tools that work on a journal. Refuses a file that is not a journal, or is of a newer format than
this program knows. Its tables are node/store/schema.py's.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from sqlite_utils import Database

from node.store.failures import WAY_OUT, ForeignJournal, guarded
from node.store.schema import APPLICATION_ID, BUSY_TIMEOUT_S, FORMAT_VERSION, Tuning, journal_migrations
from sync.model import BATCH_FORMAT, JournalCorrupt

_MAGIC = b"SQLite format 3\x00"


def create_file(path: Path, *, node: str, incarnation: int, tuning: Tuning) -> None:
    """Make an empty journal at `path`, whole or not at all: it is built beside it and renamed.

    So an empty or half-made journal.db is never the trace of a crash, and is refused on opening.
    """
    if path.with_name(path.name + "-wal").exists():
        raise JournalCorrupt(f"{path} is missing but its log {path.name}-wal is there; {WAY_OUT}")
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with guarded(path, "creation of the journal"):
        _build(unfinished, node, incarnation, tuning)
    if tuning.is_synced:
        _sync(unfinished)
    unfinished.rename(path)
    if tuning.is_synced:
        _sync(path.parent)


def _build(path: Path, node: str, incarnation: int, tuning: Tuning) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        # Page size and auto-vacuum are fixed by the first page that is written.
        connection.execute(f"PRAGMA page_size = {tuning.page_bytes}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        # A half-made file is thrown away, and the finished one is synced once, before it gets its name.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        journal_migrations.apply(Database(connection, execute_plugins=False))
        facts = {"format_version": FORMAT_VERSION, "batch_format": BATCH_FORMAT, "node": node, "incarnation": incarnation}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [(key, str(value)) for key, value in facts.items()])
    finally:
        connection.close()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_writer(path: Path, tuning: Tuning) -> sqlite3.Connection:
    """The one writing connection: WAL, full sync, checked to be a journal this program knows, migrated."""
    _check_head(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
    try:
        _check_kind(connection, path)
        page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if tuning.is_synced else 'OFF'}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {max(1, tuning.checkpoint_bytes // page_bytes)}")
        connection.execute(f"PRAGMA journal_size_limit = {2 * tuning.checkpoint_bytes}")
        connection.execute(f"PRAGMA cache_size = -{tuning.writer_cache_bytes // 1024}")
        # What is deleted inside a page is overwritten at no cost of writing; whole pages are, when a recall asks for it.
        connection.execute("PRAGMA secure_delete = FAST")
        if tuning.file_bytes_max is not None:
            connection.execute(f"PRAGMA max_page_count = {max(1, tuning.file_bytes_max // page_bytes)}")
        journal_migrations.apply(Database(connection, execute_plugins=False))
    except BaseException:
        connection.close()
        raise
    return connection


def _check_head(path: Path) -> None:
    with path.open("rb") as handle:
        head = handle.read(len(_MAGIC))
    if head != _MAGIC:
        raise JournalCorrupt(f"{path} is not a journal (it begins with {head!r}); {WAY_OUT}")


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    found = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if found != APPLICATION_ID:
        raise JournalCorrupt(f"{path} is a database of another program (application id {found:#x}); {WAY_OUT}")
    version = int(read_meta(connection, path)["format_version"])
    if version > FORMAT_VERSION:
        raise ForeignJournal(f"{path} has format {version}, this program knows up to {FORMAT_VERSION}; install the newer program again")


def read_meta(connection: sqlite3.Connection, path: Path) -> dict[str, str]:
    """The facts in table `meta`; raises JournalCorrupt when one is missing or is no number where one is due."""
    facts: dict[str, str] = dict(connection.execute("SELECT key, value FROM meta"))
    for key in ("format_version", "node", "incarnation"):
        if key not in facts or (key != "node" and not facts[key].isdecimal()):
            raise JournalCorrupt(f"{path} has {key} = {facts.get(key)!r} in table meta; {WAY_OUT}")
    return facts
