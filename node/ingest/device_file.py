"""`devices.db`, the file of the device registry: its columns and how an older file gets those that it lacks. Called by devices.py."""

from __future__ import annotations

import sqlite3
from pathlib import Path

FIRST_COLUMNS = {
    "name": "TEXT PRIMARY KEY", "territory": "TEXT", "kind": "TEXT", "protocol": "TEXT", "owner": "TEXT", "state": "TEXT",
    "first_seen_us": "INTEGER", "last_seen_us": "INTEGER",
}  # fmt: skip
"""Columns of the first files."""
LATER_COLUMNS = {
    "profile": "TEXT NOT NULL DEFAULT ''", "user": "TEXT NOT NULL DEFAULT ''", "certificate": "TEXT NOT NULL DEFAULT ''",
    "longitude": "REAL", "latitude": "REAL", "address": "TEXT NOT NULL DEFAULT ''", "installed": "TEXT NOT NULL DEFAULT ''",
    "period_s": "REAL NOT NULL DEFAULT 0", "state_since_us": "INTEGER NOT NULL DEFAULT 0", "decided_by": "TEXT NOT NULL DEFAULT ''",
    "resource": "TEXT NOT NULL DEFAULT ''", "gap_us": "REAL NOT NULL DEFAULT 0", "spread_us": "REAL NOT NULL DEFAULT 0",
    "gaps": "INTEGER NOT NULL DEFAULT 0", "battery": "REAL", "battery_at_us": "INTEGER NOT NULL DEFAULT 0",
    "silent_since_us": "INTEGER NOT NULL DEFAULT 0", "outage": "TEXT NOT NULL DEFAULT ''",
}  # fmt: skip
COLUMNS = (*FIRST_COLUMNS, *LATER_COLUMNS)


def open_file(path: Path | str) -> sqlite3.Connection:
    """The file at `path`, made or brought up to these columns; raises sqlite3.Error."""
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    first = ", ".join(f"{name} {kind}" for name, kind in FIRST_COLUMNS.items())
    with connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS devices ({first})")
        present = {row[1] for row in connection.execute("PRAGMA table_info(devices)")}
        for name, kind in LATER_COLUMNS.items():
            if name not in present:
                connection.execute(f"ALTER TABLE devices ADD COLUMN {name} {kind}")
        # A file from before there were profiles kept the name of the profile as the kind.
        if "profile" not in present:
            connection.execute("UPDATE devices SET profile = kind")
    return connection
