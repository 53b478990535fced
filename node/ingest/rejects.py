"""Dead letters: messages that will never become readings, kept with their reason in `rejects.db`.

Bounded: the newest 10,000 stay, the oldest go and are counted. Equal rejects in a row (same client, topic, reason, prefix) are one row
with a count.
A message is acknowledged to its device only after its reject is on disk. Called by node/ingest/intake.py; `flush` commits what was put,
in one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

REJECTS_MAX = 10_000
"""Rows kept."""
PREFIX_BYTES_MAX = 4_096
"""Bytes of a payload kept."""
PENDING_MAX = 1_000
"""Rejects waiting for a flush before the ways in must wait."""


@dataclass(frozen=True, slots=True)
class Reject:
    """One message that was kept instead of stored."""

    at_us: int
    client: str
    topic: str
    reason: str
    """The word it is counted by."""
    detail: str
    payload: bytes
    """The whole payload; only a prefix is kept."""


class RejectStore:
    """The file of rejects. Implementation detail: one row per run of equal rejects."""

    def __init__(self, path: Path | str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        database = Database(self._connection)
        columns = {
            "id": int,
            "at_us": int,
            "client": str,
            "topic": str,
            "reason": str,
            "detail": str,
            "prefix": bytes,
            "payload_bytes": int,
            "count": int,
        }
        database.table("rejects").create(columns, pk="id", if_not_exists=True)
        database.table("totals").create({"reason": str, "count": int}, pk="reason", if_not_exists=True)
        self._pending: list[tuple[Reject, Callable[[], None] | None]] = []
        self._latest: tuple[tuple[object, ...], int] | None = None

    @property
    def has_pending(self) -> bool:
        """True when `flush` has something to commit."""
        return bool(self._pending)

    @property
    def is_full(self) -> bool:
        """True when no more should be put before a `flush`."""
        return len(self._pending) >= PENDING_MAX

    def put(self, reject: Reject, on_kept: Callable[[], None] | None = None) -> None:
        """Keep `reject`; `on_kept` runs after the commit of the next `flush`."""
        self._pending.append((reject, on_kept))

    def flush(self) -> None:
        """Commit what was put, then tell whoever waits; raises sqlite3.Error with everything still pending."""
        if not self._pending:
            return
        kept = self._pending
        latest = self._latest
        try:
            with self._connection:
                for reject, _ in kept:
                    self._write(reject)
                self._trim()
        except sqlite3.Error:
            self._latest = latest
            raise
        self._pending = []
        for _, on_kept in kept:
            if on_kept is not None:
                on_kept()

    def counts(self) -> dict[str, int]:
        """Messages by reason since the file was made; `dropped` counts rows that made room."""
        return dict(self._connection.execute("SELECT reason, count FROM totals ORDER BY reason").fetchall())

    def newest(self, limit: int = 100) -> list[dict[str, object]]:
        """The newest rows as they are kept."""
        cursor = self._connection.execute("SELECT * FROM rejects ORDER BY id DESC LIMIT ?", (limit,))
        names = [entry[0] for entry in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def close(self) -> None:
        """Flush and release the file."""
        self.flush()
        self._connection.close()

    def _write(self, reject: Reject) -> None:
        self._add_total(reject.reason, 1)
        prefix = reject.payload[:PREFIX_BYTES_MAX]
        key = (reject.client, reject.topic, reject.reason, prefix, len(reject.payload))
        if self._latest is not None and self._latest[0] == key:
            self._connection.execute("UPDATE rejects SET count = count + 1, at_us = ? WHERE id = ?", (reject.at_us, self._latest[1]))
            return
        cursor = self._connection.execute(
            "INSERT INTO rejects (at_us, client, topic, reason, detail, prefix, payload_bytes, count) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
            (reject.at_us, reject.client, reject.topic, reject.reason, reject.detail, prefix, len(reject.payload)),
        )
        assert cursor.lastrowid is not None
        self._latest = (key, cursor.lastrowid)

    def _trim(self) -> None:
        cursor = self._connection.execute("DELETE FROM rejects WHERE id <= (SELECT max(id) FROM rejects) - ?", (REJECTS_MAX,))
        if cursor.rowcount > 0:
            self._add_total("dropped", cursor.rowcount)

    def _add_total(self, reason: str, count: int) -> None:
        self._connection.execute(
            "INSERT INTO totals (reason, count) VALUES (?, ?) ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count",
            (reason, count),
        )
