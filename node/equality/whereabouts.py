"""Where one sequence number is at this node: the batch that accounts for it, or the decision that was told a peer.

Walks over run tables without an index, because it is asked once for a difference and never on the way of data. Called by desk.py.
"""

from __future__ import annotations

import sqlite3

from node.equality.wire import Whereabouts
from sync.model import Direction, State, Stream

_BATCH = """
    SELECT r.state, r.reason, r.decider, b.lsn, b.source FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
    WHERE b.lane = :lane AND b.resource = :resource AND r.origin = :origin AND r.incarnation = :life
        AND r.first_seq <= :number AND r.last_seq >= :number AND r.duplicate = 0
    ORDER BY b.lsn DESC LIMIT 1
"""
_DECISION = """
    SELECT r.state, r.reason, r.decider, l.closed FROM ledger l CROSS JOIN ledger_run r ON r.ledger_id = l.id
    WHERE l.peer = :peer AND l.direction = :direction AND l.lane = :lane AND l.resource = :resource
        AND r.origin = :origin AND r.incarnation = :life AND r.first_seq <= :number AND r.last_seq >= :number
    ORDER BY l.id DESC LIMIT 1
"""


def held_at(connection: sqlite3.Connection, stream: Stream, number: int) -> Whereabouts:
    """What this node holds of a number."""
    row = connection.execute(_BATCH, _values(stream, number)).fetchone()
    if row is None:
        return Whereabouts()
    state, reason, decider, lsn, source = row
    return Whereabouts(_word(state), reason[:256], decider, lsn, source)


def sent_at(connection: sqlite3.Connection, stream: Stream, number: int, peer: str, direction: Direction) -> Whereabouts:
    """What `peer` was told of a number, and the batch here that it is in."""
    held = held_at(connection, stream, number)
    row = connection.execute(_DECISION, _values(stream, number) | {"peer": peer, "direction": int(direction)}).fetchone()
    if row is None:
        return Whereabouts("not told", lsn=held.lsn, source=held.source)
    state, reason, decider, closed = row
    return Whereabouts(f"closed as {_word(state)}" if closed else _word(state), reason[:256], decider, held.lsn, held.source)


def _values(stream: Stream, number: int) -> dict[str, object]:
    return {
        "lane": int(stream.lane),
        "resource": stream.resource,
        "origin": stream.origin,
        "life": stream.incarnation,
        "number": number,
    }


def _word(state: int) -> str:
    return State(state).name.lower().replace("_", "-")
