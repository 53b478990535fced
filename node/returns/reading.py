"""What the journal says of returns: what came back to this node, and what of it its children have acknowledged.

Reads forward from where the last look ended, a bounded step at a time. Owns no file. Called by the desk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from sync.model import Direction, State

STEP_LSNS = 100_000
"""Batches that one step reads at most."""


@dataclass(frozen=True, slots=True)
class Came:
    """What came back of one resource about one territory."""

    resource: str
    territory: str
    sealed_us: int
    """When the newest record was sealed at its source, microseconds since 1970 UTC."""
    batches: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a child has acknowledged of one resource that was returned to it."""

    peer: str
    resource: str
    sealed_us: int
    batches: int


def came_back(connection: sqlite3.Connection, *, own: str, after: int) -> tuple[list[Came], int]:
    """What came back in batches past `after`, and how far was read: `after` when there is no more, 0 when the journal was built again.

    Records of this node itself (`own`) that come back after a loss are no return.
    """
    (top,) = connection.execute("SELECT coalesce(max(lsn), 0) FROM batch").fetchone()
    if top < after:
        return [], 0
    upto = min(top, after + STEP_LSNS)
    found = connection.execute(
        f"""
        SELECT batch.resource, batch.territories, max(batch_run.sealed_wall_us), count(DISTINCT batch.lsn)
        FROM batch JOIN batch_run ON batch_run.lsn = batch.lsn
        WHERE batch.lsn > ? AND batch.lsn <= ? AND batch.direction = {int(Direction.RETURN)} AND batch_run.state = {int(State.PRESENT)}
          AND batch_run.origin <> ?
        GROUP BY batch.resource, batch.territories
        """,
        (after, upto, own),
    )
    return [Came(resource, code, sealed, batches) for resource, codes, sealed, batches in found for code in json.loads(codes)], upto


def marks(connection: sqlite3.Connection) -> dict[tuple[str, int], int]:
    """By (child, lane) the batch up to which it has acknowledged what is returned to it."""
    found = connection.execute(f"SELECT peer, lane, stored FROM out_mark WHERE direction = {int(Direction.RETURN)}")
    return {(peer, lane): stored for peer, lane, stored in found}


def acknowledged(connection: sqlite3.Connection, spans: Mapping[tuple[str, int], tuple[int, int]]) -> list[Acknowledged]:
    """What was sent back in batches (after, upto] of each (child, lane), by the share ledger."""
    found: list[Acknowledged] = []
    for (peer, lane), (after, upto) in sorted(spans.items()):
        rows = connection.execute(
            f"""
            SELECT ledger.resource, max(batch_run.sealed_wall_us), count(DISTINCT batch.lsn)
            FROM ledger
            JOIN ledger_run ON ledger_run.ledger_id = ledger.id AND ledger_run.state = {int(State.PRESENT)}
            JOIN batch ON batch.lsn > ledger.span_after AND batch.lsn <= ledger.span_upto AND batch.resource = ledger.resource
            JOIN batch_run ON batch_run.lsn = batch.lsn AND batch_run.origin = ledger_run.origin
              AND batch_run.incarnation = ledger_run.incarnation AND batch_run.first_seq <= ledger_run.last_seq
              AND batch_run.last_seq >= ledger_run.first_seq
            WHERE ledger.peer = ? AND ledger.direction = {int(Direction.RETURN)} AND ledger.lane = ?
              AND ledger.span_upto > ? AND ledger.span_upto <= ?
            GROUP BY ledger.resource
            """,
            (peer, lane, after, upto),
        )
        found += [Acknowledged(peer, resource, sealed_us, batches) for resource, sealed_us, batches in rows]
    return found
