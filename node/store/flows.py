"""The books of one hop, from this node to a peer: backlog and the accounting equation per stream.

Called by node/store/journal.py. What was produced comes from the batches that lie here, what became of it from the share ledger, and
what is pending from the peer's mark. The three sources are independent, so a missing ledger row shows as a difference.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from node.store.queries import stored_marks, wire_marks
from node.store.rows import Row
from node.store.tape import CLOSED, Account, Tape, fold
from sync.model import Direction, Fate, Lane, State, Stream

_StreamKey = tuple[str, int, int, str]
"""Origin, incarnation, lane, resource, as they stand in a row."""
_Refusals = dict[tuple[int, int, int, int], list[tuple[int, str, State]]]
"""(highest ledger id concerned, reason, what the records became) by lane, span and part."""

NUMBER_MAX = (1 << 63) - 2
"""The highest sequence number that a journal can hold."""
REASONS_MAX = 32_000
"""Different reasons of one hop that are told apart; what comes later counts as the last of them."""

_CHOSEN = "(:resource IS NULL OR b.resource = :resource) AND (:origin IS NULL OR r.origin = :origin)"
_PRODUCED = f"""
    SELECT r.origin, r.incarnation, b.lane, b.resource, r.first_seq, r.last_seq, b.lsn
    FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
    WHERE r.duplicate = 0 AND b.direction = 0 AND r.last_seq >= :first AND r.first_seq <= :last AND {_CHOSEN}
    ORDER BY b.lsn, r.idx
"""
_SHARED = f"""
    SELECT r.origin, r.incarnation, b.lane, b.resource, r.first_seq, r.last_seq, b.span_upto,
        r.state, r.reason, b.id, b.span_after, b.part, b.closed,
        CASE WHEN b.id < :sums_from THEN -1 WHEN s.ledger_id IS NULL THEN 0 ELSE b.id END
    FROM ledger b CROSS JOIN ledger_run r ON r.ledger_id = b.id LEFT JOIN ledger_sum s ON s.ledger_id = b.id
    WHERE b.peer = :peer AND b.direction = :direction AND r.last_seq >= :first AND r.first_seq <= :last AND {_CHOSEN}
    ORDER BY b.id, r.idx
"""
_FRAMES = """
    SELECT lane, span_upto, id, span_after, part FROM ledger
    WHERE peer = :peer AND direction = :direction AND closed = 0
    ORDER BY id DESC
"""
_FRAME_BEFORE = """
    SELECT 1 FROM ledger
    WHERE peer = :peer AND direction = :direction AND lane = :lane AND span_upto = :end AND closed = 0 AND id < :before LIMIT 1
"""
_REFUSED = """
    SELECT lane, span_after, span_upto, part, ledger_top, reason, quarantine OR decision = 2 FROM refusal
    WHERE by_peer = 1 AND peer = :peer AND direction = :direction
    ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which numbers of a hop are looked at; by default all."""

    resource: str | None = None
    origin: str | None = None
    first: int = 1
    last: int = NUMBER_MAX
    ranges: Mapping[_StreamKey, tuple[int, int]] | None = None
    """Numbers by stream, for a period; a stream that is not there is left out. None: no period."""

    @property
    def is_all(self) -> bool:
        """True when no number of a chosen stream is left out."""
        return self.ranges is None and self.first <= 1 and self.last >= NUMBER_MAX

    def clip(self, stream: _StreamKey, first: int, last: int) -> tuple[int, int] | None:
        """The part of `first`..`last` that is looked at."""
        low, high = (1, NUMBER_MAX) if self.ranges is None else self.ranges.get(stream, (1, 0))
        first, last = max(first, low, self.first), min(last, high, self.last)
        return (first, last) if first <= last else None


_PRESENT = int(State.PRESENT)
"""A member of an enumeration compares slowly, and there may be millions of runs."""


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
class _Books:
    """What the rows say of one stream, in their order."""

    made: Tape = field(default_factory=Tape)
    decided: Tape = field(default_factory=Tape)


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
    """The equation of every stream toward `peer`, sorted by stream; None takes all resources or origins."""
    return [equation(account) for account in accounts(connection, peer, direction, Scope(resource, origin))]


def equation(account: Account) -> StreamFlow:
    """The accounting equation of a stream on a hop."""
    return StreamFlow(
        account.stream,
        produced=account.produced,
        delivered=account.count(Fate.DELIVERED),
        withheld=account.count(Fate.WITHHELD),
        expired=account.count(Fate.EXPIRED),
        lost=account.count(Fate.LOST),
        pending=account.count(Fate.PENDING),
        reasons=account.counted_reasons(),
    )


def accounts(connection: sqlite3.Connection, peer: str, direction: Direction, scope: Scope) -> Iterator[Account]:
    """What became of the numbers in `scope` on the hop to `peer`, stream by stream, sorted.

    For RETURN the books begin at the share ledger, because which records are addressed to the peer is the gate's decision.
    """
    books: defaultdict[_StreamKey, _Books] = defaultdict(_Books)
    filters = {"peer": peer, "direction": int(direction), "resource": scope.resource, "origin": scope.origin}
    limits = filters | {"first": scope.first, "last": scope.last, "sums_from": _sums_from(connection)}
    marks = {int(lane): mark for lane, mark in stored_marks(connection, peer, direction).items()}
    wires = {int(lane): wire for lane, wire in wire_marks(connection, peer, direction).items()}

    def has_frame(lane: int, end: int, before: int) -> bool:
        return connection.execute(_FRAME_BEFORE, filters | {"lane": lane, "end": end, "before": before}).fetchone() is not None

    abandoned = _abandoned(connection.execute(_FRAMES, filters), wires, has_frame)
    rows = connection.execute(_PRODUCED if direction is Direction.UP else _SHARED, limits)
    _enter_produced(books, rows if direction is Direction.UP else _standing(rows, marks, abandoned), marks, scope)
    reading = _Reading(scope, marks, abandoned, _refusals(connection, filters))
    reading.enter(books, connection.execute(_SHARED, limits))
    for key in sorted(books):
        entry = books.pop(key)
        yield fold(Stream(key[0], key[1], Lane(key[2]), key[3]), entry.made, entry.decided, tuple(reading.reasons))


def _sums_from(connection: sqlite3.Connection) -> int:
    """The first ledger row that has a sum whenever its rows were rewritten."""
    row = connection.execute("SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'row_sums_from'").fetchone()
    return int(row[0]) if row else NUMBER_MAX


def period(connection: sqlite3.Connection, since_us: int, until_us: int) -> Mapping[_StreamKey, tuple[int, int]]:
    """The numbers of each stream that were committed here between two moments, to the precision of the time marks of the journal.

    The first mark at or after `until_us` bounds them above, the last one before `since_us` below; so a period never misses a record.
    """
    after = connection.execute("SELECT max(lsn) FROM kept_time WHERE wall_us < ?", (since_us,)).fetchone()[0]
    upto = connection.execute("SELECT min(lsn) FROM kept_time WHERE wall_us >= ?", (until_us,)).fetchone()[0]
    statement = """
        SELECT r.origin, r.incarnation, b.lane, b.resource, min(r.first_seq), max(r.last_seq)
        FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
        WHERE r.duplicate = 0 AND b.lsn > ? AND b.lsn <= ? GROUP BY 1, 2, 3, 4
    """
    rows = connection.execute(statement, (after or 0, NUMBER_MAX if upto is None else upto))
    return {tuple(row[:4]): (row[4], row[5]) for row in rows}


def _standing(rows: Iterable[Row], marks: Mapping[int, int], abandoned: frozenset[int]) -> Iterator[Row]:
    """Rows of the share ledger without those of frames that a peer lost again, where their stretch was read anew: what was addressed to
    it then and is not any more, because it was recalled here, is no business of this hop."""
    return (row for row in rows if row[9] not in abandoned or row[6] > marks[row[2]])


def _enter_produced(books: defaultdict[_StreamKey, _Books], rows: Iterable[Row], marks: Mapping[int, int], scope: Scope) -> None:
    for row in rows:
        span = scope.clip(row[:4], row[4], row[5])
        if span is not None:
            books[row[:4]].made.add(*span, State.PENDING if row[6] > marks[row[2]] else State.PRESENT)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What holds for all runs of one ledger row."""

    is_told: bool = True
    """The peer has acknowledged it."""
    closed: int = 0
    """CLOSED, or 0."""
    state: int = int(State.PRESENT)
    """What its delivered records became: HELD where the peer refused the frame."""
    word: int = 0
    form: int = 0


@dataclass(slots=True)
class _Reading:
    """What is needed to read the share ledger, and the reasons met in it."""

    scope: Scope
    marks: Mapping[int, int]
    abandoned: frozenset[int]
    refusals: _Refusals
    reasons: dict[str, int] = field(default_factory=lambda: {"": 0})

    def enter(self, books: defaultdict[_StreamKey, _Books], rows: Iterable[Row]) -> None:
        """Put the decisions that the peer has acknowledged onto the tapes. Its loop sees every run of the ledger, so it does little."""
        clip, is_all = self.scope.clip, self.scope.is_all
        entry = _Entry(is_told=False)
        newest = 0
        for row in rows:
            if row[9] != newest:
                newest, entry = row[9], self._entry(row)
            if not entry.is_told:
                continue
            span = (row[4], row[5]) if is_all else clip(row[:4], row[4], row[5])
            if span is None:
                continue
            state = row[7]
            first, last = span
            if state == _PRESENT:
                books[row[:4]].decided.add(first, last, entry.state, entry.word, entry.form)
            else:
                books[row[:4]].decided.add(first, last, state, self._word(row[8]) | entry.closed, 0)

    def _entry(self, row: Row) -> _Entry:
        lane, upto, ledger_id, after, part, closed, form = row[2], row[6], *row[9:]
        if upto > self.marks[lane] or ledger_id in self.abandoned:
            return _Entry(is_told=False)
        if closed:
            return _Entry(closed=CLOSED, word=CLOSED, form=form)
        refused = [(why, state) for top, why, state in self.refusals.get((lane, after, upto, part), ()) if ledger_id <= top]
        return _Entry(state=int(refused[0][1]), word=self._word(refused[0][0])) if refused else _Entry(form=form)

    def _word(self, reason: str) -> int:
        if reason not in self.reasons and len(self.reasons) < REASONS_MAX:
            self.reasons[reason] = len(self.reasons)
        return self.reasons.get(reason, REASONS_MAX - 1)


def _abandoned(frames: Iterable[Row], wires: Mapping[int, int], has_frame: Callable[[int, int, int], bool]) -> frozenset[int]:
    """Ledger ids of frames that never arrived: a session ended, and their records were read and decided again.

    What the peer has is one chain of spans that ends at its position; followed backward, a frame that reaches past the beginning of a
    later one fell out, and so did one that ends before it while an older one (`has_frame`: lane, end, ledger id) ends just there: it went
    to another copy of the peer. A frame is known by its ledger id: the same stretch may have been sent twice, differently decided.
    """
    abandoned: set[int] = set()
    ends = dict(wires)
    newest: dict[int, tuple[int, int, int, int]] = {}
    for lane, upto, ledger_id, after, part in frames:
        kept = newest.get(lane, (0, 0, 0, 0))
        continues = kept[1:] == (after, upto, part + 1)
        if not continues and (upto > ends[lane] or (upto < ends[lane] and has_frame(lane, ends[lane], ledger_id))):
            abandoned.add(ledger_id)
            continue
        newest[lane] = (ledger_id, after, upto, part)
        if part == 0:
            ends[lane] = after
    return frozenset(abandoned)


def _refusals(connection: sqlite3.Connection, filters: Mapping[str, object]) -> _Refusals:
    found: _Refusals = {}
    for lane, after, upto, part, ledger_top, reason, is_for_good in connection.execute(_REFUSED, filters):
        state = State.QUARANTINED if is_for_good else State.HELD
        found.setdefault((lane, after, upto, part), []).append((ledger_top, reason, state))
    return found
