"""The work of a link between two turns of the engine: read, gate, coalesce, encode, hash and sign on the way out; verify on the way in.

One job is one call of `Pipeline.run`. The node runs it on a thread per link, the simulator inline; it reads the journal and never
writes. A batch that the plan
leaves whole is forwarded byte for byte; everything else of one span that shares resource, schema, distance and plan is put into one frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from node.attachment.handover import Handover
from node.engine.deferral import FreshFirst, deferred
from node.engine.foreign import foreign_code
from node.engine.freed import account_of_freed
from node.engine.pieces import GroupKey, Lot, Piece, header_of, repeats, shifted_runs
from node.engine.rowfacts import sealed_header
from node.equality.sums import part_sums
from node.fork.giveback import ways_of
from node.fork.sparing import closed_below, without_known
from sync.core.bearers import NO_ORDER
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
from sync.core.recalling import as_told
from sync.model import Batch, BatchHeader, Level, Limits, Manifest, PolicyVersion, Run, RunMap, Span, StoredBatch, Stream, WireError
from sync.model.names import Direction
from sync.ports import RESEED_PURPOSE, Flow, Gate, Journal, Outcome, Released, Selection, Vouch
from sync.wire.codec_batch import header_digest
from sync.wire.payload import Compression, concat_rows, decode_payload, encode_payload, unfold_payload

REQUEUE_BATCHES_MAX = 64
"""Held batches that one RequeueJob puts back."""

ALL_FRESH = FreshFirst()

NO_JOB = 0
"""Stands for the job of what no link brought; jobs count from 1."""

LARGE_PART = 4
"""A batch of this part of the rows that a frame aims at is large enough to go alone."""


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
    runs: int = 0
    is_thin: bool = False
    """True where bytes are dearer than work: the frame is compressed harder, even if its bytes could go as they are."""

    def has_room(self, piece: Piece, limits: Limits) -> bool:
        rows, runs = self.rows + piece.row_count, self.runs + len(piece.released.runs)
        # The next hop may withhold any row, which cuts a run: a frame must stay sendable even if every row becomes a run.
        if self.size >= limits.batch_bytes_target or rows > limits.batch_rows_target or rows + runs > limits.runs_per_frame_max:
            return False
        members = [member for other in self.pieces for member in other.members]
        return not any(repeats(members, newcomer) for newcomer in piece.members)

    def add(self, piece: Piece) -> None:
        self.pieces.append(piece)
        self.rows += piece.row_count
        self.size += piece.payload_bytes
        self.runs += len(piece.released.runs)


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
        fresh: FreshFirst = ALL_FRESH,
    ) -> None:
        self._me = me
        self._journal = journal
        self._gate_of = gate_of
        self._vouch = vouch
        self._limits = limits
        self._compression = compression
        self._fresh = fresh
        self.fosters: Callable[[PeerFacts], bool] = lambda peer: False
        """True when an order put nodes below a child, now or once, that lie outside its territory."""
        self.known_before: Callable[[str], Mapping[Stream, RunMap]] = lambda peer: {}
        """What a peer has of this node's records by numbers from before a fork (node/fork/desk.py)."""
        self.recalled: Callable[[Batch, pa.RecordBatch | None], Batch | None] = lambda batch, rows: None
        """What is left of a batch without the records that were recalled here; None when none was (node/recall)."""
        self.seals_to: Callable[[PeerFacts], bool] = lambda peer: False
        """True for a parent outside the territory chain, past which nothing goes but sealed envelopes (node/sealed)."""
        self._handover = Handover(journal, me.node)
        self._rows_large = limits.batch_rows_target // LARGE_PART
        """Rows from which a batch is forwarded by itself when the plan leaves it whole."""

    def run(self, job: Job, *, at_hand: Sequence[StoredBatch] = ()) -> JobResult:
        """Do one job. Raises JournalError when the journal cannot be read; a peer's bad data is an answer, never an error.

        `at_hand` are all batches of its span that an OutboundJob would read, when the caller still has them: the journal is not asked.
        """
        gate = self._gate_of()
        if isinstance(job, OutboundJob):
            return self._outbound(job, gate, at_hand)
        if isinstance(job, InboundJob):
            return self._inbound(job, gate)
        return self._requeue(job, gate)

    def gives_back(self, peer: PeerFacts, stored: StoredBatch) -> bool:
        """True when the plan lets a child have every row of a batch as it is, to give it back to whoever below lost it. Blocking."""
        gate, header = self._gate_of(), stored.batch.header
        back = replace(flow_to(peer, Direction.RETURN), subtree=frozenset(), purpose=RESEED_PURPOSE)
        outcome = gate.glance(back, header)
        if outcome is None:
            outcome = gate.release(back, stored, unfold_payload(stored.batch.payload)).outcome
        return outcome is Outcome.WHOLE

    def released(self, peer: PeerFacts, stored: StoredBatch) -> Sequence[Run]:
        """What the plan in force makes of the runs of a batch toward `peer`. Blocking."""
        gate, header = self._gate_of(), stored.batch.header
        flow = flow_to(peer, Direction.UP if peer.is_parent else Direction.RETURN)
        outcome = gate.glance(flow, header)
        if outcome is None:
            return gate.release(flow, stored, unfold_payload(stored.batch.payload)).runs
        return header.runs if outcome is Outcome.WHOLE else ()

    # ---- on the way out

    def _flow(self, peer: PeerFacts, direction: Direction) -> Flow:
        flow = flow_to(peer, direction)
        return replace(flow, sealed_only=True) if direction is Direction.UP and self.seals_to(peer) else flow

    def _outbound(self, job: OutboundJob, gate: Gate, at_hand: Sequence[StoredBatch]) -> OutboundResult:
        flow = self._flow(job.peer, job.direction)
        found = [_as_told(stored) for stored in self._found(job, gate.addressed(flow), at_hand)]
        parts: list[OutboundPart] = []
        groups: dict[GroupKey, _Group] = {}
        for way, batches in ways_of(found, job.peer, flow) if job.peer.reseeds else [(flow, found)]:
            spared = self._sparing(job, batches)
            for piece in (*closed_below(spared, way, gate), *self._pieces(spared, way, gate)):
                parts.extend(self._place(piece, groups, way, gate.version, is_thin=job.is_thin))
        parts.extend(self._seal(group, flow, gate.version) for group in groups.values())
        upto = found[-1].lsn if found else job.upto
        return OutboundResult(job.id, gate.version, Span(job.after, upto), tuple(parts))

    def _found(self, job: OutboundJob, addressed: frozenset[str] | None, at_hand: Sequence[StoredBatch]) -> Sequence[StoredBatch]:
        # What the peer itself brought is not returned to it, and what no plan addresses to it is not even read.
        only = None if addressed is None or job.peer.reseeds else Selection(addressed, not_from=job.peer.node)
        if at_hand:
            return [stored for stored in at_hand if only is None or only.takes(stored)]
        most = self._limits.job_batches_max
        return self._journal.read(job.lane, Span(job.after, job.upto), batches_max=most, bytes_max=self._bytes_to_read(job), only=only)

    def _sparing(self, job: OutboundJob, found: Sequence[StoredBatch]) -> Sequence[StoredBatch]:
        spared = without_known(self._handover.spare(job, found), self.known_before(job.peer.node), node=self._me.node)
        return deferred(job, spared, self._fresh, node=self._me.node)

    def _bytes_to_read(self, job: OutboundJob) -> int:
        # Accounts are small: of a lane that is put off altogether, as many batches as a job may read go into one frame.
        are_accounts = bool(job.defer_upto) and job.lane in self._fresh.whole
        return self._limits.batch_bytes_target if are_accounts or not job.bytes_target else job.bytes_target

    def _pieces(self, found: Sequence[StoredBatch], flow: Flow, gate: Gate) -> Iterator[Piece]:
        """What the gate makes of the batches, in order within each resource; those whose rows are read are decided in lots."""
        lots: dict[str, Lot] = {}
        for stored in found:
            header = stored.batch.header
            outcome = gate.glance(flow, header)
            lot = lots.get(header.resource)
            if lot is not None and outcome is None and not stored.freed and lot.takes(stored, self._limits):
                lot.add(stored)
                continue
            if lot is not None:
                yield from self._decide(lots.pop(header.resource), flow, gate)
            if stored.freed and outcome in (None, Outcome.WHOLE):
                account = account_of_freed(stored, gate.plan_hash(flow, header), decider=self._me.node)
                yield from _kept(Piece(stored, account))
            elif outcome is None:
                lots[header.resource] = Lot(stored)
            else:
                yield from _kept(Piece(stored, _at_a_glance(outcome, gate, flow, header)))
        for lot in lots.values():
            yield from self._decide(lot, flow, gate)

    def _decide(self, lot: Lot, flow: Flow, gate: Gate) -> Iterator[Piece]:
        for piece in lot.pieces(lambda stored, rows: gate.release(flow, stored, rows), rows_large=self._rows_large):
            yield from _kept(piece)

    def _place(
        self, piece: Piece, groups: dict[GroupKey, _Group], flow: Flow, version: PolicyVersion, *, is_thin: bool
    ) -> list[OutboundPart]:
        """Put a piece into its group; the parts that are complete because of it.

        A group that may hold earlier records of the piece's streams is closed before the piece goes another way: order holds in a stream.
        """
        if piece.released.outcome is Outcome.CLOSED:
            return [OutboundPart(Batch(header_of(piece, flow, version), b""), closed=True)]
        if piece.is_large_whole(self._rows_large) and not is_thin:
            done = [self._seal(groups.pop(key), flow, version) for key in [*groups] if key.may_share_streams(piece.key)]
            return [*done, self._seal(_Group([piece], piece.row_count, piece.payload_bytes), flow, version)]
        before = [key for key in groups if key != piece.key and key.may_share_streams(piece.key)]
        done = [self._seal(groups.pop(key), flow, version) for key in before]
        group = groups.setdefault(piece.key, _Group(is_thin=is_thin))
        if group.pieces and not group.has_room(piece, self._limits):
            done.append(self._seal(group, flow, version))
            group = groups[piece.key] = _Group(is_thin=is_thin)
        group.add(piece)
        return done

    def _seal(self, group: _Group, flow: Flow, version: PolicyVersion) -> OutboundPart:
        first = group.pieces[0]
        if len(group.pieces) == 1 and first.may_forward and not group.is_thin:
            return self._vouched(header_of(first, flow, version), first.stored.batch.payload, group, keeps_origin=True)
        tables = [rows for piece in group.pieces if (rows := _rows_of(piece)) is not None and rows.num_rows]
        runs = shifted_runs(group.pieces)
        header = header_of(first, flow, version, pieces=group.pieces, runs=runs)
        if not tables:
            return self._vouched(empty_header(header, runs), b"", group, keeps_origin=False)
        rows = concat_rows(tables)
        payload = encode_payload(rows, compression="zstd" if group.is_thin else self._compression)
        part = self._vouched(sealed_header(header, rows, payload), payload, group, keeps_origin=False)
        if all(piece.released.outcome is Outcome.WHOLE for piece in group.pieces):
            return part
        return replace(part, row_sums=part_sums(rows, runs, header.lane, header.resource))

    def _vouched(self, header: BatchHeader, payload: bytes, group: _Group, *, keeps_origin: bool) -> OutboundPart:
        inputs = tuple(digest for piece in group.pieces for digest in piece.inputs)
        manifest = self._vouch.sign(header_digest(header), inputs)
        origin = _origin_manifest(group.pieces[0].stored) if keeps_origin else None
        return OutboundPart(Batch(header, payload, manifest, origin), closed=False)

    def _requeue(self, job: RequeueJob, gate: Gate) -> RequeueResult:
        most = min(job.batches_max, REQUEUE_BATCHES_MAX)
        peer, direction = job.peer.node, job.direction
        plans = gate.reopened(self._flow(job.peer, direction), self._journal.plans_decided(peer, direction))
        held = self._journal.held(
            peer, direction, not_version=gate.version.digest, batches_max=most, again=dict(job.again), reprieve=job.reprieve, plans=plans
        )
        return RequeueResult(job.id, gate.version, tuple(held))

    # ---- on the way in

    def opened(self, batch: Batch, direction: Direction, *, within: str) -> InboundResult:
        """What this node makes of a batch that came inside a sealed envelope: as of a frame, but for the link's own checks. Blocking.

        `within` is the territory of the sealer, whose rows of other territories are refused on the way up.
        """
        gate = self._gate_of()
        if damage := _other_payload(batch):
            return InboundResult(NO_JOB, gate.version, damage, quarantine=True)
        try:
            rows = self._checked_rows(batch)
        except WireError as error:
            return InboundResult(NO_JOB, gate.version, str(error), quarantine=True)
        refusal = gate.inspect(Flow(self._me.node, self._me.level, self._me.territory, direction), batch.header, rows)
        if direction is Direction.UP and rows is not None and (code := foreign_code(rows, within)):
            refusal = refusal or f"{batch.header.resource} refused: a row of territory {code} from a node of {within}"
        return InboundResult(NO_JOB, gate.version, refusal, left=None if refusal else self.recalled(batch, rows))

    def _inbound(self, job: InboundJob, gate: Gate) -> InboundResult:
        batch = job.frame.batch
        damage = self._damage(job.peer.node, batch)
        if damage:
            return InboundResult(job.id, gate.version, damage, quarantine=True)
        try:
            rows = self._checked_rows(batch)
        except WireError as error:
            return InboundResult(job.id, gate.version, str(error), quarantine=True)
        purpose = RESEED_PURPOSE if job.peer.reseeds and job.frame.direction is Direction.RETURN else ""
        flow = Flow(self._me.node, self._me.level, self._me.territory, job.frame.direction, purpose=purpose)
        refusal = gate.inspect(flow, batch.header, rows) or _too_near(job) or self._foreign(job, rows)
        return InboundResult(job.id, gate.version, refusal, left=None if refusal else self.recalled(batch, rows))

    def _foreign(self, job: InboundJob, rows: pa.RecordBatch | None) -> str:
        """Why a child may not bring these rows: they lie outside its territory; empty when it may."""
        peer, resource = job.peer, job.frame.batch.header.resource
        if rows is None or job.frame.direction is not Direction.UP:
            return ""
        code = foreign_code(rows, peer.territory)
        if not code or self.fosters(peer):
            return ""
        return f"{resource} refused: a row of territory {code} from {peer.node}, whose territory is {peer.territory}: {NO_ORDER}"

    def _damage(self, peer: str, batch: Batch) -> str:
        """Why a frame cannot be what its sender made; empty when it can."""
        header, manifest = batch.header, batch.manifest
        if manifest is None or manifest.issuer != peer:
            return f"no manifest of {peer}"
        if damage := _other_payload(batch):
            return damage
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


def _other_payload(batch: Batch) -> str:
    """Why a payload is not the one of its header; empty when it is."""
    is_own = len(batch.payload) == batch.header.payload_bytes and hashlib.sha256(batch.payload).digest() == batch.header.payload_sha256
    return "" if is_own else "the payload is not the one its header names"


def flow_to(peer: PeerFacts, direction: Direction) -> Flow:
    """The flow toward `peer`."""
    return Flow(peer.node, peer.level, peer.territory, direction, peer.subtree, takes_envelopes=peer.takes_envelopes)


def _too_near(job: InboundJob) -> str:
    """Why a child's header cannot be true: it counts records of others as the child's own, which may go further; empty when it can."""
    header = job.frame.batch.header
    other = next((run.origin for run in header.runs if run.origin != job.peer.node), "")
    if job.frame.direction is not Direction.UP or header.origin_distance != 1 or not other:
        return ""
    return f"{header.resource} refused: its header says that records of {other} were made by {job.peer.node}, one hop away"


def _as_told(stored: StoredBatch) -> StoredBatch:
    # Copies that go out again lack the mark of the batch they were made of.
    return as_told(stored) if stored.is_replaced or stored.batch.header.backfill else stored


def _at_a_glance(outcome: Outcome, gate: Gate, flow: Flow, header: BatchHeader) -> Released:
    if outcome is Outcome.CLOSED:
        return gate.closed_for(flow, header)
    if outcome is Outcome.WHOLE:
        return gate.whole_for(flow, header)
    return Released(outcome, header.runs, None, gate.plan_hash(flow, header), header.grade_max)


def _kept(piece: Piece) -> Iterator[Piece]:
    """The piece, unless the peer is not concerned by any of it."""
    if piece.released.outcome is not Outcome.ELSEWHERE and piece.released.runs:
        yield piece


def _rows_of(piece: Piece) -> pa.RecordBatch | None:
    if piece.released.outcome is not Outcome.WHOLE:
        return piece.released.rows
    if piece.rows is None and piece.row_count:
        return unfold_payload(piece.stored.batch.payload)
    return piece.rows


def _origin_manifest(stored: StoredBatch) -> Manifest | None:
    return stored.batch.origin_manifest or stored.batch.manifest
