"""Damaged batches in the journal: moved apart, put back, looked up.

A batch that is set aside leaves an account of lost records in its place, so that every reader goes on without knowing of it; its damaged
bytes and all that described them stay in table `aside`. Called by write_set.py (statements) and those who look up (lookups).
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from node.store.repaired import count_move
from node.store.rows import BATCH_COLUMNS, CODEC_NONE, RUN_COLUMNS, batch_row, run_rows, stored_batch
from sync.model import Direction, Lane, State, StoredBatch
from sync.model.writes import GiveUp, PutBack, SetAside

ASIDE_MAX = 10_000
"""Damaged batches that are asked for at the same time; with more, the disk is replaced and not the batch."""

_KEPT = (
    "row_count, payload_bytes, decoded_bytes, codec, event_time_min_us, event_time_max_us, grade_max, territories, payload_sha256, "
    "manifest, origin_manifest, payload"
)
_LOST, _REPLACED = 1, 2
"""Values of `given_up`; 0 while peers are asked."""
_NO_PAYLOAD_SHA256 = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class AsideBatch:
    """A damaged batch as it was stored first, without its payload."""

    stored: StoredBatch
    is_given_up: bool
    """True when no neighbour gave it: its records count as lost."""


@dataclass(frozen=True, slots=True)
class Damage:
    """How much is damaged here."""

    asked: int = 0
    """Batches that peers are asked for."""
    lost: int = 0
    """Batches that nobody gave back, whose records are lost here."""


def apply_repairs(connection: sqlite3.Connection, repairs: Iterable[SetAside | PutBack | GiveUp]) -> None:
    """Make the moves in order, inside the caller's transaction; one that was made before changes nothing."""
    for repair in repairs:
        match repair:
            case SetAside():
                _set_aside(connection, repair)
            case PutBack(stored):
                _put_back(connection, stored)
            case GiveUp(lsn, is_replaced):
                connection.execute("UPDATE aside SET given_up = ? WHERE lsn = ?", (_REPLACED if is_replaced else _LOST, lsn))


def _set_aside(connection: sqlite3.Connection, damage: SetAside) -> None:
    lsn = damage.lsn
    moved = connection.execute(
        f"INSERT OR IGNORE INTO aside (lsn, given_up, {_KEPT}) SELECT lsn, 0, {_KEPT} FROM batch WHERE lsn = ?", (lsn,)
    )
    if not moved.rowcount:
        return
    count_move(connection, lsn, is_back=False)
    connection.execute(
        "INSERT INTO aside_run SELECT lsn, idx, row_offset FROM batch_run WHERE lsn = ? AND row_offset IS NOT NULL", (lsn,)
    )
    connection.execute(
        "INSERT OR IGNORE INTO aside_passed SELECT b.lsn, m.peer, m.direction, m.lane FROM batch b JOIN out_mark m ON m.lane = b.lane "
        "WHERE b.lsn = ? AND m.stored >= b.lsn",
        (lsn,),
    )
    connection.execute(
        "UPDATE batch_run SET row_offset = NULL, state = ?, reason = ?, decider = ? WHERE lsn = ? AND row_offset IS NOT NULL",
        (int(State.LOST), damage.reason, damage.decider, lsn),
    )
    connection.execute(
        "UPDATE batch SET row_count = 0, payload_bytes = 0, decoded_bytes = 0, codec = ?, event_time_min_us = 0, event_time_max_us = 0, "
        "grade_max = 0, territories = '[]', payload_sha256 = ?, manifest = NULL, origin_manifest = NULL, payload = x'' WHERE lsn = ?",
        (CODEC_NONE, _NO_PAYLOAD_SHA256, lsn),
    )


def _put_back(connection: sqlite3.Connection, stored: StoredBatch) -> None:
    names = BATCH_COLUMNS.split(", ")
    changes = ", ".join(f"{name} = ?" for name in names[1:])
    connection.execute(f"UPDATE batch SET {changes} WHERE lsn = ?", (*batch_row(stored)[1:], stored.lsn))
    for table in ("batch_run", "aside", "aside_run", "aside_passed"):
        connection.execute(f"DELETE FROM {table} WHERE lsn = ?", (stored.lsn,))
    marks = ", ".join("?" * len(RUN_COLUMNS.split(",")))
    connection.executemany(f"INSERT INTO batch_run ({RUN_COLUMNS}) VALUES ({marks})", list(run_rows(stored)))
    count_move(connection, stored.lsn, is_back=True)


def header_at(connection: sqlite3.Connection, lsn: int) -> StoredBatch | None:
    """The batch at `lsn` without its payload, which is not looked at; None when there is none, or when it has no rows."""
    names = [f"x'' AS {name}" if name == "payload" else name for name in BATCH_COLUMNS.split(", ")]
    row = connection.execute(f"SELECT {', '.join(names)} FROM batch WHERE lsn = ? AND row_count > 0 AND freed = 0", (lsn,)).fetchone()
    if row is None:
        return None
    place = BATCH_COLUMNS.split(", ").index("payload_sha256")
    blank = (*row[:place], _NO_PAYLOAD_SHA256, *row[place + 1 :])
    return _with_hash(stored_batch(blank, _runs(connection, lsn)), row[place])


def aside(connection: sqlite3.Connection) -> list[AsideBatch]:
    """The damaged batches whose records are not here, at most ASIDE_MAX, as they were before: ascending, those that are lost last."""
    columns = _KEPT.removesuffix(", payload")
    statement = f"SELECT lsn, given_up, {columns} FROM aside WHERE given_up <> ? ORDER BY given_up, lsn LIMIT ?"
    rows = connection.execute(statement, (_REPLACED, ASIDE_MAX))
    return [_aside_batch(connection, row) for row in rows.fetchall()]


def damage(connection: sqlite3.Connection) -> Damage:
    """How many batches are aside."""
    counts = dict(connection.execute("SELECT given_up, count(*) FROM aside GROUP BY given_up").fetchall())
    return Damage(counts.get(0, 0), counts.get(_LOST, 0))


def told_lost(connection: sqlite3.Connection, lsn: int) -> bool:
    """True when the records of the batch went to some peer as lost."""
    statement = """
        SELECT 1 FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
        CROSS JOIN ledger l ON l.lane = b.lane AND l.resource = b.resource AND l.span_upto >= b.lsn AND l.span_after < b.lsn
        CROSS JOIN ledger_run h ON h.ledger_id = l.id AND h.origin = r.origin AND h.incarnation = r.incarnation
            AND h.first_seq <= r.last_seq AND h.last_seq >= r.first_seq
        WHERE b.lsn = ? AND h.state = ? LIMIT 1
    """
    return connection.execute(statement, (lsn, int(State.LOST))).fetchone() is not None


def passed_before(connection: sqlite3.Connection, lsn: int) -> frozenset[str]:
    """Children that had got past a batch before it was set aside: whatever of it was for them, they were sent."""
    rows = connection.execute("SELECT peer FROM aside_passed WHERE lsn = ? AND direction = ?", (lsn, int(Direction.RETURN)))
    return frozenset(peer for (peer,) in rows)


def next_lsns(connection: sqlite3.Connection, after: int, batches_max: int) -> list[int]:
    """The next lsns with a payload, ascending: what the slow check of stored payloads walks over."""
    statement = "SELECT lsn FROM batch WHERE lsn > ? AND row_count > 0 AND freed = 0 ORDER BY lsn LIMIT ?"
    return [lsn for (lsn,) in connection.execute(statement, (after, batches_max))]


def _runs(connection: sqlite3.Connection, lsn: int) -> Sequence[tuple[object, ...]]:
    rows = connection.execute(f"SELECT {RUN_COLUMNS} FROM batch_run WHERE lsn = ? ORDER BY idx", (lsn,)).fetchall()
    return [tuple(row) for row in rows]


def _with_hash(stored: StoredBatch, payload_sha256: bytes) -> StoredBatch:
    return replace(stored, batch=replace(stored.batch, header=replace(stored.batch.header, payload_sha256=payload_sha256)))


def _aside_batch(connection: sqlite3.Connection, row: Sequence[object]) -> AsideBatch:
    lsn, given_up, *kept = row
    names = BATCH_COLUMNS.split(", ")
    statement = f"SELECT {BATCH_COLUMNS} FROM batch WHERE lsn = ?"
    fields = dict(zip(names, connection.execute(statement, (lsn,)).fetchone(), strict=True))
    fields |= dict(zip(_KEPT.split(", "), kept, strict=False)) | {"payload": b""}
    wanted = fields["payload_sha256"] if isinstance(fields["payload_sha256"], bytes) else b""
    fields["payload_sha256"] = _NO_PAYLOAD_SHA256
    offsets = dict(connection.execute("SELECT idx, row_offset FROM aside_run WHERE lsn = ?", (lsn,)).fetchall())
    runs = [_as_it_was(run, offsets) for run in _runs(connection, int(str(lsn)))]
    return AsideBatch(_with_hash(stored_batch(tuple(fields.values()), runs), wanted), bool(given_up))


def _as_it_was(run: Sequence[object], offsets: dict[int, int]) -> tuple[object, ...]:
    names = RUN_COLUMNS.split(", ")
    fields = dict(zip(names, run, strict=True))
    offset = offsets.get(int(str(fields["idx"])))
    if offset is not None:
        fields |= {"row_offset": offset, "state": int(State.PRESENT), "reason": "", "decider": ""}
    return tuple(fields.values())


def covers(connection: sqlite3.Connection, stored: StoredBatch) -> bool:
    """True when every record of a batch that was set aside is here again by another way."""
    header = stored.batch.header
    for run in stored.live_runs:
        if not run.state.has_rows:
            continue
        held = connection.execute(
            "SELECT coalesce(sum(min(last_seq, :last) - max(first_seq, :first) + 1), 0) FROM stream_range "
            "WHERE origin = :origin AND incarnation = :life AND lane = :lane AND resource = :resource AND state <> :lost "
            "AND first_seq <= :last AND last_seq >= :first",
            {"origin": run.origin, "life": run.incarnation, "lane": int(Lane(header.lane)), "resource": header.resource,
             "first": run.first, "last": run.last, "lost": int(State.LOST)},
        ).fetchone()[0]  # fmt: skip
        if held < run.count:
            return False
    return True
