"""Reading batches and positions from an open snapshot of the journal; every function takes the connection and returns values.

Called by node/store/journal.py. Refuses rows that make no value (JournalCorrupt).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from node.store.failures import WAY_OUT
from node.store.rows import BATCH_COLUMNS, RUN_COLUMNS, Row, stored_batch
from node.store.write_set import Counters
from sync.model import Direction, JournalCorrupt, Lane, ModelError, RunMap, Span, StoredBatch, Stream
from sync.model.batch import merged_bytes
from sync.model.writes import REFUSALS_KEPT_MAX, AppendRefusal, InPosition, OutMark, Recovered
from sync.ports import Reprieve, Selection

_HELD_BY_GATE = """
    SELECT l.lane, l.span_after, l.span_upto, l.resource, h.origin, h.incarnation, h.first_seq, h.last_seq,
        CASE WHEN l.policy_version <> :not_version OR h.reason = 'deferred' THEN l.span_upto ELSE a.value END AS due_upto
    FROM ledger_run h INDEXED BY ledger_run_held CROSS JOIN ledger l ON l.id = h.ledger_id
    LEFT JOIN json_each(:again) a ON a.key = h.reason
    WHERE h.state = 12 AND l.peer = :peer AND l.direction = :direction AND due_upto > l.span_after
"""
_REFUSED_BY_PEER = """
    SELECT l.lane, l.span_after, l.span_upto, l.resource, h.origin, h.incarnation, h.first_seq, h.last_seq, l.span_upto
    FROM refusal f
    JOIN ledger l ON l.peer = f.peer AND l.direction = f.direction AND l.lane = f.lane AND l.span_upto = f.span_upto AND l.part = f.part
        AND l.span_after = f.span_after AND l.closed = 0 AND l.id <= f.ledger_top
    JOIN ledger_run h ON h.ledger_id = l.id AND h.state = 1
    WHERE f.by_peer = 1 AND f.peer = :peer AND f.direction = :direction AND f.quarantine = 0 AND f.decision = 0
        AND (l.policy_version <> :not_version OR l.span_upto <= :decided_upto
            OR (l.span_upto <= :refused_upto AND (f.policy_version <> :peer_version
            OR (f.program <> '' AND :peer_program <> '' AND f.program <> :peer_program)
            OR EXISTS (SELECT 1 FROM json_each(:over) o WHERE instr(f.reason, o.value) > 0))))
"""
_DENIED_BY_GATE = """
    SELECT l.lane, l.span_after, l.span_upto, l.resource, h.origin, h.incarnation, h.first_seq, h.last_seq, l.span_upto
    FROM json_each(:plans) p CROSS JOIN json_each(p.value) v
    CROSS JOIN ledger l INDEXED BY ledger_plan
        ON l.peer = :peer AND l.direction = :direction AND l.resource = p.key AND hex(l.plan_hash) = v.value
    JOIN ledger_run h ON h.ledger_id = l.id AND h.state IN (10, 11)
"""
_HELD_LSNS = f"""
    SELECT DISTINCT b.lsn
    FROM ({_HELD_BY_GATE} UNION ALL {_DENIED_BY_GATE} UNION ALL {_REFUSED_BY_PEER}) h
    JOIN batch b ON b.lane = h.lane AND b.lsn > h.span_after AND b.lsn <= min(h.span_upto, h.due_upto) AND b.resource = h.resource
    JOIN batch_run r ON r.lsn = b.lsn AND r.origin = h.origin AND r.incarnation = h.incarnation
        AND r.first_seq <= h.last_seq AND r.last_seq >= h.first_seq AND r.row_offset IS NOT NULL
    WHERE b.freed = 0 AND NOT EXISTS (SELECT 1 FROM held_settled s WHERE s.peer = :peer AND s.direction = :direction AND s.lsn = b.lsn)
    ORDER BY b.lsn LIMIT :batches_max
"""
"""Batches whose own rows a gate held back or whose frame was refused; an account without rows and a freed batch have nothing to send."""


REFUSED_LSNS_MAX = 16_384
"""Refused batches that are looked at at once, when room is made."""
_REFUSED_LSNS = """
    SELECT DISTINCT b.lsn
    FROM json_each(:peers) p CROSS JOIN refusal f ON f.peer = json_extract(p.value, '$[0]') AND f.direction = json_extract(p.value, '$[1]')
    JOIN ledger l ON l.peer = f.peer AND l.direction = f.direction AND l.lane = f.lane AND l.span_upto = f.span_upto AND l.part = f.part
        AND l.span_after = f.span_after AND l.closed = 0 AND l.id <= f.ledger_top
    JOIN batch b ON b.lane = l.lane AND b.lsn > l.span_after AND b.lsn <= l.span_upto AND b.resource = l.resource
    WHERE f.by_peer = 1 AND f.quarantine = 0 AND f.decision = 0 AND b.freed = 0 AND b.payload_bytes > 0
        AND NOT EXISTS (SELECT 1 FROM held_settled s WHERE s.peer = f.peer AND s.direction = f.direction AND s.lsn = b.lsn)
    ORDER BY b.lsn LIMIT :batches_max
"""


def batches_at(connection: sqlite3.Connection, lsns: Sequence[int]) -> list[StoredBatch]:
    """The batches at `lsns`, ascending, each checked against its hash; lsns without a batch are left out."""
    if not lsns:
        return []
    marks = ", ".join("?" * len(lsns))
    rows: list[Row] = connection.execute(f"SELECT {BATCH_COLUMNS} FROM batch WHERE lsn IN ({marks}) ORDER BY lsn", lsns).fetchall()
    run_rows = connection.execute(f"SELECT {RUN_COLUMNS} FROM batch_run WHERE lsn IN ({marks}) ORDER BY lsn, idx", lsns).fetchall()
    runs = {lsn: list(group) for lsn, group in groupby(run_rows, key=itemgetter(0))}
    return [stored_batch(row, runs.get(row[0], [])) for row in rows]


Weight = tuple[int, int]
"""lsn of a batch, and the bytes it counts as in a read."""


def lsns_within(weights: Iterable[Weight], bytes_max: int) -> list[int]:
    """The first lsns of `weights` that fit `bytes_max` together; at least one if there is one. It takes no more weights than it needs."""
    lsns: list[int] = []
    total = 0
    for lsn, weight in weights:
        total += weight
        if lsns and total > bytes_max:
            break
        lsns.append(lsn)
    return lsns


def lane_weights(connection: sqlite3.Connection, lane: Lane, span: Span, batches_max: int) -> Iterator[Weight]:
    """The lane's first batches inside `span`, from the index alone; they weigh what their rows do once they are merged."""
    statement = "SELECT lsn, payload_bytes, row_count FROM batch WHERE lane = ? AND lsn > ? AND lsn <= ? ORDER BY lsn LIMIT ?"
    return _merged(connection.execute(statement, (int(lane), span.after, span.upto, batches_max)))


def selected_weights(connection: sqlite3.Connection, lane: Lane, span: Span, batches_max: int, only: Selection) -> Iterator[Weight]:
    """As lane_weights, of the lane's first selected batches inside `span`; the payloads stay untouched."""
    if not only.resources:
        return iter(())
    marks = ", ".join("?" * len(only.resources))
    statement = (
        "SELECT lsn, payload_bytes, row_count FROM batch WHERE lane = ? AND lsn > ? AND lsn <= ? AND source <> ? "
        f"AND resource IN ({marks}) ORDER BY lsn LIMIT ?"
    )
    values = (int(lane), span.after, span.upto, only.not_from, *sorted(only.resources), batches_max)
    return _merged(connection.execute(statement, values))


def _merged(rows: Iterable[tuple[int, int, int]]) -> Iterator[Weight]:
    # One at a time: a job asks for thousands of small batches and has room for some hundreds of them.
    return ((lsn, merged_bytes(payload_bytes, row_count)) for lsn, payload_bytes, row_count in rows)


def resource_weights(connection: sqlite3.Connection, resource: str, span: Span, batches_max: int) -> list[Weight]:
    """The resource's first batches inside `span` that are not freed, from the index alone; they weigh what they do as stored."""
    statement = "SELECT lsn, payload_bytes FROM batch WHERE resource = ? AND lsn > ? AND lsn <= ? AND freed = 0 ORDER BY lsn LIMIT ?"
    return connection.execute(statement, (resource, span.after, span.upto, batches_max)).fetchall()


def recent_lsns(connection: sqlite3.Connection, resource: str, before_lsn: int, limit: int) -> list[int]:
    """The newest lsns of a resource below `before_lsn` that are not freed, newest first."""
    statement = "SELECT lsn FROM batch WHERE resource = ? AND lsn < ? AND freed = 0 ORDER BY lsn DESC LIMIT ?"
    return [lsn for (lsn,) in connection.execute(statement, (resource, before_lsn, limit))]


def refused_lsns(connection: sqlite3.Connection, peers: Iterable[tuple[str, Direction]]) -> frozenset[int]:
    """The lsns that SqliteJournal.refused returns."""
    of = json.dumps([[peer, int(direction)] for peer, direction in peers])
    return frozenset(lsn for (lsn,) in connection.execute(_REFUSED_LSNS, {"peers": of, "batches_max": REFUSED_LSNS_MAX}))


def held_lsns(
    connection: sqlite3.Connection, peer: str, direction: Direction, not_version: bytes, batches_max: int, again: Mapping[str, int],
    reprieve: Reprieve, plans: Collection[tuple[str, bytes]],
) -> list[int]:  # fmt: skip
    """The batches that Journal.held returns, ascending."""
    by_resource: dict[str, list[str]] = {}
    for resource, digest in sorted(plans):
        by_resource.setdefault(resource, []).append(digest.hex().upper())
    values = {
        "peer": peer, "direction": int(direction), "not_version": not_version, "batches_max": batches_max, "again": json.dumps(dict(again)),
        "peer_version": reprieve.version, "refused_upto": reprieve.upto, "over": json.dumps(sorted(reprieve.over)),
        "plans": json.dumps(by_resource), "peer_program": reprieve.program, "decided_upto": reprieve.decided_upto,
    }  # fmt: skip
    return [lsn for (lsn,) in connection.execute(_HELD_LSNS, values)]


def plans_decided(connection: sqlite3.Connection, peer: str, direction: Direction) -> frozenset[tuple[str, bytes]]:
    """The plans (resource, hash) that the ledger names toward a peer."""
    statement = "SELECT DISTINCT resource, plan_hash FROM ledger INDEXED BY ledger_plan WHERE peer = ? AND direction = ?"
    return frozenset(connection.execute(statement, (peer, int(direction))).fetchall())


def chain_at(connection: sqlite3.Connection, peer: str, direction: Direction, lane: Lane, upto: int, claimed: bytes) -> bytes | None:
    """The chain after the newest whole span that ends at `upto`, one with the chain `claimed` first; a span without its last part, or
    closed, does not count."""
    statement = """
        SELECT chain FROM ledger
        WHERE peer = ? AND direction = ? AND lane = ? AND span_upto = ? AND part = parts - 1
        ORDER BY chain = ? DESC, id DESC LIMIT 1
    """
    row = connection.execute(statement, (peer, int(direction), int(lane), upto, claimed)).fetchone()
    return None if row is None else bytes(row[0])


def counters(connection: sqlite3.Connection) -> Counters:
    """The last numbers given out in the file."""
    statement = "SELECT (SELECT max(lsn) FROM batch), (SELECT max(id) FROM ledger), (SELECT max(id) FROM refusal)"
    lsn, ledger_id, refusal_id = connection.execute(statement).fetchone()
    return Counters(lsn or 0, ledger_id or 0, refusal_id or 0)


def stored_marks(connection: sqlite3.Connection, peer: str, direction: Direction) -> dict[Lane, int]:
    """How far `peer` has this journal, for every lane; 0 where it has nothing."""
    marks = dict.fromkeys(Lane, 0)
    statement = "SELECT lane, stored FROM out_mark WHERE peer = ? AND direction = ?"
    return marks | {Lane(lane): stored for lane, stored in connection.execute(statement, (peer, int(direction)))}


def wire_marks(connection: sqlite3.Connection, peer: str, direction: Direction) -> dict[Lane, int]:
    """Where the chain of spans that `peer` has acknowledged ends, for every lane; 0 where it has nothing."""
    marks = dict.fromkeys(Lane, 0)
    statement = "SELECT lane, wire FROM out_mark WHERE peer = ? AND direction = ?"
    return marks | {Lane(lane): wire for lane, wire in connection.execute(statement, (peer, int(direction)))}


def recovered(connection: sqlite3.Connection, path: Path) -> Recovered:
    """What the engine needs to go on; raises JournalCorrupt when a row is no value."""
    try:
        return Recovered(
            last_lsn=counters(connection).lsn,
            lane_tops=_lane_tops(connection),
            streams=streams(connection),
            out_marks={
                (peer, Direction(direction), Lane(lane)): OutMark(stored, secured, wire)
                for peer, direction, lane, stored, secured, wire in connection.execute(
                    "SELECT peer, direction, lane, stored, secured, wire FROM out_mark"
                )
            },
            in_positions={
                (peer, incarnation, Direction(direction), Lane(lane)): InPosition(upto, chain)
                for peer, incarnation, direction, lane, upto, chain in connection.execute(
                    "SELECT peer, incarnation, direction, lane, upto, chain FROM in_position"
                )
            },
            bearers=tuple(connection.execute("SELECT origin, incarnation, child FROM bearer ORDER BY rowid")),
            refusals=_refusals(connection),
        )
    except (ModelError, ValueError) as error:
        raise JournalCorrupt(f"{path} holds a position or stream that cannot be read ({error}); {WAY_OUT}") from error


def _refusals(connection: sqlite3.Connection) -> tuple[AppendRefusal, ...]:
    statement = """
        SELECT peer, direction, lane, span_after, span_upto, part, resource, payload_sha256, reason, policy_version, by_peer, quarantine,
            incarnation, program
        FROM (SELECT *, row_number() OVER (PARTITION BY peer, by_peer ORDER BY id DESC) AS age FROM refusal)
        WHERE age <= ? ORDER BY id DESC
    """
    rows = connection.execute(statement, (REFUSALS_KEPT_MAX,)).fetchall()
    return tuple(
        AppendRefusal(
            peer,
            Direction(direction),
            Lane(lane),
            Span(after, upto),
            part,
            resource,
            (),
            payload_sha256,
            reason,
            version,
            by_peer=bool(by_peer),
            quarantine=bool(quarantine),
            incarnation=incarnation,
            program=program,
        )
        for peer, direction, lane, after, upto, part, resource, payload_sha256, reason, version, by_peer, quarantine, incarnation, program
        in reversed(rows)
    )


def _lane_tops(connection: sqlite3.Connection) -> dict[Lane, int]:
    tops = {lane: connection.execute("SELECT max(lsn) FROM batch WHERE lane = ?", (int(lane),)).fetchone()[0] for lane in Lane}
    return {lane: top for lane, top in tops.items() if top is not None}


def streams(connection: sqlite3.Connection) -> dict[Stream, RunMap]:
    """The run map of every stream; raises ModelError or ValueError for a row that is none."""
    rows = connection.execute(
        "SELECT origin, incarnation, lane, resource, first_seq, last_seq, state FROM stream_range "
        "ORDER BY origin, incarnation, lane, resource, first_seq"
    )
    return {
        Stream(origin, incarnation, Lane(lane), resource): RunMap.of(row[4:] for row in ranges)
        for (origin, incarnation, lane, resource), ranges in groupby(rows, key=lambda row: row[:4])
    }
