"""What two nodes say to each other over a link. The engine reads Hello, Data, Ack, Refused and InForce; the shell reads the rest."""

from __future__ import annotations

from dataclasses import dataclass

from sync.model import EMPTY_CHAIN, Direction, Frame, HybridTime, Lane, Level, Life, Manifest, PolicyVersion, Span
from sync.model.renumbering import HeldBefore, Renumbered

PROTOCOL_OLDEST = 1
PROTOCOL_NEWEST = 1
"""Versions of the link protocol this program speaks."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the sender of a Hello has the other's journal, in one lane and direction."""

    direction: Direction
    lane: Lane
    upto: int
    chain: bytes = EMPTY_CHAIN


@dataclass(frozen=True, slots=True)
class Heard:
    """The last refusal by a peer that a node has entered, in one lane: a frame's place in the journal of whoever sent it."""

    direction: Direction
    lane: Lane
    upto: int
    part: int


@dataclass(frozen=True, slots=True)
class Wants:
    """What a node wants of policy: slices of bundles for the resources that it works with."""

    resources: tuple[str, ...] = ()
    """Ascending; none: whole bundles."""
    have: bytes = b""
    """Texts of slices that it has, each by the first bytes of its SHA-256 (policies.slices.MARK_BYTES): they need not travel."""
    lacking: bool = False
    """True when it has no slice of some of the resources: it wants slices of every bundle, whatever its epoch."""


@dataclass(frozen=True, slots=True)
class Hello:
    """First message of both ends. Data flows once both are in and the policy versions are exchanged."""

    node: str
    incarnation: int
    level: Level
    territory: str
    policy: PolicyVersion
    positions: tuple[Position, ...]
    """What the sender of this Hello holds of the receiver's journal (of the incarnation in `for_incarnation`)."""
    for_incarnation: int = 0
    """Incarnation of the receiver of this Hello that the positions count in; 0 when it is not known yet."""
    protocol_oldest: int = PROTOCOL_OLDEST
    protocol_newest: int = PROTOCOL_NEWEST
    software: str = ""
    sent_at: HybridTime = HybridTime(0)
    lives: tuple[Life, ...] = ()
    """The newest lives of the sender's journal, in order; at most LIVES_TOLD_MAX."""
    known_lives: tuple[Life, ...] = ()
    """The lives of the receiver's journal in which it wrote what `positions` count; so a forked node learns where it forked."""
    fork_proof: Manifest | None = None
    """The receiver's own manifest on the newest frame of `for_incarnation` that the sender holds: nobody else can have signed it."""
    reseed: bool = False
    """True when the sender lost its journal and asks its parent for what it had brought."""
    renumbered: tuple[Renumbered, ...] = ()
    """Streams of the sender that went on under another incarnation, newest last; at most RENUMBERED_TOLD_MAX."""
    held_before: tuple[HeldBefore, ...] = ()
    """What the sender holds of those that the receiver told; at most HELD_RANGES_MAX ranges in all."""
    heard: tuple[Heard, ...] = ()
    """The last refusal of the receiver's that the sender has entered, lane by lane; empty when an older program does not say."""
    wants: Wants | None = None
    """None when the sender knows no slices: it gets whole bundles."""
    takes_envelopes: bool = False
    """True when the sender passes sealed envelopes on to whom they are for; an older program does not say so."""
    above_age_us: int | None = None
    """How long ago, in microseconds, what the sender knows of those above was known there; 0 at the top, None when it does not say."""


@dataclass(frozen=True, slots=True)
class Data:
    """One frame."""

    frame: Frame
    unreadable: str = ""
    """Why the header could not be read (it is of a newer program, and the frame has a stand-in); empty when it was. Not on the wire."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Two marks of one lane: positions in the journal of the node that receives this Ack."""

    direction: Direction
    lane: Lane
    stored: int
    secured: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame was refused whole before commit; the sender keeps its records as held and decides again."""

    direction: Direction
    lane: Lane
    span: Span
    part: int
    reason: str
    policy: PolicyVersion
    quarantine: bool = False
    """True when no policy can make the frame fit: an operator of the sender decides."""
    under: bytes = b""
    """Digest of the policy version it was refused under, which may be older than `policy`; empty when an older program does not say."""
    program: str = ""
    """The software it was refused under; empty when an older program does not say."""


@dataclass(frozen=True, slots=True)
class InForce:
    """To a peer whose frames were refused here: the policy is another now, a date has passed, or word of a move came. It may try again."""

    policy: PolicyVersion
    over: tuple[str, ...] = ()
    """Words of reasons for which frames were refused and that have ended."""


@dataclass(frozen=True, slots=True)
class Bundles:
    """Signed policy bundles the other end lacks, each as its canonical bytes."""

    bundles: tuple[bytes, ...]
    slices: tuple[bytes, ...] = ()
    """Slices of bundles, and the signed roots of whole ones, for a peer that knows them (policies/slice_wire.py)."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Attachment orders, from a parent to its children and theirs, each as its signed bytes (node/attachment/orders.py)."""

    orders: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Liveness and the node statuses this end knows (JSON, see node/status.py)."""

    statuses: bytes
    sent_at: HybridTime = HybridTime(0)
    reseeded: bool = False
    """True when a child that asked for a reseed has been sent all of it."""
    above_age_us: int | None = None
    """As in Hello."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question from the parent, answered along the link (summaries, drill-down)."""

    id: int
    verb: str
    body: bytes
    """JSON arguments of the verb."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a Query of the same id."""

    id: int
    body: bytes
    error: str = ""
    """Why there is no body; empty on success."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The sender ends the link; the reason is for the operator of the other end."""

    reason: str
    order: bytes = b""
    """The attachment order by which the other end stands elsewhere, as its signed bytes; empty when that is not why."""


Message = Hello | Data | Ack | Refused | InForce | Bundles | Wants | Orders | Heartbeat | Query | Answer | Stop
ForEngine = Data | Ack | Refused | InForce | Stop
"""What an open link's shell hands to Engine.receive."""
