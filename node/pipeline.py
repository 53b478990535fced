"""The work of a link between two turns of the engine: read, gate, coalesce, encode, hash and sign on the way out; verify on the way in.

One job is one call of `Pipeline.run`. The node runs it on a thread per link, the simulator inline; it reads the journal and never
writes. A batch that the plan
leaves whole is forwarded byte for byte; everything else of one span that shares resource, schema, distance and plan is put into one frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pyarrow as pa

from node.pieces import Piece, header_of, shifted_runs
from node.rowfacts import facts_of
from sync.core.inbox import empty_header
from sync.core.ready import (
    InboundJob,
    InboundResult,
    Job,
    JobResult,
    OutboundJob,
    OutboundPart,
    OutboundResult,
    PeerFacts,
    RequeueJob,
    RequeueResult,
)
from sync.model import Batch, BatchHeader, Level, Limits, Manifest, PolicyVersion, Span, StoredBatch, WireError
from sync.model.names import Direction
from sync.ports import Flow, Gate, Journal, Outcome, Released, Vouch
from sync.wire.codec_batch import header_digest
from sync.wire.payload import Compression, concat_rows, decode_payload, decoded_size, encode_payload

REQUEUE_BATCHES_MAX = 64
"""Held batches that one RequeueJob puts back."""


@dataclass(frozen=True, slots=True)
class Self:
    """This node as a receiver."""

    node: str
    level: Level
    territory: str


@dataclass(slots=True)
class _Group:
    """Pieces of one span that may share a frame."""

    pieces: list[Piece] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    def add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.rows += piece.row_count
        self.size += piece.payload_bytes


class Pipeline:
    """Runs the jobs of a node's links. `gate_of` gives the policy in force when a job starts."""

    def __init__(
        self,
        *,
        me: Self,
        journal: Journal,
        gate_of: Callable[[], Gate],
        vouch: Vouch,
        limits: Limits,
        compression: Compression | None = "lz4",
    ) -> None:
        self._me = me
        self._journal = journal
        self._gate_of = gate_of
        self._vouch = vouch
        self._limits = limits
        self._compression = compression

    def run(self, job: Job) -> JobResult:
        """Do one job. Raises JournalError when the journal cannot be read; a peer's bad data is an answer, never an error."""
        gate = self._gate_of()
        if isinstance(job, OutboundJob):
            return self._outbound(job, gate)
        if isinstance(job, InboundJob):
            return self._inbound(job, gate)
        return self._requeue(job, gate)

    # ---- on the way out

    def _outbound(self, job: OutboundJob, gate: Gate) -> OutboundResult:
        found = self._journal.read(
            job.lane, Span(job.after, job.upto), batches_max=self._limits.job_batches_max, bytes_max=self._limits.batch_bytes_target
        )
        flow = flow_to(job.peer, job.direction)
        parts: list[OutboundPart] = []
        groups: dict[tuple[object, ...], _Group] = {}
        for stored in found:
            for piece in self._decide(stored, flow, gate):
                parts.extend(self._place(piece, groups, flow, gate.version))
        parts.extend(self._seal(group, flow, gate.version) for group in groups.values())
        upto = found[-1].lsn if found else job.upto
        return OutboundResult(job.id, gate.version, Span(job.after, upto), tuple(parts))

    def _decide(self, stored: StoredBatch, flow: Flow, gate: Gate) -> list[Piece]:
        header = stored.batch.header
        if flow.direction is Direction.RETURN and stored.source == flow.peer:
            return []  # what a child brought is not returned to it
        outcome = gate.glance(flow, header)
        if outcome is None:
            rows = decode_payload(
                stored.batch.payload, decoded_bytes_max=self._limits.decoded_bytes_max, rows_max=self._limits.batch_rows_max
            )
            released = gate.release(flow, stored, rows)
        elif outcome is Outcome.CLOSED:
            released = gate.closed_for(flow, header)
        else:
            released = Released(outcome, header.runs, None, gate.plan_hash(flow, header), header.grade_max)
        if released.outcome is Outcome.ELSEWHERE or not released.runs:
            return []
        return [Piece(stored, released)]

    def _place(self, piece: Piece, groups: dict[tuple[object, ...], _Group], flow: Flow, version: PolicyVersion) -> list[OutboundPart]:
        """Put a piece into its group; the parts that are complete because of it."""
        if piece.released.outcome is Outcome.CLOSED:
            return [OutboundPart(Batch(header_of(piece, flow, version), b""), closed=True)]
        if piece.is_large_whole(self._limits.batch_rows_target // 4):
            return [self._seal(_Group([piece], piece.row_count, piece.payload_bytes), flow, version)]
        group = groups.setdefault(piece.key, _Group())
        done = []
        if group.rows + piece.row_count > self._limits.batch_rows_target or group.size >= self._limits.batch_bytes_target:
            done.append(self._seal(group, flow, version))
            group = groups[piece.key] = _Group()
        group.add(piece)
        return done

    def _seal(self, group: _Group, flow: Flow, version: PolicyVersion) -> OutboundPart:
        first = group.pieces[0]
        if len(group.pieces) == 1 and first.released.outcome is Outcome.WHOLE:
            return self._vouched(header_of(first, flow, version), first.stored.batch.payload, group, keeps_origin=True)
        tables = [rows for piece in group.pieces if (rows := self._rows(piece)) is not None and rows.num_rows]
        runs = shifted_runs(group.pieces)
        header = header_of(first, flow, version, pieces=group.pieces, runs=runs)
        if not tables:
            return self._vouched(empty_header(header, runs), b"", group, keeps_origin=False)
        rows = concat_rows(tables)
        payload = encode_payload(rows, compression=self._compression)
        return self._vouched(_sealed(header, rows, payload), payload, group, keeps_origin=False)

    def _rows(self, piece: Piece) -> pa.RecordBatch | None:
        if piece.released.outcome is Outcome.WHOLE and piece.row_count:
            return decode_payload(
                piece.stored.batch.payload, decoded_bytes_max=self._limits.decoded_bytes_max, rows_max=self._limits.batch_rows_max
            )
        return piece.released.rows

    def _vouched(self, header: BatchHeader, payload: bytes, group: _Group, *, keeps_origin: bool) -> OutboundPart:
        inputs = tuple(piece.stored.batch.manifest.digest for piece in group.pieces if piece.stored.batch.manifest)
        manifest = self._vouch.sign(header_digest(header), inputs)
        origin = _origin_manifest(group.pieces[0].stored) if keeps_origin else None
        return OutboundPart(Batch(header, payload, manifest, origin), closed=False)

    def _requeue(self, job: RequeueJob, gate: Gate) -> RequeueResult:
        held = self._journal.held(job.peer.node, job.direction, not_version=gate.version.digest, batches_max=REQUEUE_BATCHES_MAX)
        return RequeueResult(job.id, gate.version, tuple(held))

    # ---- on the way in

    def _inbound(self, job: InboundJob, gate: Gate) -> InboundResult:
        batch = job.frame.batch
        damage = self._damage(job.peer.node, batch)
        if damage:
            return InboundResult(job.id, gate.version, damage, quarantine=True)
        try:
            rows = self._checked_rows(batch)
        except WireError as error:
            return InboundResult(job.id, gate.version, str(error), quarantine=True)
        flow = Flow(self._me.node, self._me.level, self._me.territory, job.frame.direction)
        return InboundResult(job.id, gate.version, gate.inspect(flow, batch.header, rows))

    def _damage(self, peer: str, batch: Batch) -> str:
        """Why a frame cannot be what its sender made; empty when it can."""
        header, manifest = batch.header, batch.manifest
        if manifest is None or manifest.issuer != peer:
            return f"no manifest of {peer}"
        if len(batch.payload) != header.payload_bytes or hashlib.sha256(batch.payload).digest() != header.payload_sha256:
            return "the payload is not the one its header names"
        if header_digest(header) != manifest.header_sha256:
            return "the header is not the one its manifest names"
        return "" if self._vouch.check(manifest, issuer=peer) else f"the manifest is not signed by {peer}"

    def _checked_rows(self, batch: Batch) -> pa.RecordBatch | None:
        if not batch.header.row_count:
            if batch.payload:
                raise WireError("a batch of no rows carries a payload")
            return None
        rows = decode_payload(batch.payload, decoded_bytes_max=self._limits.decoded_bytes_max, rows_max=self._limits.batch_rows_max)
        if rows.num_rows != batch.header.row_count:
            raise WireError(f"the payload holds {rows.num_rows} rows, its header says {batch.header.row_count}")
        return rows


def flow_to(peer: PeerFacts, direction: Direction) -> Flow:
    """The flow toward `peer`."""
    return Flow(peer.node, peer.level, peer.territory, direction, peer.subtree)


def _origin_manifest(stored: StoredBatch) -> Manifest | None:
    return stored.batch.origin_manifest or stored.batch.manifest


def _sealed(header: BatchHeader, rows: pa.RecordBatch, payload: bytes) -> BatchHeader:
    # A withheld row must not show in the header either, so its facts are read again from the rows that stay.
    facts = facts_of(rows)
    return replace(
        header,
        event_time_min_us=facts.event_time_min_us,
        event_time_max_us=facts.event_time_max_us,
        grade_max=facts.grade_max,
        territories=facts.territories,
        row_count=rows.num_rows,
        payload_sha256=hashlib.sha256(payload).digest(),
        payload_bytes=len(payload),
        decoded_bytes=decoded_size(payload),
    )
