"""The rows one commit puts into the journal, collected from the engine's writes before the transaction begins.

Called by node/store/journal.py. Refuses a batch whose lsn does not follow the last one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from node.store.rows import BATCH_COLUMNS, RUN_COLUMNS, Row, account_rows, batch_row, ledger_row, run_rows
from sync.model import JournalError, LedgerEntry, ModelError, State, StoredBatch, Stream
from sync.model.writes import AppendLedger, AppendRefusal, SetInPosition, SetOutMark, SetStream, SettleHeld, StoreBatch, Write


def _insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(columns.split(',')))})"


_RANGES = np.dtype([("first", "<u8"), ("last", "<u8"), ("state", "u1")])
"""One range of `RunMap.encode`."""
_ACCOUNT_COLUMNS = "idx, origin, incarnation, first_seq, last_seq, state, reason, decider"
_INSERT_BATCH = _insert("batch", BATCH_COLUMNS)
_INSERT_RUN = _insert("batch_run", RUN_COLUMNS)
_INSERT_LEDGER = f"INSERT INTO ledger VALUES ({', '.join('?' * 15)})"
_INSERT_LEDGER_RUN = _insert("ledger_run", f"ledger_id, {_ACCOUNT_COLUMNS}")
_INSERT_REFUSAL = f"INSERT INTO refusal VALUES ({', '.join('?' * 13)})"
_INSERT_REFUSAL_RUN = _insert("refusal_run", f"refusal_id, {_ACCOUNT_COLUMNS}")
_SET_STREAM = "INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?, ?, ?, ?)"
_SET_OUT_MARK = "INSERT OR REPLACE INTO out_mark VALUES (?, ?, ?, ?, ?, ?)"
_SET_IN_POSITION = "INSERT OR REPLACE INTO in_position VALUES (?, ?, ?, ?, ?, ?)"
_SETTLE_HELD = "INSERT OR IGNORE INTO held_settled VALUES (?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Counters:
    """The last numbers given out in the file."""

    lsn: int
    ledger_id: int
    refusal_id: int


@dataclass(frozen=True, slots=True)
class StreamRow:
    """An encoded run map, and what is told of it without decoding: it may hold a hundred thousand ranges and comes with every commit."""

    run_map: bytes
    mark: int
    """As RunMap.mark."""
    top: int
    """As RunMap.top."""
    present: int
    """Records present."""

    @classmethod
    def of(cls, run_map: bytes) -> StreamRow:
        """The row of an encoded run map; raises ModelError when it is none."""
        if len(run_map) % _RANGES.itemsize:
            raise ModelError(f"run map of {len(run_map)} bytes refused: not a multiple of {_RANGES.itemsize}")
        ranges = np.frombuffer(run_map, _RANGES)
        if not len(ranges):
            return cls(run_map, 0, 0, 0)
        first, last = ranges["first"], ranges["last"]
        follows = np.concatenate(([first[0] == 1], first[1:] == last[:-1] + 1))
        unbroken = len(follows) if follows.all() else int(np.argmin(follows))
        held = ranges["state"] == int(State.PRESENT)
        present = int((last[held] - first[held] + 1).sum())
        return cls(run_map, int(last[unbroken - 1]) if unbroken else 0, int(last[-1]), present)


@dataclass(slots=True)
class WriteSet:
    """Rows by table, and the counters after them."""

    lsn: int
    ledger_id: int
    refusal_id: int
    batches: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    streams: dict[Stream, StreamRow] = field(default_factory=dict)
    ledger: list[Row] = field(default_factory=list)
    ledger_runs: list[Row] = field(default_factory=list)
    out_marks: list[Row] = field(default_factory=list)
    in_positions: list[Row] = field(default_factory=list)
    refusals: list[Row] = field(default_factory=list)
    refusal_runs: list[Row] = field(default_factory=list)
    settled: list[Row] = field(default_factory=list)

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
            case SetStream(stream, run_map):
                self.streams[stream] = StreamRow.of(run_map)
            case AppendLedger(entry):
                self._add_ledger(entry)
            case SetOutMark(peer, direction, lane, mark):
                self.out_marks.append((peer, int(direction), int(lane), mark.stored, mark.secured, mark.wire))
            case SetInPosition(peer, incarnation, direction, lane, position):
                self.in_positions.append((peer, incarnation, int(direction), int(lane), position.upto, position.chain))
            case AppendRefusal():
                self._add_refusal(write)
            case SettleHeld(peer, direction, lsn):
                self.settled.append((peer, int(direction), lsn))

    def _add_batch(self, stored: StoredBatch) -> None:
        if stored.lsn != self.lsn + 1:
            raise JournalError(f"batch {stored.lsn} refused: the journal ends at {self.lsn}, so {self.lsn + 1} is due; nothing was written")
        self.lsn = stored.lsn
        self.batches.append(batch_row(stored))
        self.runs.extend(run_rows(stored))

    def _add_ledger(self, entry: LedgerEntry) -> None:
        self.ledger_id += 1
        self.ledger.append(ledger_row(self.ledger_id, entry))
        self.ledger_runs.extend(account_rows(self.ledger_id, entry.runs))

    def _add_refusal(self, refusal: AppendRefusal) -> None:
        self.refusal_id += 1
        place = (refusal.peer, int(refusal.direction), int(refusal.lane), refusal.span.after, refusal.span.upto, refusal.part)
        what = (refusal.resource, refusal.payload_sha256, refusal.reason, refusal.policy_version, int(refusal.by_peer))
        # Ledger rows up to here may be the refused frame; later ones of the span are its second try.
        self.refusals.append((self.refusal_id, *place, *what, self.ledger_id))
        self.refusal_runs.extend(account_rows(self.refusal_id, refusal.runs))

    def insert(self, connection: sqlite3.Connection) -> None:
        """Put the rows in, inside the caller's transaction."""
        for statement, rows in (
            (_INSERT_BATCH, self.batches),
            (_INSERT_RUN, self.runs),
            (_SET_STREAM, self._stream_rows()),
            (_INSERT_LEDGER, self.ledger),
            (_INSERT_LEDGER_RUN, self.ledger_runs),
            (_SET_OUT_MARK, self.out_marks),
            (_SET_IN_POSITION, self.in_positions),
            (_INSERT_REFUSAL, self.refusals),
            (_INSERT_REFUSAL_RUN, self.refusal_runs),
            (_SETTLE_HELD, self.settled),
        ):
            if rows:
                connection.executemany(statement, rows)

    def _stream_rows(self) -> list[Row]:
        return [
            (stream.origin, stream.incarnation, int(stream.lane), stream.resource, row.run_map, row.mark, row.top)
            for stream, row in self.streams.items()
        ]
