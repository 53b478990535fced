"""The rows one commit puts into the journal, collected from the engine's writes before the transaction begins.

Called by node/store/journal.py. Refuses a batch whose lsn does not follow the last one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.store.aside import apply_repairs
from node.store.recalled import apply_recalls
from node.store.rows import BATCH_COLUMNS, RUN_COLUMNS, Row, account_rows, batch_row, ledger_row, run_rows
from sync.model import JournalError, LedgerEntry, RunMap, State, StateRange, StoredBatch, Stream
from sync.model.writes import (
    AppendLedger,
    AppendRefusal,
    ChangeStream,
    DecideRefusal,
    FreeBatches,
    GiveUp,
    PutBack,
    Recall,
    SetAside,
    SetBearer,
    SetInPosition,
    SetOutMark,
    SetStream,
    SettleHeld,
    StoreBatch,
    Write,
)


def _insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(columns.split(',')))})"


_ACCOUNT_COLUMNS = "idx, origin, incarnation, first_seq, last_seq, state, reason, decider"
_INSERT_BATCH = _insert("batch", BATCH_COLUMNS)
_INSERT_RUN = _insert("batch_run", RUN_COLUMNS)
_INSERT_LEDGER = f"INSERT INTO ledger VALUES ({', '.join('?' * 15)})"
_INSERT_LEDGER_RUN = _insert("ledger_run", f"ledger_id, {_ACCOUNT_COLUMNS}")
_REFUSAL_COLUMNS = (
    "id, peer, direction, lane, span_after, span_upto, part, resource, payload_sha256, reason, policy_version, by_peer, ledger_top, "
    "quarantine, tries, at_us, incarnation, program, refuser"
)
_INSERT_REFUSAL = _insert("refusal", _REFUSAL_COLUMNS)
_DECIDE_REFUSAL = "UPDATE refusal SET decision = ?, decided_us = ?, decided_why = ? WHERE id = ? AND decision = 0"
_INSERT_REFUSAL_RUN = _insert("refusal_run", f"refusal_id, {_ACCOUNT_COLUMNS}")
_STREAM_IS = "origin = ? AND incarnation = ? AND lane = ? AND resource = ?"
_CLEAR_STREAM = f"DELETE FROM stream_range WHERE {_STREAM_IS}"
_DROP_RANGE = f"DELETE FROM stream_range WHERE {_STREAM_IS} AND first_seq = ?"
_SET_RANGE = "INSERT OR REPLACE INTO stream_range VALUES (?, ?, ?, ?, ?, ?, ?)"
_SET_OUT_MARK = "INSERT OR REPLACE INTO out_mark VALUES (?, ?, ?, ?, ?, ?)"
_FORGET_PASSED = "DELETE FROM aside_passed WHERE peer = ? AND direction = ? AND lane = ? AND lsn > ?"
"""A peer whose mark went back passes a damaged batch again, and may hear nothing of it this time."""
_SET_IN_POSITION = "INSERT OR REPLACE INTO in_position VALUES (?, ?, ?, ?, ?, ?)"
_SET_BEARER = "INSERT OR IGNORE INTO bearer VALUES (?, ?, ?)"
_SETTLE_HELD = "INSERT OR IGNORE INTO held_settled VALUES (?, ?, ?)"
_COUNT_FREED = """
    INSERT INTO freed
    SELECT b.lane, b.resource, ?, 1,
        (SELECT coalesce(sum(r.last_seq - r.first_seq + 1), 0) FROM batch_run r WHERE r.lsn = b.lsn AND r.state = 1 AND r.duplicate = 0),
        b.payload_bytes
    FROM batch b WHERE b.lsn = ? AND b.freed = 0
    ON CONFLICT (lane, resource, state) DO UPDATE SET
        batches = batches + 1, records = records + excluded.records, payload_bytes = payload_bytes + excluded.payload_bytes
"""
_FREE_BATCH = "UPDATE batch SET payload = x'', freed = ? WHERE lsn = ? AND freed = 0"

FREED_STATES = frozenset({State.RETENTION, State.SHED})
"""What the records of a freed batch may become."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The last numbers given out in the file."""

    lsn: int
    ledger_id: int
    refusal_id: int


_Ranges = dict[int, StateRange | None]
"""Ranges of a stream by their first number; None for one that is gone."""


@dataclass(slots=True)
class WriteSet:
    """Rows by table, and the counters after them."""

    lsn: int
    ledger_id: int
    refusal_id: int
    stored: list[StoredBatch] = field(default_factory=list)
    batches: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    ranges: dict[Stream, _Ranges] = field(default_factory=dict)
    replaced: set[Stream] = field(default_factory=set)
    """Streams whose old ranges all go."""
    ledger: list[Row] = field(default_factory=list)
    ledger_runs: list[Row] = field(default_factory=list)
    ledger_sums: list[Row] = field(default_factory=list)
    repairs: list[SetAside | PutBack | GiveUp] = field(default_factory=list)
    recalls: list[Recall] = field(default_factory=list)
    out_marks: list[Row] = field(default_factory=list)
    in_positions: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    refusal_runs: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    settled: list[Row] = field(default_factory=list)
    bearers: list[Row] = field(default_factory=list)
    freed: dict[int, int] = field(default_factory=dict)
    """State by lsn."""

    @classmethod
    def of(cls, writes: Sequence[Write], counters: Counters) -> WriteSet:
        """The rows of `writes` in a file that ends at `counters`; raises JournalError for an lsn out of turn."""
        rows = cls(counters.lsn, counters.ledger_id, counters.refusal_id)
        for write in writes:
            rows._add(write)
        return rows

    @property
    def counters(self) -> Counters:
        """The last numbers given out once these rows are in."""
        return Counters(self.lsn, self.ledger_id, self.refusal_id)

    def _add(self, write: Write) -> None:
        match write:
            case StoreBatch(stored):
                self._add_batch(stored)
            case ChangeStream(stream, gone, put):
                ranges = self.ranges.setdefault(stream, {})
                ranges.update(dict.fromkeys(gone))
                ranges.update({entry.first: entry for entry in put})
            case SetStream(stream, run_map):
                self.replaced.add(stream)
                self.ranges[stream] = {entry.first: entry for entry in RunMap.decode(run_map)}
            case AppendLedger(entry):
                self._add_ledger(entry)
            case SetOutMark(peer, direction, lane, mark):
                self.out_marks.append((peer, int(direction), int(lane), mark.stored, mark.secured, mark.wire))
            case SetInPosition(peer, incarnation, direction, lane, position):
                self.in_positions.append((peer, incarnation, int(direction), int(lane), position.upto, position.chain))
            case AppendRefusal():
                self._add_refusal(write)
            case DecideRefusal(refusal, decision, at_us, why):
                self.decisions.append((int(decision), at_us, why, refusal))
            case SetBearer(origin, incarnation, child):
                self.bearers.append((origin, incarnation, child))
            case SettleHeld(peer, direction, lsn):
                self.settled.append((peer, int(direction), lsn))
            case FreeBatches(lsns, state):
                self._add_freed(lsns, state)
            case SetAside() | PutBack() | GiveUp():
                self.repairs.append(write)
            case Recall():
                self.recalls.append(write)

    def _add_batch(self, stored: StoredBatch) -> None:
        if stored.lsn != self.lsn + 1:
            raise JournalError(f"batch {stored.lsn} refused: the journal ends at {self.lsn}, so {self.lsn + 1} is due; nothing was written")
        self.lsn = stored.lsn
        self.stored.append(stored)
        self.batches.append(batch_row(stored))
        self.runs.extend(run_rows(stored))

    def _add_freed(self, lsns: Iterable[int], state: State) -> None:
        if state not in FREED_STATES:
            raise JournalError(f"freeing as {state.name} refused: a payload goes as RETENTION or SHED; nothing was written")
        self.freed.update(dict.fromkeys(lsns, int(state)))

    def _add_ledger(self, entry: LedgerEntry) -> None:
        self.ledger_id += 1
        self.ledger.append(ledger_row(self.ledger_id, entry))
        self.ledger_runs.extend(account_rows(self.ledger_id, entry.runs))
        if entry.row_sums:
            self.ledger_sums.append((self.ledger_id, entry.row_sums))

    def _add_refusal(self, refusal: AppendRefusal) -> None:
        self.refusal_id += 1
        place = (refusal.peer, int(refusal.direction), int(refusal.lane), refusal.span.after, refusal.span.upto, refusal.part)
        what = (refusal.resource, refusal.payload_sha256, refusal.reason, refusal.policy_version, int(refusal.by_peer))
        # Ledger rows up to here may be the refused frame; later ones of the span are its second try.
        since = (int(refusal.quarantine), refusal.tries, refusal.at_us, refusal.incarnation, refusal.program, refusal.refuser)
        self.refusals.append((self.refusal_id, *place, *what, self.ledger_id, *since))
        self.refusal_runs.extend(account_rows(self.refusal_id, refusal.runs))

    def insert(self, connection: sqlite3.Connection) -> None:
        """Put the rows in, inside the caller's transaction."""
        freed = [(state, lsn) for lsn, state in self.freed.items()]
        for statement, rows in (
            (_INSERT_BATCH, self.batches),
            (_INSERT_RUN, self.runs),
            (_CLEAR_STREAM, [_key(stream) for stream in self.replaced]),
            (_DROP_RANGE, self._gone_rows()),
            (_SET_RANGE, self._range_rows()),
            (_INSERT_LEDGER, self.ledger),
            (_INSERT_LEDGER_RUN, self.ledger_runs),
            ("INSERT INTO ledger_sum VALUES (?, ?)", self.ledger_sums),
            (_FORGET_PASSED, [row[:4] for row in self.out_marks]),
            (_SET_OUT_MARK, self.out_marks),
            (_SET_IN_POSITION, self.in_positions),
            (_INSERT_REFUSAL, self.refusals),
            (_INSERT_REFUSAL_RUN, self.refusal_runs),
            (_DECIDE_REFUSAL, self.decisions),
            (_SETTLE_HELD, self.settled),
            (_SET_BEARER, self.bearers),
            # Counted first: a batch that was freed before is left alone by both.
            (_COUNT_FREED, freed),
            (_FREE_BATCH, freed),
        ):
            if rows:
                connection.executemany(statement, rows)
        apply_repairs(connection, self.repairs)
        apply_recalls(connection, self.recalls)

    def _gone_rows(self) -> list[Row]:
        return [(*_key(stream), first) for stream, ranges in self.ranges.items() for first, entry in ranges.items() if entry is None]

    def _range_rows(self) -> list[Row]:
        return [
            (*_key(stream), entry.first, entry.last, int(entry.state))
            for stream, ranges in self.ranges.items()
            for entry in ranges.values()
            if entry is not None
        ]


def _key(stream: Stream) -> Row:
    return stream.origin, stream.incarnation, int(stream.lane), stream.resource
