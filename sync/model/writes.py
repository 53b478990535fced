"""What the engine asks the journal to make durable, and what the journal gives back when a node starts.

All writes of one `Ready` are one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from sync.model.batch import EMPTY_CHAIN, LedgerEntry, Span, StoredBatch
from sync.model.names import Direction, Lane
from sync.model.runs import Run, RunMap, StateRange, Stream
from sync.model.states import State

REFUSALS_KEPT_MAX = 1_024
"""Refusals a node remembers, to tell a peer again and to know what it heard already."""


@dataclass(frozen=True, slots=True)
class StoreBatch:
    """Append a batch; its lsn is one above the last."""

    stored: StoredBatch


@dataclass(frozen=True, slots=True)
class ChangeStream:
    """What became of the run map of a stream since it was last written: as long as the change, however long the map is."""

    stream: Stream
    gone: tuple[int, ...]
    """First numbers of ranges that are no more; some may never have been written."""
    put: tuple[StateRange, ...]
    """Ranges that are new, or other than the written one with the same first number."""


@dataclass(frozen=True, slots=True)
class FreeBatches:
    """Let the payloads of batches go; their rows in the journal, runs and ledger stay, and a hop that has not got them gets the account."""

    lsns: tuple[int, ...]
    state: State
    """RETENTION or SHED: what their records become on every hop that they did not reach."""


@dataclass(frozen=True, slots=True)
class SetStream:
    """Replace the whole run map of a stream as this node holds it; `ChangeStream` is what a running node writes."""

    stream: Stream
    run_map: bytes
    """`RunMap.encode()` of the new map."""


@dataclass(frozen=True, slots=True)
class AppendLedger:
    """Add a row to the share ledger, before the frame leaves."""

    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class SetOutMark:
    """How far a peer has our journal in one lane."""

    peer: str
    direction: Direction
    lane: Lane
    mark: OutMark


@dataclass(frozen=True, slots=True)
class SetInPosition:
    """How far we have a peer's journal in one lane."""

    peer: str
    incarnation: int
    """Incarnation of the peer whose journal the position counts in."""
    direction: Direction
    lane: Lane
    position: InPosition


@dataclass(frozen=True, slots=True)
class AppendRefusal:
    """Keep the runs, hash and reason of a frame that was refused; never its payload."""

    peer: str
    direction: Direction
    lane: Lane
    span: Span
    part: int
    resource: str
    runs: tuple[Run, ...]
    payload_sha256: bytes
    reason: str
    policy_version: bytes
    """Version under which it was refused; decided again when the own version advances."""
    by_peer: bool
    """True when the peer refused our frame, False when we refused the peer's."""
    quarantine: bool = False
    """True when no policy can make the frame fit: it goes again only when an operator says so."""
    tries: int = 1
    """How often the frame came before it was refused for good."""
    at_us: int = 0
    """Wall clock of the commit, microseconds since 1970 UTC; the shell fills it in, 0 when it does not."""
    incarnation: int = 0
    """The life of the frame's sender, whose positions `span` counts in; 0 in journals from before this was kept."""
    program: str = ""
    """The software of whoever refused, then; empty when nobody said."""
    refuser: int = 0
    """The life of the peer that refused our frame; 0 when we refused, and in journals from before this was kept."""


class Decision(IntEnum):
    """What an operator decided about refused records; the number is stored in journals."""

    OPEN = 0
    REQUEUED = 1
    """They go out again as backfill, whatever the policy version."""
    DISMISSED = 2
    """They stay quarantined for good."""


@dataclass(frozen=True, slots=True)
class DecideRefusal:
    """An operator's decision about a refusal; the first one stays."""

    refusal: int
    """Id of the refusal in the journal."""
    decision: Decision
    at_us: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class SetAside:
    """The payload of a batch does not match its hash: keep it apart, and leave an account of lost records in its place."""

    lsn: int
    decider: str
    reason: str


@dataclass(frozen=True, slots=True)
class PutBack:
    """A batch that was set aside is whole again, as it was stored first; some of its runs may count elsewhere by now."""

    stored: StoredBatch


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A batch that was set aside is not asked for any more."""

    lsn: int
    is_replaced: bool
    """True when its records came back another way, False when nobody holds them: they are lost here."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Rows of a batch were recalled: what is left of it takes its place, and nothing brings the others back."""

    stored: StoredBatch
    """The batch as it is to be, at its old lsn."""
    was_sha256: bytes
    """Hash of the payload that was decided over; a batch that has another one by now is left alone."""
    order: str
    """Names the order that recalls: node/recall/orders.py."""
    erased: tuple[Run, ...]
    masked: tuple[Run, ...]
    at_us: int
    """Wall clock, microseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class SetBearer:
    """A child brought records of a life (an origin in one incarnation) for the first time."""

    origin: str
    incarnation: int
    child: str


@dataclass(frozen=True, slots=True)
class SettleHeld:
    """Held records of one batch were put back into the journal as backfill for a peer; their ledger rows are history now."""

    peer: str
    direction: Direction
    lsn: int


Write = (
    StoreBatch | ChangeStream | FreeBatches | SetStream | AppendLedger | SetOutMark | SetInPosition | AppendRefusal | SettleHeld
    | SetAside | PutBack | GiveUp | SetBearer | DecideRefusal | Recall
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutMark:
    """The two marks of a peer, as positions in our journal."""

    stored: int = 0
    """The peer has committed everything up to this lsn of ours in the lane."""
    secured: int = 0
    """The peer's own parent has it too, or the peer is the top."""
    wire: int = 0
    """The peer's own position when `stored` was noted; what lies between was closed here and sent nothing."""


@dataclass(frozen=True, slots=True)
class InPosition:
    """How far a receiver has a sender's journal in one lane."""

    upto: int = 0
    """The sender's lsn up to which all is accounted for here."""
    chain: bytes = EMPTY_CHAIN
    """Manifest chain at that position."""


OutKey = tuple[str, Direction, Lane]
"""(peer, direction, lane)."""
InKey = tuple[str, int, Direction, Lane]
"""(peer, incarnation, direction, lane)."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Everything the engine needs to go on from a journal."""

    last_lsn: int = 0
    lane_tops: Mapping[Lane, int] = field(default_factory=dict)
    """Highest lsn of each lane that has a batch."""
    streams: Mapping[Stream, RunMap] = field(default_factory=dict)
    out_marks: Mapping[OutKey, OutMark] = field(default_factory=dict)
    in_positions: Mapping[InKey, InPosition] = field(default_factory=dict)
    bearers: tuple[tuple[str, int, str], ...] = ()
    """Which child brought which life: (origin, incarnation, child), in the order of their first records."""
    refusals: tuple[AppendRefusal, ...] = ()
    """The newest refusals, made here and heard of, oldest first, without their runs: a peer that missed one is told again."""
