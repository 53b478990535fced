"""The simulated disk of a node: a fresh one, an image to come back to, a bound on its size, and what two nodes' disks look like exchanged.

A fresh journal is copied from one made by the product once per process: a world formats thirty-one of them. Called by simulations/host.py.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from node.store.file import create_file
from node.store.schema import Tuning

MODEL_NODE = "model"


@cache
def _model(tuning: Tuning) -> bytes:
    with tempfile.TemporaryDirectory(prefix="yunnao-disk-") as folder:
        path = Path(folder) / "journal.db"
        create_file(path, node=MODEL_NODE, incarnation=1, tuning=tuning)
        return path.read_bytes()


def format_disk(path: Path, *, node: str, incarnation: int, tuning: Tuning) -> None:
    """An empty journal of `node` at `path`, as node.store.file.create_file makes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_model(tuning))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        facts = [(node, "node"), (str(incarnation), "incarnation")]
        connection.executemany("UPDATE meta SET value = ? WHERE key = ?", facts)


def wipe_disk(folder: Path) -> None:
    """Everything on the disk is gone."""
    shutil.rmtree(folder, ignore_errors=True)


def exchange_disks(one: Path, other: Path) -> None:
    """Two folders change places."""
    aside = one.with_name(f"{one.name}.aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def copy_disk(source: Path, target: Path) -> None:
    """`target` becomes an image of `source`; the memory-mapped file is left out, as a backup does."""
    wipe_disk(target)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*-shm"))


def limit_disk(connection: sqlite3.Connection, *, is_full: bool) -> None:
    """Take away all free space of a journal's file, or give it back; `connection` is its writer."""
    if is_full:
        pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
        connection.execute(f"PRAGMA max_page_count = {pages}")
    else:
        connection.execute(f"PRAGMA max_page_count = {_PAGES_MAX}")


_PAGES_MAX = (1 << 32) - 2
"""SQLite's own bound."""
