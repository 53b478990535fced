"""An open link as a value, and what all links of a node share with the rest of it.

Owns no behaviour: link_opening.py makes a peer, link_speaking.py and link_hearing.py serve it, links.py keeps them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from node.attachment.desk import AttachmentDesk
from node.clock import Clock, HybridClock
from node.fork.desk import ForkDesk
from node.fork.giveback import ReseedProgress
from node.links.handshake import Me
from node.links.outgoing import Outgoing
from node.policy.slicing import Slicing
from node.policy.store import PolicyStore
from node.runtime import Runtime
from node.store.journal import SqliteJournal
from node.tree.attendance import Attendance
from node.tree.directory import Directory, NodeStatus
from node.tree.queries import QueryDesk
from sync.core.messages import Hello
from sync.core.pacing import TokenBucket
from sync.core.ready import PeerFacts
from sync.model import Limits
from sync.transport.session import Session

MESSAGES_PER_S = 1_000.0
MESSAGES_BURST = 100.0
"""Messages of one peer that are heard; what comes faster waits on its connection. A link at full speed needs a few hundred a second."""
MESSAGE_TOKEN_BYTES = 4_096


@dataclass(slots=True)
class Peer:
    """An open link."""

    facts: PeerFacts
    session: Session
    since_us: int
    urgent: Outgoing = field(default_factory=Outgoing)
    bulk: Outgoing = field(default_factory=Outgoing)
    is_closing: bool = False
    hello: Hello | None = None
    """What it said last in the handshake."""
    reseed: ReseedProgress | None = None
    """For a child that lost its journal: how far it has got back what it had brought."""
    budget: TokenBucket = field(default_factory=lambda: TokenBucket(per_s=MESSAGES_PER_S, burst=MESSAGES_BURST))
    """What it may say: a message is a token, and one more for each MESSAGE_TOKEN_BYTES of what is no frame."""


@dataclass(slots=True)
class Context:
    """What links share with the rest of the node."""

    me: Me
    runtime: Runtime
    journal: SqliteJournal
    policy: PolicyStore
    slicing: Slicing
    directory: Directory
    queries: QueryDesk
    clock: Clock
    hybrid: HybridClock
    limits: Limits
    own_status: Callable[[], NodeStatus]
    forks: ForkDesk
    attachments: AttachmentDesk
    attendance: Attendance
