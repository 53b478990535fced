"""The books of one hop, from this node to a peer: backlog and the accounting equation per stream.

Called by node/store/journal.py. What was produced comes from the batches that lie here, what became of it from the share ledger, and
what is pending from the peer's mark. The three sources are independent, so a missing ledger row shows as a difference.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.store.queries import stored_marks, wire_marks
from node.store.rows import Row
from sync.model import Direction, Fate, Lane, RunMap, State, Stream

_StreamKey = tuple[str, int, int, str]
"""Origin, incarnation, lane, resource, as they stand in a row."""
_Refusals = dict[tuple[int, int, int, int], list[tuple[int, str]]]
"""(highest ledger id concerned, reason) by lane, span and part."""

_PRODUCED = """
    SELECT r.origin, r.incarnation, b.lane, b.resource, r.first_seq, r.last_seq, r.state, r.reason, b.lsn
    FROM batch b JOIN batch_run r ON r.lsn = b.lsn
    WHERE r.duplicate = 0 AND b.direction = 0
        AND (:resource IS NULL OR b.resource = :resource) AND (:origin IS NULL OR r.origin = :origin)
    ORDER BY r.lsn, r.idx
"""
_SHARED = """
    SELECT h.origin, h.incarnation, l.lane, l.resource, h.first_seq, h.last_seq, h.state, h.reason, l.span_upto,
        l.id, l.span_after, l.part, l.closed
    FROM ledger l JOIN ledger_run h ON h.ledger_id = l.id
    WHERE l.peer = :peer AND l.direction = :direction
        AND (:resource IS NULL OR l.resource = :resource) AND (:origin IS NULL OR h.origin = :origin)
    ORDER BY l.id, h.idx
"""
_REFUSED = """
    SELECT lane, span_after, span_upto, part, ledger_top, reason FROM refusal
    WHERE by_peer = 1 AND peer = :peer AND direction = :direction
    ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What lies above a peer's stored mark in one lane."""

    batches: int
    records: int
    """Rows in those batches, those that a gate will withhold included."""
    payload_bytes: int
    oldest_wall_us: int | None
    """Wall time at which the first run of the oldest batch was sealed, microseconds since 1970 UTC; None without a backlog."""


@dataclass(frozen=True, slots=True)
class StreamFlow:
    """One stream's accounting equation at a hop, in records."""

    stream: Stream
    produced: int
    delivered: int
    withheld: int
    expired: int
    lost: int
    pending: int
    reasons: Mapping[str, int]
    """Records by class of the reason they were withheld, expired or lost."""

    @property
    def holds(self) -> bool:
        """True when every record produced is in exactly one other column."""
        return self.produced == self.delivered + self.withheld + self.expired + self.lost + self.pending


@dataclass(slots=True)
class _Piece:
    """Neighbouring numbers of one stream with one state and reason."""

    first: int
    last: int
    state: int
    reason: str


@dataclass(slots=True)
class _Books:
    """What the rows say of one stream, in their order, neighbours joined."""

    produced: list[_Piece] = field(default_factory=list)
    above_mark: list[_Piece] = field(default_factory=list)
    decided: list[_Piece] = field(default_factory=list)


def backlog(connection: sqlite3.Connection, peer: str, direction: Direction, lane: Lane) -> Backlog:
    """What `peer` has still to get in a lane. For RETURN an upper bound: only the gate knows which batches are addressed to the peer."""
    after = stored_marks(connection, peer, direction)[lane]
    kinds = "direction = 0" if direction is Direction.UP else "direction IN (0, 1)"
    where = f"WHERE lane = ? AND lsn > ? AND {kinds}"
    totals = connection.execute(
        f"SELECT count(*), total(row_count), total(payload_bytes), min(lsn) FROM batch {where}", (int(lane), after)
    ).fetchone()
    sealed = connection.execute("SELECT sealed_wall_us FROM batch_run WHERE lsn = ? ORDER BY idx LIMIT 1", (totals[3],)).fetchone()
    return Backlog(totals[0], int(totals[1]), int(totals[2]), sealed[0] if sealed else None)


def flow(connection: sqlite3.Connection, peer: str, direction: Direction, resource: str | None, origin: str | None) -> list[StreamFlow]:
    """The equation of every stream toward `peer`, sorted by stream; None takes all resources or origins.

    For RETURN the books begin at the share ledger, because which records are addressed to the peer is the gate's decision.
    """
    marks = {int(lane): mark for lane, mark in stored_marks(connection, peer, direction).items()}
    filters = {"peer": peer, "direction": int(direction), "resource": resource, "origin": origin}
    shared = connection.execute(_SHARED, filters).fetchall()
    source = connection.execute(_PRODUCED, filters) if direction is Direction.UP else shared
    books: defaultdict[_StreamKey, _Books] = defaultdict(_Books)
    _enter_produced(books, source, marks)
    wires = {int(lane): wire for lane, wire in wire_marks(connection, peer, direction).items()}
    everything = filters | {"resource": None, "origin": None}
    chain = shared if filters == everything else connection.execute(_SHARED, everything).fetchall()
    abandoned = _abandoned(chain, wires)
    _enter_shared(books, [row for row in shared if row[9] not in abandoned], marks, _refusals(connection, filters))
    streams = {Stream(key[0], key[1], Lane(key[2]), key[3]): entry for key, entry in books.items()}
    return [_equation(stream, streams[stream]) for stream in sorted(streams)]


def _enter_produced(books: defaultdict[_StreamKey, _Books], rows: Iterable[Row], marks: Mapping[int, int]) -> None:
    for row in rows:
        entry = books[row[:4]]
        _append(entry.produced, row[4], row[5], State.PRESENT, "")
        if row[8] > marks[row[2]]:
            _append(entry.above_mark, row[4], row[5], State.PRESENT, "")


def _enter_shared(books: defaultdict[_StreamKey, _Books], rows: Iterable[Row], marks: Mapping[int, int], refusals: _Refusals) -> None:
    for row in rows:
        lane, first, last, state, reason, upto, ledger_id, after, part, closed = row[2], *row[4:]
        if upto > marks[lane]:
            continue
        if state == State.PRESENT and not closed:
            refused = [why for top, why in refusals.get((lane, after, upto, part), ()) if ledger_id <= top]
            state, reason = (State.HELD, refused[0]) if refused else (state, reason)
        _append(books[row[:4]].decided, first, last, state, reason)


def _abandoned(rows: Iterable[Row], wires: Mapping[int, int]) -> frozenset[int]:
    """Ledger ids of frames that never arrived: a session ended, and their records were read and decided again.

    What the peer has is one chain of spans that ends at its position; followed backward, a frame that reaches past the beginning of a
    later one fell out. A frame is known by its ledger id: the same stretch may have been sent twice, differently decided.
    """
    abandoned: set[int] = set()
    ends = dict(wires)
    newest: dict[int, tuple[int, int, int, int]] = {}
    for row in reversed(list(rows)):
        lane, upto, ledger_id, after, part, closed = row[2], *row[8:13]
        if closed or ledger_id in abandoned:
            continue
        kept = newest.get(lane, (0, 0, 0, 0))
        continues = kept[0] == ledger_id or kept[1:] == (after, upto, part + 1)
        if not continues and upto > ends[lane]:
            abandoned.add(ledger_id)
            continue
        newest[lane] = (ledger_id, after, upto, part)
        if part == 0:
            ends[lane] = after
    return frozenset(abandoned)


def _refusals(connection: sqlite3.Connection, filters: Mapping[str, object]) -> _Refusals:
    found: _Refusals = {}
    for lane, after, upto, part, ledger_top, reason in connection.execute(_REFUSED, filters):
        found.setdefault((lane, after, upto, part), []).append((ledger_top, reason))
    return found


def _append(pieces: list[_Piece], first: int, last: int, state: int, reason: str) -> None:
    newest = pieces[-1] if pieces else None
    if newest is not None and newest.last + 1 == first and newest.state == state and newest.reason == reason:
        newest.last = last
    else:
        pieces.append(_Piece(first, last, state, reason))


def _fold(pieces: Iterable[_Piece]) -> RunMap:
    folded = RunMap()
    for piece in pieces:
        folded.set(piece.first, piece.last, State(piece.state))
    return folded


def _equation(stream: Stream, books: _Books) -> StreamFlow:
    outcome = _fold(books.decided)
    return StreamFlow(
        stream,
        produced=_fold(books.produced).count(Fate.DELIVERED),
        delivered=outcome.count(Fate.DELIVERED),
        withheld=outcome.count(Fate.WITHHELD),
        expired=outcome.count(Fate.EXPIRED),
        lost=outcome.count(Fate.LOST),
        pending=sum(_undecided(outcome, entry.first, entry.last) for entry in _fold(books.above_mark)),
        reasons=_reasons(outcome, books.decided),
    )


def _undecided(outcome: RunMap, first: int, last: int) -> int:
    return sum(piece.count for piece in outcome.pieces(first, last) if piece.state is State.PENDING)


def _reasons(outcome: RunMap, decided: Sequence[_Piece]) -> dict[str, int]:
    """Records by reason, each number under the newest decision that made its present state."""
    counted = RunMap()
    totals: Counter[str] = Counter()
    for decision in reversed(decided):
        if decision.state == State.PRESENT:
            continue
        for piece in outcome.pieces(decision.first, decision.last):
            if piece.state == decision.state:
                totals[decision.reason] += sum(entry.count for entry in counted.set(piece.first, piece.last, State.PRESENT))
    return dict(totals)
