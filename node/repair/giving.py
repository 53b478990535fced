"""Giving a neighbour the bytes of a batch that is damaged there. Only what it had before, or may have now, is given.

What the neighbour itself sent goes back as it was stored: it proves by the hash that it had it. What this node sent is made once more by
the very job that made it, so the gate in force decides again; when that no longer gives the same bytes, the records go out once more as
backfill, in the form of today. Called by desk.py, off the event loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from node.engine.pipeline import Pipeline
from node.repair.wire import PAYLOAD_BYTES_MAX, Question
from node.store.journal import SqliteJournal
from sync.core.ready import OutboundJob, OutboundResult, PeerFacts
from sync.model import Direction, Lane, PolicyVersion, Span, StoredBatch

TRIES_MAX = 8
"""Frames of one hash that are made again for one question."""
PACKINGS = (False, True)
"""Jobs for a wide and for a thin link pack the same rows in two ways."""
RUNS_LOOKED_MAX = 256
"""Runs of one question that are compared with what is damaged here."""
RESENT_BATCHES_MAX = 64
"""Batches that one question puts back on the way."""

_OWN_BYTES = "SELECT lsn FROM batch WHERE resource = ? AND freed = 0 AND payload_sha256 = ? AND source = ? ORDER BY lsn LIMIT 1"
_BROUGHT = "SELECT lsn FROM batch WHERE resource = ? AND freed = 0 AND payload_sha256 = ? AND direction = 0 ORDER BY lsn LIMIT 1"
_ASIDE_OF_SOURCE = """
    SELECT 1 FROM aside a JOIN batch b ON b.lsn = a.lsn
    WHERE a.given_up <> 2 AND b.resource = ? AND a.payload_sha256 = ? AND (b.source = ? OR ?) LIMIT 1
"""
_ASIDE_WITH_RUN = """
    SELECT 1 FROM aside a JOIN batch b ON b.lsn = a.lsn JOIN batch_run r ON r.lsn = a.lsn
    WHERE a.given_up <> 2 AND b.resource = ? AND b.lane = ? AND r.origin = ? AND r.incarnation = ? AND r.first_seq <= ? AND r.last_seq >= ?
    LIMIT 1
"""
_SENT = """
    SELECT l.direction, l.span_after, l.span_upto,
        (SELECT coalesce(max(p.span_upto), 0) FROM ledger p WHERE p.peer = l.peer AND p.direction = l.direction AND p.lane = l.lane
            AND p.span_upto < l.span_upto AND p.id < l.id)
    FROM ledger l WHERE l.peer = ? AND l.lane = ? AND l.resource = ? AND l.payload_sha256 = ? AND l.closed = 0 ORDER BY l.id DESC LIMIT ?
"""
_HOLDING = """
    SELECT DISTINCT b.lsn FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
    WHERE b.resource = ? AND b.lane = ? AND b.freed = 0 AND b.row_count > 0 AND r.row_offset IS NOT NULL AND r.duplicate = 0
        AND r.origin = ? AND r.incarnation = ? AND r.first_seq <= ? AND r.last_seq >= ? ORDER BY b.lsn LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What this node has of what a neighbour lost."""

    payload: bytes = b""
    batches: tuple[StoredBatch, ...] = ()
    """Batches to send once more when the bytes cannot be given."""
    is_aside: bool = False
    """True when what is asked for is damaged here as well, and may be whole again."""


@dataclass(slots=True)
class Giver:
    """Looks for the bytes of damaged batches of neighbours."""

    journal: SqliteJournal
    pipeline: Pipeline
    version: Callable[[], PolicyVersion]

    def find(self, peer: PeerFacts, question: Question) -> Found:
        """The bytes that `peer` asks for, or what to send it instead. Raises JournalError. Blocking."""
        returned = self._stored_from(peer.node, question) or self._brought_before(peer, question)
        if returned:
            return Found(returned)
        sent = self.journal.look("search for a sent frame", lambda db: _sent(db, peer.node, question))
        for direction, after, upto in sent:
            payload = self._made_again(peer, direction, Lane(question.lane), Span(after, upto), question.payload_sha256)
            if payload:
                return Found(payload)
        batches = tuple(self._holding(question)) if sent else ()
        return Found(batches=batches, is_aside=not batches and self._is_aside(peer, question, was_sent=bool(sent)))

    def _stored_from(self, peer: str, question: Question) -> bytes:
        stored = self._with_bytes(_OWN_BYTES, (question.resource, question.payload_sha256, peer))
        return stored.batch.payload if stored is not None else b""

    def _brought_before(self, peer: PeerFacts, question: Question) -> bytes:
        """What came up by another way before the nodes that made it stood below `peer`, where the plan lets it go back there as it is.

        The hash proves that whoever asks had the bytes; the plan is asked because they go through `peer`, which had not.
        """
        if not _is_below(peer, question):
            return b""
        stored = self._with_bytes(_BROUGHT, (question.resource, question.payload_sha256))
        if stored is None or not self.pipeline.gives_back(peer, stored):
            return b""
        return stored.batch.payload

    def _with_bytes(self, statement: str, values: tuple[object, ...]) -> StoredBatch | None:
        row = self.journal.look("search for a batch", lambda db: db.execute(statement, values).fetchone())
        stored = self.journal.batch(row[0]) if row else None
        return stored if stored is not None and len(stored.batch.payload) <= PAYLOAD_BYTES_MAX else None

    def _is_aside(self, peer: PeerFacts, question: Question, *, was_sent: bool) -> bool:
        """True when `peer` could have what it asks for from here, were it not damaged here too."""
        brought = (question.resource, question.payload_sha256, peer.node, _is_below(peer, question))
        if self._is_there(_ASIDE_OF_SOURCE, brought):
            return True
        if not was_sent:
            return False
        kind = (question.resource, question.lane)
        runs = [(run.origin, run.incarnation, run.last, run.first) for run in question.runs[:RUNS_LOOKED_MAX]]
        return any(self._is_there(_ASIDE_WITH_RUN, (*kind, *run)) for run in runs)

    def _is_there(self, statement: str, values: tuple[object, ...]) -> bool:
        return self.journal.look("search for damaged batches", lambda db: db.execute(statement, values).fetchone()) is not None

    def _made_again(self, peer: PeerFacts, direction: Direction, lane: Lane, span: Span, payload_sha256: bytes) -> bytes:
        for is_thin in PACKINGS:
            job = OutboundJob(0, peer, direction, lane, span.after, span.upto, self.version(), is_thin=is_thin)
            result = self.pipeline.run(job)
            assert isinstance(result, OutboundResult), "an outbound job has an outbound result"
            for part in result.parts:
                is_it = part.batch.header.payload_sha256 == payload_sha256 and not part.closed
                if is_it and len(part.batch.payload) <= PAYLOAD_BYTES_MAX:
                    return part.batch.payload
        return b""

    def _holding(self, question: Question) -> Sequence[StoredBatch]:
        lsns: set[int] = set()
        for run in question.runs:
            values = (question.resource, question.lane, run.origin, run.incarnation, run.last, run.first, RESENT_BATCHES_MAX)
            lsns |= self._lsns(values)
            if len(lsns) >= RESENT_BATCHES_MAX:
                break
        found = [self.journal.batch(lsn) for lsn in sorted(lsns)[:RESENT_BATCHES_MAX]]
        return [stored for stored in found if stored is not None and not stored.freed]

    def _lsns(self, values: tuple[object, ...]) -> set[int]:
        return {lsn for (lsn,) in self.journal.look("search for batches", lambda db: db.execute(_HOLDING, values).fetchall())}


def _is_below(peer: PeerFacts, question: Question) -> bool:
    """True when a child asks for what was made at or below it, as far as anybody says."""
    return not peer.is_parent and {run.origin for run in question.runs} <= peer.subtree | {peer.node}


def _sent(connection: sqlite3.Connection, peer: str, question: Question) -> list[tuple[Direction, int, int]]:
    """Direction and stretch of the journal of each frame that left for `peer` with this payload, newest first."""
    rows = connection.execute(_SENT, (peer, question.lane, question.resource, question.payload_sha256, TRIES_MAX)).fetchall()
    # A frame's span begins where the peer stood; the job that made it began behind what had been closed since.
    return [(Direction(direction), max(after, before), upto) for direction, after, upto, before in rows]
