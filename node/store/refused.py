"""Refused frames as an operator sees them: what this node refused of peers, and what peers refused of this node.

Reads tables `refusal`, `refusal_run`, `ledger` and `held_settled` (docs/journal.md). A refusal is *open* while nobody decided about it and
its records are nowhere but at their sender. Called by node/keeping/quarantine.py through `SqliteJournal.look`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.store.queries import batches_at
from node.store.rows import Row
from sync.model import Direction, Lane, Span, StoredBatch
from sync.model.writes import Decision

SCANNED_MAX = 2_048
"""Newest undecided refusals that one look goes through."""
RUNS_SHOWN_MAX = 16
"""Runs of one refusal that are named; all of them are counted."""

_COLUMNS = (
    "id, peer, direction, lane, span_after, span_upto, part, resource, payload_sha256, reason, by_peer, ledger_top, "
    "quarantine, tries, at_us, decision, decided_us, decided_why"
)
_SENT = """
    SELECT id, resource, payload_sha256 FROM ledger
    WHERE peer = ? AND direction = ? AND lane = ? AND span_upto = ? AND part = ? AND span_after = ? AND closed = 0 AND id <= ?
    ORDER BY id DESC
"""
_BATCHES = """
    SELECT DISTINCT b.lsn, s.lsn IS NOT NULL
    FROM ledger l JOIN ledger_run h ON h.ledger_id = l.id AND h.state = 1
    JOIN batch b ON b.lane = l.lane AND b.lsn > l.span_after AND b.lsn <= l.span_upto AND b.resource = l.resource
    JOIN batch_run r ON r.lsn = b.lsn AND r.origin = h.origin AND r.incarnation = h.incarnation
        AND r.first_seq <= h.last_seq AND r.last_seq >= h.first_seq AND r.row_offset IS NOT NULL
    LEFT JOIN held_settled s ON s.peer = l.peer AND s.direction = l.direction AND s.lsn = b.lsn
    WHERE l.id = ? AND b.freed = 0 ORDER BY b.lsn
"""
_HERE = """
    SELECT coalesce(sum(min(last_seq, ?) - max(first_seq, ?) + 1), 0) FROM stream_range
    WHERE origin = ? AND incarnation = ? AND lane = ? AND resource = ? AND state = 1 AND first_seq <= ? AND last_seq >= ?
"""
_Run = tuple[str, int, int, int]
"""Origin, incarnation, first and last number."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused frame."""

    id: int
    """Row of table `refusal`; the number that the operator names."""
    peer: str
    by_peer: bool
    """True when the peer refused ours: this node is the sender."""
    direction: Direction
    lane: Lane
    span: Span
    part: int
    resource: str
    runs: tuple[_Run, ...]
    payload_sha256: bytes
    reason: str
    quarantine: bool
    """True when no policy can make it fit; False for what goes by itself once the policy lets it."""
    tries: int
    """How often it was sent (by the sender's books), or refused (by the receiver's)."""
    at_us: int
    """Wall clock when it was entered; 0 when that is not known."""
    decision: Decision
    decided_us: int
    why: str
    is_open: bool
    ledger_id: int = 0
    """Row of the share ledger for the frame that was refused; 0 for a frame of the peer's."""

    @property
    def records(self) -> int:
        """Records concerned."""
        return sum(last - first + 1 for _, _, first, last in self.runs)


def refusal_at(connection: sqlite3.Connection, number: int) -> Refusal | None:
    """The refusal of this id; None when there is none."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM refusal WHERE id = ?", (number,)).fetchone()
    return None if row is None else _refusal(connection, row)


def newest_refusals(connection: sqlite3.Connection, *, limit: int, decided: bool, only_quarantine: bool = False) -> list[Refusal]:
    """The newest open refusals, newest first; `decided` shows the others as well."""
    where = " AND ".join(["TRUE"] + ["decision = 0"] * (not decided) + ["quarantine = 1"] * only_quarantine)
    rows = connection.execute(f"SELECT {_COLUMNS} FROM refusal WHERE {where} ORDER BY id DESC LIMIT {SCANNED_MAX}")
    return list(_first(limit, (found for row in rows if (found := _refusal(connection, row)).is_open or decided)))


def refused_batches(connection: sqlite3.Connection, refusal: Refusal) -> list[StoredBatch]:
    """The batches of this journal whose records a peer refused, as far as they are here and were not put back before."""
    return batches_at(connection, [lsn for lsn, is_settled in connection.execute(_BATCHES, (refusal.ledger_id,)) if not is_settled])


def refusal_of(connection: sqlite3.Connection, peer: str, direction: Direction, lane: Lane, span: Span, part: int) -> Refusal | None:
    """The newest refusal by `peer` of this frame of ours; None when it never reached this node."""
    statement = f"""
        SELECT {_COLUMNS} FROM refusal INDEXED BY refusal_span
        WHERE peer = ? AND direction = ? AND lane = ? AND span_upto = ? AND part = ? AND span_after = ? AND by_peer = 1
        ORDER BY id DESC LIMIT 1
    """
    row = connection.execute(statement, (peer, int(direction), int(lane), span.upto, part, span.after)).fetchone()
    return None if row is None else _refusal(connection, row)


def _refusal(connection: sqlite3.Connection, row: Row) -> Refusal:
    (number, peer, direction, lane, after, upto, part, resource, sha256, reason, by_peer, top, quarantine, tries, *decided) = row
    at_us, decision, decided_us, why = decided
    sent = connection.execute(_SENT, (peer, direction, lane, upto, part, after, top)).fetchall() if by_peer else []
    if by_peer:
        runs = _runs(connection, "ledger_run", "ledger_id", sent[0][0]) if sent else ()
        resource, sha256, tries = (sent[0][1], sent[0][2], len(sent)) if sent else (resource, sha256, tries)
        is_waiting = bool(sent) and _is_waiting(connection, sent[0][0], quarantine=bool(quarantine))
    else:
        runs = _runs(connection, "refusal_run", "refusal_id", number)
        is_waiting = any(not _is_here(connection, run, lane, resource) for run in runs)
    return Refusal(
        number, peer, bool(by_peer), Direction(direction), Lane(lane), Span(after, upto), part, resource, runs, sha256, reason,
        bool(quarantine), tries, at_us, Decision(decision), decided_us, why, is_waiting and not decision,
        sent[0][0] if sent else 0,
    )  # fmt: skip


def _runs(connection: sqlite3.Connection, table: str, owner: str, number: int) -> tuple[_Run, ...]:
    statement = f"SELECT origin, incarnation, first_seq, last_seq FROM {table} WHERE {owner} = ? AND state = 1 ORDER BY idx"
    return tuple(connection.execute(statement, (number,)))


def _is_waiting(connection: sqlite3.Connection, ledger_id: int, *, quarantine: bool) -> bool:
    """True while the records of a refused frame of ours were not put back; what was let go keeps a quarantine open, and nothing else."""
    settled = [bool(is_settled) for _, is_settled in connection.execute(_BATCHES, (ledger_id,))]
    return not any(settled) if quarantine else not all(settled)


def _is_here(connection: sqlite3.Connection, run: _Run, lane: int, resource: str) -> bool:
    origin, incarnation, first, last = run
    (here,) = connection.execute(_HERE, (last, first, origin, incarnation, lane, resource, last, first)).fetchone()
    return bool(here >= last - first + 1)


def _first(limit: int, found: Iterator[Refusal]) -> Iterator[Refusal]:
    for _, refusal in zip(range(limit), found, strict=False):
        yield refusal


def shown_runs(runs: Sequence[_Run]) -> list[str]:
    """The first runs as people write them: ORIGIN FIRST..LAST."""
    named = [f"{origin} {first}..{last}" for origin, _, first, last in runs[:RUNS_SHOWN_MAX]]
    return named + [f"and {len(runs) - RUNS_SHOWN_MAX} more"] * (len(runs) > RUNS_SHOWN_MAX)
