"""What leaves a recording before it is written, and what stands in for it when it is replayed.

Payload bytes never enter: eight bytes with their length stand where they were. Whatever is a hash of them or of rows (payload hashes,
manifests and their signatures, chains, row sums) could confirm a guess at a value, so it is replaced by a hash under a key that is drawn
for the recording and thrown away with it: equal stays equal, and nothing more can be learned. Codes of resources, nodes and territories,
times, counts and reasons stay. Pure; called by inputs.py and outlines.py. Every function below gives the value without what leaves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from node.tracing.errors import TraceError
from sync.core.messages import Data, Hello, Message, Position
from sync.core.outbox import ByFile, UnderWay
from sync.core.ready import InboundJob, Job, LocalBatch, OutboundPart, OutboundResult, RequeueResult, Send
from sync.model import EMPTY_CHAIN, Batch, BatchHeader, Frame, LedgerEntry, Manifest, StoredBatch
from sync.model.writes import AppendLedger, AppendRefusal, InPosition, PutBack, Recall, SetInPosition, StoreBatch, Write

LENGTH_BYTES = 8
STAND_IN_BYTES_MAX = 256 << 20
"""Stand-in bytes of one record of a recording: four times what a node reads for one job."""

_NO_PAYLOAD_SHA256 = hashlib.sha256(b"").digest()
_SAID_OF_ALL = frozenset({b"", EMPTY_CHAIN, _NO_PAYLOAD_SHA256})
"""Hashes that say nothing of any record."""


@dataclass(frozen=True, slots=True)
class Veil:
    """Takes values out. Without a key hashes stay as they are: they are those of a recording already."""

    key: bytes = b""

    def hashed(self, value: bytes) -> bytes:
        """Another hash of the same length."""
        if not self.key or value in _SAID_OF_ALL:
            return value
        return hashlib.shake_256(self.key + value).digest(len(value))

    def length(self, payload: bytes) -> bytes:
        """What stands for a payload."""
        return len(payload).to_bytes(LENGTH_BYTES, "big")

    def manifest(self, manifest: Manifest) -> Manifest:
        """A manifest: who signed stays."""
        inputs = tuple(map(self.hashed, manifest.inputs))
        return Manifest(manifest.issuer, self.hashed(manifest.header_sha256), inputs, self.hashed(manifest.signature))

    def maybe(self, manifest: Manifest | None) -> Manifest | None:
        """A manifest where there is one."""
        return None if manifest is None else self.manifest(manifest)

    def header(self, header: BatchHeader) -> BatchHeader:
        """A header: all but the hash of the payload stays."""
        return replace(header, payload_sha256=self.hashed(header.payload_sha256))

    def batch(self, batch: Batch) -> Batch:
        """A batch."""
        manifests = self.maybe(batch.manifest), self.maybe(batch.origin_manifest)
        return Batch(self.header(batch.header), self.length(batch.payload), *manifests)

    def stored(self, stored: StoredBatch) -> StoredBatch:
        """A batch of the journal."""
        return replace(stored, batch=self.batch(stored.batch))

    def frame(self, frame: Frame) -> Frame:
        """A frame."""
        return replace(frame, batch=self.batch(frame.batch))

    def local(self, local: LocalBatch) -> LocalBatch:
        """A batch made here."""
        return replace(local, payload=self.length(local.payload), payload_sha256=self.hashed(local.payload_sha256))

    def part(self, part: OutboundPart) -> OutboundPart:
        """A gated piece."""
        return replace(part, batch=self.batch(part.batch), row_sums=self.hashed(part.row_sums))

    def outbound(self, outcome: OutboundResult) -> OutboundResult:
        """What a pipeline read."""
        return replace(outcome, parts=tuple(map(self.part, outcome.parts)))

    def requeued(self, outcome: RequeueResult) -> RequeueResult:
        """Batches that were held."""
        return replace(outcome, batches=tuple(map(self.stored, outcome.batches)))

    def position(self, position: Position) -> Position:
        """A position and the chain there."""
        return replace(position, chain=self.hashed(position.chain))

    def hello(self, hello: Hello) -> Hello:
        """A Hello."""
        return replace(hello, positions=tuple(map(self.position, hello.positions)), fork_proof=self.maybe(hello.fork_proof))

    def by_file(self, by_file: ByFile) -> ByFile:
        """What a file link knows."""
        under_way = {lane: UnderWay(ahead.wire, ahead.cursor, self.hashed(ahead.chain)) for lane, ahead in by_file.under_way.items()}
        return ByFile(by_file.limits, under_way)

    def refusal(self, refusal: AppendRefusal) -> AppendRefusal:
        """A refusal."""
        return replace(refusal, payload_sha256=self.hashed(refusal.payload_sha256))

    def write(self, write: Write) -> Write:
        """A write. Chains and manifest digests, which the engine computes over what left, go altogether."""
        match write:
            case StoreBatch(stored):
                return StoreBatch(self.stored(stored))
            case PutBack(stored):
                return PutBack(self.stored(stored))
            case Recall():
                return self.recall(write)
            case AppendLedger(entry):
                return AppendLedger(self._entry(entry))
            case SetInPosition():
                return replace(write, position=InPosition(write.position.upto, b""))
            case AppendRefusal():
                return self.refusal(write)
            case _:
                return write

    def recall(self, work: Recall) -> Recall:
        """What a recall leaves of a batch."""
        return replace(work, stored=self.stored(work.stored), was_sha256=self.hashed(work.was_sha256))

    def _entry(self, entry: LedgerEntry) -> LedgerEntry:
        sent = b"sent" if entry.manifest_digest else b""
        hashes = self.hashed(entry.payload_sha256), self.hashed(entry.row_sums)
        return replace(entry, chain=b"", manifest_digest=sent, payload_sha256=hashes[0], row_sums=hashes[1])

    def message(self, message: Message) -> Message:
        """A message that the engine sent or read."""
        return replace(message, frame=self.frame(message.frame)) if isinstance(message, Data) else message

    def send(self, send: Send) -> Send:
        """A send."""
        return replace(send, message=self.message(send.message))

    def job(self, job: Job) -> Job:
        """A job."""
        return replace(job, frame=self.frame(job.frame)) if isinstance(job, InboundJob) else job


class StandIns:
    """Puts bytes of the right length where a recording has lengths; raises TraceError when a record asks for too many."""

    def __init__(self) -> None:
        self._left = STAND_IN_BYTES_MAX

    def payload(self, length: bytes) -> bytes:
        """Zeros for a payload."""
        size = int.from_bytes(length, "big")
        if len(length) != LENGTH_BYTES or size > self._left:
            raise TraceError(f"payload of {size} bytes refused: one record of a recording stands for {STAND_IN_BYTES_MAX} at most")
        self._left -= size
        return bytes(size)

    def batch(self, batch: Batch) -> Batch:
        """A batch."""
        return replace(batch, payload=self.payload(batch.payload))

    def batches(self, batches: Iterable[StoredBatch]) -> tuple[StoredBatch, ...]:
        """Batches of the journal."""
        return tuple(replace(stored, batch=self.batch(stored.batch)) for stored in batches)

    def frame(self, frame: Frame) -> Frame:
        """A frame."""
        return replace(frame, batch=self.batch(frame.batch))

    def local(self, local: LocalBatch) -> LocalBatch:
        """A batch made here."""
        return replace(local, payload=self.payload(local.payload))

    def outbound(self, outcome: OutboundResult) -> OutboundResult:
        """What a pipeline read."""
        return replace(outcome, parts=tuple(replace(part, batch=self.batch(part.batch)) for part in outcome.parts))
