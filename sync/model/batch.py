"""Batches, manifests and frames: what a node stores, what it vouches for, and what crosses a link.

A *batch* is the unit of storage: one payload (Arrow IPC) with the runs it holds. A *frame* is the unit of transport: a batch on its way
over
one link, with the stretch of the sender's journal it accounts for. The payload is opaque here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sync.model.names import Direction, Lane
from sync.model.runs import Run
from sync.model.states import State

BATCH_FORMAT = 1
"""Version of the stored batch and manifest layout."""

STREAM_BYTES = 4_096
"""What an Arrow stream may weigh however few rows it has: schema, dictionaries, framing."""
ROW_BYTES_MIN = 32
"""What a row weighs at least in a frame of many."""

EMPTY_CHAIN = bytes(32)
"""Manifest chain of a link on which nothing was sent."""


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """All that is known of a batch without opening its payload."""

    resource: str
    lane: Lane
    schema_version: int
    row_count: int
    runs: tuple[Run, ...]
    payload_sha256: bytes
    """SHA-256 of the payload as stored; of no bytes when row_count is 0."""
    payload_bytes: int
    decoded_bytes: int
    """Bytes the payload unfolds to; checked against the payload's own length prefixes before allocation."""
    event_time_min_us: int = 0
    event_time_max_us: int = 0
    """Span of event times in microseconds since 1970 UTC; 0 when there are no rows."""
    grade_max: int = 0
    """Highest grade of any row, 1-4; 0 when there are no rows."""
    territories: tuple[str, ...] = ()
    """Distinct territory codes of the rows, sorted; one common prefix when there are more than the limit."""
    direction: Direction = Direction.UP
    """RETURN marks a batch that came down from an upper node and is never offered upward."""
    origin_distance: int = 0
    """Hops along the attachment tree from the records' origin to the holder; 0 at the origin."""
    policy_version: bytes = b""
    """Digest of the PolicyVersion under which the last gate released the batch; empty at the origin."""
    plan_hash: bytes = b""
    """Hash of the compiled plan that released it; empty at the origin."""
    backfill: bool = False
    """True for released-later, requeued and repaired runs, which are exempt from the order of their stream."""

    @property
    def rows_withheld(self) -> int:
        """Records accounted for in this batch that are not in its payload."""
        return sum(run.count for run in self.runs if not run.state.has_rows)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A node's signed word for a batch it sent: header, payload and the manifests it was made from."""

    issuer: str
    header_sha256: bytes
    """SHA-256 over the canonical encoding of the header, which contains the payload's hash."""
    inputs: tuple[bytes, ...]
    """Hashes of the manifests this batch was made from; empty when the issuer is the origin."""
    signature: bytes
    """Ed25519 over `signed_bytes`, by the issuer's node key."""

    @property
    def signed_bytes(self) -> bytes:
        """What the signature covers."""
        return signed_bytes(self.issuer, self.header_sha256, self.inputs)

    @property
    def digest(self) -> bytes:
        """SHA-256 naming this manifest in later manifests and chains."""
        return hashlib.sha256(self.signed_bytes + self.signature).digest()


def signed_bytes(issuer: str, header_sha256: bytes, inputs: tuple[bytes, ...]) -> bytes:
    """The bytes a manifest's signature covers; every part is length-prefixed, so no two manifests share them."""
    parts = (b"yunnao-manifest-1", issuer.encode(), header_sha256, *inputs)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def merged_bytes(payload_bytes: int, rows: int) -> int:
    """What a payload will about weigh once its rows are merged with others: a relay's batches of one record are nearly all framing."""
    return min(payload_bytes, max(payload_bytes - STREAM_BYTES, rows * ROW_BYTES_MIN))


def next_chain(chain: bytes, manifest_digest: bytes) -> bytes:
    """The manifest chain of a link after one more frame."""
    return hashlib.sha256(chain + manifest_digest).digest()


@dataclass(frozen=True, slots=True)
class Batch:
    """A header with its payload, and who vouched for it."""

    header: BatchHeader
    payload: bytes
    manifest: Manifest | None = None
    """The sending hop's manifest; None for a batch made here and not yet sent."""
    origin_manifest: Manifest | None = None
    """The origin's manifest while the batch is byte for byte as its origin sealed it."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch in the journal."""

    lsn: int
    """Log sequence number: the position in this node's journal, ascending from 1."""
    batch: Batch
    source: str
    """Node the batch came from; the own node id for local records."""
    duplicates: tuple[int, ...] = ()
    """Indexes into the header's runs whose rows count under an earlier batch."""
    freed: State = State.PENDING
    """Why the payload is gone (RETENTION or SHED): the header and runs are still what was stored. PENDING while it is here."""
    is_replaced: bool = False
    """True after a recall took rows of it, or masked some: it is no longer what its source sent."""

    @property
    def live_runs(self) -> tuple[Run, ...]:
        """The runs that count here: all but the duplicates."""
        if not self.duplicates:
            return self.batch.header.runs
        hidden = frozenset(self.duplicates)
        return tuple(run for index, run in enumerate(self.batch.header.runs) if index not in hidden)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a sender's journal in one lane: after `after`, up to and including `upto`."""

    after: int
    upto: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A batch on a link. The parts of one span are stored together; the position moves with the last part."""

    lane: Lane
    direction: Direction
    span: Span
    part: int
    """Index of this frame among the parts of its span."""
    parts: int
    batch: Batch

    @property
    def is_last(self) -> bool:
        """True for the part that moves the receiver's position to the end of the span."""
        return self.part == self.parts - 1


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One row of the share ledger: what left (or was closed) for one target, under which plan."""

    peer: str
    direction: Direction
    lane: Lane
    span: Span
    part: int
    parts: int
    resource: str
    runs: tuple[Run, ...]
    """What was sent or closed, with the state each number has on this hop."""
    plan_hash: bytes
    policy_version: bytes
    payload_sha256: bytes
    manifest_digest: bytes
    """Empty when nothing went on the wire (closed)."""
    chain: bytes
    """Manifest chain of this link and lane after this entry."""
    closed: bool = False
    """True when the whole outcome was aggregate-only or deny: nothing of it is on the wire."""
    row_sums: bytes = b""
    """Sums over the rows as they were sent (sync/core/equality.py); empty for a part whose rows are those of the journal."""

    @property
    def rows_delivered(self) -> int:
        """Records this entry hands over."""
        return sum(run.count for run in self.runs if run.state is State.PRESENT)
