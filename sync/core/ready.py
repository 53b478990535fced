"""What the engine hands its shell: make `writes` durable in one transaction, then hand out the rest, then `advance`."""

from __future__ import annotations

from dataclasses import dataclass

from sync.core.messages import Message
from sync.model import Batch, Direction, Frame, HybridTime, Instant, Lane, Level, PolicyVersion, Span, StoredBatch
from sync.model.writes import Write
from sync.ports import NO_REPRIEVE, Reprieve


@dataclass(frozen=True, slots=True)
class LocalBatch:
    """Records made on this node, encoded and graded, waiting for their sequence numbers."""

    resource: str
    lane: Lane
    schema_version: int
    row_count: int
    payload: bytes
    payload_sha256: bytes
    decoded_bytes: int
    event_time_min_us: int
    event_time_max_us: int
    grade_max: int
    territories: tuple[str, ...]
    at: HybridTime
    ticket: int
    """Returned in the Stored event, so that the shell can acknowledge whoever waits."""


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """Who is at the other end of a link, as its certificate says."""

    node: str
    incarnation: int
    level: Level
    territory: str
    is_parent: bool
    subtree: frozenset[str] = frozenset()
    """Node ids attached at or below a child, itself included; empty for the parent."""
    former: str = ""
    """The parent before this one, when an attachment order moved this node here; empty for a child and for a first parent."""
    reseed: bool = False
    """True for a child that was detached: what may return to it goes out again from where its own journal ends."""
    reseeds: bool = False
    """True while the child of this link gets back what it brought itself, after the loss of its journal."""
    formerly: frozenset[str] = frozenset()
    """Nodes that an order moved away from below a child, with those below them: it may still hold records of theirs. Filled in by the
    engine, from where nodes are known to stand."""
    takes_envelopes: bool = False
    """True when it passes sealed envelopes on. Filled in by the engine, from the peer's Hello."""


@dataclass(frozen=True, slots=True)
class OutboundJob:
    """Read a stretch of the journal, gate it for one peer and make frames of it: one job on the link's pipeline thread."""

    id: int
    peer: PeerFacts
    direction: Direction
    lane: Lane
    after: int
    """Read batches of the lane with a higher lsn than this."""
    upto: int
    """Highest lsn to read: the committed end of the lane."""
    version: PolicyVersion
    """Policy version the plan must be of; the result of a stale one is discarded."""
    accounts_upto: int = 0
    """Batches up to this lsn that `peer.former` got whole go as accounts only (HANDED_OVER); 0: none."""
    bytes_target: int = 0
    """Payload bytes to read, and to put into one frame, as the link's rate has it; 0: the limit's."""
    defer_upto: int = 0
    """Of batches up to this lsn only the account goes now, with reason `deferred`; 0: none is put off."""
    is_thin: bool = False
    """True where bytes are dearer than work: frames are joined and compressed harder, even if their bytes could go as they are."""


@dataclass(frozen=True, slots=True)
class OutboundPart:
    """One gated piece of a span: a frame's content, or a closed piece of which nothing goes on the wire."""

    batch: Batch
    """Header, payload and manifest as they travel; for a closed part the header alone counts."""
    closed: bool
    row_sums: bytes = b""
    """As LedgerEntry.row_sums."""


@dataclass(frozen=True, slots=True)
class OutboundResult:
    """The answer to an OutboundJob."""

    job: int
    version: PolicyVersion
    span: Span
    """What was read: after the job's `after`, up to the last batch looked at."""
    parts: tuple[OutboundPart, ...]


@dataclass(frozen=True, slots=True)
class InboundJob:
    """Verify a frame (hashes, manifest, limits, schema) and check that it is not looser than the own plan."""

    id: int
    peer: PeerFacts
    frame: Frame
    version: PolicyVersion


@dataclass(frozen=True, slots=True)
class InboundResult:
    """The answer to an InboundJob: accepted, or refused with the reason."""

    job: int
    version: PolicyVersion
    refusal: str = ""
    """Empty when the frame may be stored."""
    quarantine: bool = False
    """True when no policy change can make the frame acceptable (bad hash, bad structure)."""
    left: Batch | None = None
    """What is stored in place of the frame's batch where records of it were recalled here; None: the batch as it came."""


@dataclass(frozen=True, slots=True)
class RequeueJob:
    """Read the batches whose records were held back from a peer, so that the policy now in force decides again."""

    id: int
    peer: PeerFacts
    direction: Direction
    version: PolicyVersion
    batches_max: int = 64
    """Held batches to put back at once."""
    again: tuple[tuple[str, int], ...] = ()
    """Reasons whose records are decided again under the same version too, each with the highest lsn that it holds for."""
    reprieve: Reprieve = NO_REPRIEVE
    """Which refusals by the peer are tried again because it stands elsewhere now."""


@dataclass(frozen=True, slots=True)
class RequeueResult:
    """The answer to a RequeueJob: some of the held batches; the engine asks again until there are none."""

    job: int
    version: PolicyVersion
    batches: tuple[StoredBatch, ...]


Job = OutboundJob | InboundJob | RequeueJob
JobResult = OutboundResult | InboundResult | RequeueResult


@dataclass(frozen=True, slots=True)
class Send:
    """A message for a peer; control, alarm and heartbeat use one connection, the rest another."""

    peer: str
    message: Message
    urgent: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """A local batch is durable: acknowledge whoever waits for `ticket`."""

    ticket: int
    lsn: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A peer's batch is durable here; projections may read from this lsn."""

    peer: str
    lsn: int
    resource: str
    direction: Direction


@dataclass(frozen=True, slots=True)
class Moved:
    """A peer's marks moved."""

    peer: str
    direction: Direction
    lane: Lane
    stored: int
    secured: int


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """A frame of `peer` was refused before commit; the journal keeps its runs, hash and reason."""

    peer: str
    lane: Lane
    reason: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """`peer` refused a frame of ours, and this was news."""

    peer: str
    lane: Lane
    reason: str
    quarantine: bool
    """True when it goes again only when an operator says so."""


@dataclass(frozen=True, slots=True)
class LinkBroken:
    """The link must be closed and, unless `fatal`, opened again."""

    peer: str
    reason: str
    fatal: bool
    """True for a fork, or for a peer that breaks the protocol: trying again as things are leads nowhere."""
    is_fork: bool = False
    """True when the peer's history of this node is not its own: node/fork finds where they parted and begins a new incarnation."""


Event = Stored | Arrived | Moved | FrameRefused | Withheld | LinkBroken


@dataclass(frozen=True, slots=True)
class Ready:
    """One turn's output."""

    writes: tuple[Write, ...] = ()
    jobs: tuple[Job, ...] = ()
    sends: tuple[Send, ...] = ()
    events: tuple[Event, ...] = ()
    wake_at: Instant | None = None
    """When to call `timeout` even if nothing arrives; None for never."""

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to persist, send, start or report."""
        return not (self.writes or self.jobs or self.sends or self.events)
