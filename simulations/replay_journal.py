"""The journal of a replay: a real SQLite file that takes the writes of a recorded node, with stand-ins for payloads, and its checks.

It begins where the recorded node's journal stood: run maps, marks and positions are there, the batches from before are not. Writes that
concern those are counted and left out. What can be checked without values is: P2 and P3 over the runs, P8 of every hop, for what was
made in the recording. Called by simulations/replay.py.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import pyarrow as pa

from node.store import flows
from node.store.file import open_writer
from node.store.flows import NUMBER_MAX, Scope
from node.store.journal import SqliteJournal, open_journal
from node.store.schema import Tuning
from node.store.write_set import Counters, WriteSet
from node.tracing.errors import TraceError
from node.tracing.file import Snapshot
from simulations.audit_verb import check
from simulations.checkers import Promise, Violation
from simulations.checkers.accounting import check_accounts
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX
from sync.model import Batch, BatchHeader, Direction, Lane, State, StoredBatch
from sync.model.writes import (
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
    StoreBatch,
    Write,
)

ROWS_MAX = 1 << 20
"""Rows of one stand-in: sixteen times what a batch may have."""
CHECKED = (Promise.ONCE, Promise.ORDER, Promise.ACCOUNTED)

_TUNING = Tuning(is_synced=False)
_MARKER = "recording"
_MARKER_SOURCE = "-"


class ReplayJournal:
    """One replay's journal."""

    def __init__(self, folder: Path, snapshot: Snapshot) -> None:
        self._path = folder / "journal.db"
        self._snapshot = snapshot
        self._tops = {stream: run_map.top for stream, run_map in snapshot.recovered().streams.items()}
        self._journal = self._begin()
        self.left_out = 0
        """Writes that concern batches from before."""
        self.batches = self.writes = 0

    def _begin(self) -> SqliteJournal:
        snapshot = self._snapshot
        facts = {"node": snapshot.node, "incarnation": snapshot.incarnation, "tuning": _TUNING}
        open_journal(self._path, **facts).close()  # type: ignore[arg-type]
        rows = WriteSet.of(list(_before(snapshot)), Counters(snapshot.last_lsn - 1, 0, 0))
        with closing(open_writer(self._path, _TUNING)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            rows.insert(writer)
            writer.execute("COMMIT")
        return open_journal(self._path, **facts)  # type: ignore[arg-type]

    def commit(self, writes: Sequence[Write]) -> None:
        """One turn's writes, in one transaction."""
        kept = [write for given in writes if (write := self._fitted(given)) is not None]
        self.writes += len(kept)
        self.batches += sum(isinstance(write, StoreBatch) for write in kept)
        self.left_out += len(writes) - len(kept)
        if kept:
            self._journal.commit(kept)

    def close(self) -> None:
        """Release the file."""
        self._journal.close()

    def _fitted(self, write: Write) -> Write | None:
        first = self._snapshot.last_lsn
        match write:
            case StoreBatch(stored):
                return StoreBatch(_with_stand_in(stored))
            case PutBack(stored):
                return PutBack(_with_stand_in(stored)) if stored.lsn > first else None
            case Recall():
                return self._recall(write) if write.stored.lsn > first else None
            case SetAside() | GiveUp():
                return write if write.lsn > first else None
            case FreeBatches(lsns, state):
                return FreeBatches(new, state) if (new := tuple(lsn for lsn in lsns if lsn > first)) else None
            case DecideRefusal():
                return None
            case _:
                return write

    def _recall(self, write: Recall) -> Recall | None:
        """The recall of a batch whose rows are stand-ins here."""
        stored = self._journal.batch(write.stored.lsn)
        if stored is None:
            return None
        return replace(write, stored=_with_stand_in(write.stored), was_sha256=stored.batch.header.payload_sha256)

    def violations(self) -> list[Violation]:
        """What does not hold; call after the last commit."""
        found = [violation for result in check(self._path) if result.promise in CHECKED[:2] for violation in result.found]
        return [*found, *islice(self._again(), VIOLATIONS_PER_CHECK_MAX), *self._unbalanced()][: 2 * VIOLATIONS_PER_CHECK_MAX]

    def _again(self) -> Iterator[Violation]:
        """Records that count once more, although they counted before the recording."""
        before = self._snapshot.recovered().streams
        statement = "SELECT lsn FROM batch WHERE lsn > ? ORDER BY lsn"
        lsns = self._journal.look("list of batches", lambda db: db.execute(statement, (self._snapshot.last_lsn,)).fetchall())
        for (lsn,) in lsns:
            stored = self._journal.batch(lsn)
            assert stored is not None
            header = stored.batch.header
            for run in stored.live_runs:
                known = before.get(run.stream(header.lane, header.resource))
                pieces = known.pieces(run.first, run.last) if known is not None and run.state.has_rows else []
                if any(piece.state is State.PRESENT for piece in pieces):
                    where = f"run {run.first}..{run.last} of {run.origin}/{header.resource}, batch {lsn},"
                    yield Violation(Promise.ONCE, self._snapshot.node, f"{where} was here before the recording")

    def _unbalanced(self) -> list[Violation]:
        node, found = self._snapshot.node, list[Violation]()
        scope = Scope(ranges=self._made())
        for peer, direction in self._journal.look("list of hops", _hops):
            way = Direction(direction)

            def lines(peer: str = peer, way: Direction = way) -> list[flows.StreamFlow]:
                return self._journal.look("books", lambda db: [flows.equation(one) for one in flows.accounts(db, peer, way, scope)])

            found += check_accounts(node, lines(), peer, way, is_quiet=False)
        return found[:VIOLATIONS_PER_CHECK_MAX]

    def _made(self) -> Mapping[tuple[str, int, int, str], tuple[int, int]]:
        """The numbers that can have been made in the recording, by stream."""
        tops = {(stream.origin, stream.incarnation, int(stream.lane), stream.resource): top for stream, top in self._tops.items()}
        keys = self._journal.look("list of streams", _streams)
        return {key: (tops.get(key, 0) + 1, NUMBER_MAX) for key in keys}


def _hops(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    return connection.execute("SELECT DISTINCT peer, direction FROM out_mark ORDER BY 1, 2").fetchall()


def _streams(connection: sqlite3.Connection) -> list[tuple[str, int, int, str]]:
    statement = "SELECT DISTINCT r.origin, r.incarnation, b.lane, b.resource FROM batch_run r JOIN batch b ON b.lsn = r.lsn"
    return connection.execute(statement).fetchall()


def _before(snapshot: Snapshot) -> Iterable[Write]:
    """What the journal held when the recording began, apart from its batches; a marker stands for the last of them."""
    if snapshot.last_lsn:
        header = BatchHeader(_MARKER, Lane.CONTROL, 1, 0, (), hashlib.sha256(b"").digest(), 0, 0, direction=Direction.RETURN)
        yield StoreBatch(StoredBatch(snapshot.last_lsn, Batch(header, b""), _MARKER_SOURCE))
    yield from (SetStream(stream, run_map) for stream, run_map in snapshot.streams)
    yield from (SetOutMark(*mark) for mark in snapshot.out_marks)
    yield from (SetInPosition(*position) for position in snapshot.in_positions)
    yield from (SetBearer(*bearer) for bearer in snapshot.bearers)


def _with_stand_in(stored: StoredBatch) -> StoredBatch:
    header = stored.batch.header
    if header.row_count > ROWS_MAX:
        raise TraceError(f"batch {stored.lsn} of {header.row_count} rows refused: a stand-in has {ROWS_MAX} at most")
    payload = _rows(header.row_count) if header.row_count else b""
    header = replace(header, payload_bytes=len(payload), payload_sha256=hashlib.sha256(payload).digest())
    return replace(stored, batch=replace(stored.batch, header=header, payload=payload))


@lru_cache(maxsize=64)
def _rows(count: int) -> bytes:
    """An Arrow stream of rows that say nothing."""
    rows = pa.record_batch({"stand_in": pa.nulls(count)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return bytes(sink.getvalue())
