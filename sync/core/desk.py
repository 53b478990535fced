"""What every room of the engine works on: the node's books and positions, the open links, and what this turn has led to so far.

Owns: numbers (lsn, job ids) and the one way in which a batch is appended, a job started, a peer told something, a link broken. Decides
nothing: that is receiving.py and sending.py. Made by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sync.core.bearers import Bearers
from sync.core.books import Books
from sync.core.lanes import URGENT_LANES
from sync.core.link import Link
from sync.core.messages import Message
from sync.core.ready import Event, Job, LinkBroken, Moved, Send
from sync.core.refusals import Refusals
from sync.core.reprieves import Reprieves
from sync.model import Batch, Direction, Instant, Lane, Limits, PolicyVersion, StoredBatch
from sync.model.writes import InKey, InPosition, OutKey, OutMark, Recovered, SetOutMark, StoreBatch, Write


@dataclass(slots=True)
class Turn:
    """What the inputs since the last `ready` led to."""

    writes: list[Write] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


class Desk:
    """The engine's state, and the few ways to change it that more than one room needs."""

    def __init__(
        self, *, node: str, incarnation: int, has_parent: bool, version: PolicyVersion, recovered: Recovered, limits: Limits, program: str
    ) -> None:
        self.node = node
        self.incarnation = incarnation
        self.has_parent = has_parent
        self.version = version
        self.program = program
        self.limits = limits
        self.books = Books(recovered.streams)
        self.bearers = Bearers(node, recovered.bearers, recovered.streams)
        self.refusals = Refusals(recovered.refusals)
        self.reprieves = Reprieves()
        self.last_lsn = recovered.last_lsn
        self.tops: dict[Lane, int] = dict.fromkeys(Lane, 0) | dict(recovered.lane_tops)
        """Newest lsn of each lane."""
        self.out_marks: dict[OutKey, OutMark] = dict(recovered.out_marks)
        self.in_positions: dict[InKey, InPosition] = dict(recovered.in_positions)
        self.up_stored = dict.fromkeys(Lane, 0)
        """By lane: up to which own lsn a parent has stored this journal."""
        for (_, direction, lane), mark in self.out_marks.items():
            if direction is Direction.UP:
                self.up_stored[lane] = max(self.up_stored[lane], mark.stored)
        self.links: dict[str, Link] = {}
        self.again: dict[str, int] = {}
        """Reasons of held records that are decided again under the same policy version, with the highest lsn that it holds for."""
        self.over: set[str] = set()
        """Other reasons than those of dates for which frames were refused here and that have ended since."""
        self.dated_upto = 0
        """Frames up to this lsn were decided by plans of earlier dates: those that a peer refused are decided again."""
        self.fresh_first: frozenset[Lane] = frozenset()
        """Lanes whose backlog is put off at link-up, so that newer records go first."""
        self.turn = Turn()
        self._jobs: dict[int, tuple[str, Job]] = {}
        self._next_job = 1

    def out_mark(self, peer: str, direction: Direction, lane: Lane) -> OutMark:
        """How far `peer` has our journal in a lane."""
        return self.out_marks.get((peer, direction, lane), OutMark())

    def write(self, *writes: Write) -> None:
        """Make `writes` durable with this turn."""
        self.turn.writes.extend(writes)

    def tell(self, peer: str, messages: Iterable[Message], lane: Lane) -> None:
        """Send `messages` once this turn is durable, on the connection of `lane`, in this order."""
        self.turn.sends.extend(Send(peer, message, urgent=lane in URGENT_LANES) for message in messages)

    def append(self, batch: Batch, source: str, duplicates: tuple[int, ...], now: Instant) -> StoredBatch:
        """Put a batch at the end of the journal and let every link know of it."""
        self.last_lsn += 1
        lane = batch.header.lane
        self.tops[lane] = self.last_lsn
        stored = StoredBatch(self.last_lsn, batch, source, duplicates)
        self.write(StoreBatch(stored))
        for link in self.links.values():
            link.outbox.appended(lane, now, payload_bytes=len(batch.payload), rows=batch.header.row_count)
        return stored

    def marked(self, link: Link, lane: Lane, mark: OutMark) -> None:
        """A peer has more of our journal: keep it, report it, and secure what children wait for."""
        peer, direction = link.peer.node, link.out_direction
        self.out_marks[(peer, direction, lane)] = mark
        self.write(SetOutMark(peer, direction, lane, mark))
        self.turn.events.append(Moved(peer, direction, lane, mark.stored, mark.secured))
        if direction is not Direction.UP:
            return
        self.up_stored[lane] = max(self.up_stored[lane], mark.stored)
        for other in self.links.values():
            if other.in_direction is Direction.UP and other.inbox.secure(lane, self.up_stored[lane]):
                other.acks_due.add(lane)

    def start(self, link: Link, make: Callable[[int], Job]) -> int:
        """Hand out the job that `make` builds for an id; the id."""
        job = make(self._next_job)
        self._next_job += 1
        self._jobs[job.id] = (link.peer.node, job)
        self.turn.jobs.append(job)
        return job.id

    def finished(self, job: int) -> tuple[Link, Job] | None:
        """The job that is answered, with its link; None when the link has ended since."""
        peer, asked = self._jobs.pop(job, ("", None))
        link = self.links.get(peer)
        return None if link is None or asked is None else (link, asked)

    def close_link(self, peer: str) -> None:
        """Forget the link with `peer`; answers of its jobs are dropped."""
        if self.links.pop(peer, None) is not None:
            self._forget_jobs(peer)

    def break_link(self, peer: str, reason: str, *, fatal: bool, is_fork: bool = False) -> None:
        """End the link with `peer` from this side."""
        self.turn.events.append(LinkBroken(peer, reason, fatal, is_fork))
        self.links.pop(peer, None)
        self._forget_jobs(peer)

    def _forget_jobs(self, peer: str) -> None:
        self._jobs = {job: entry for job, entry in self._jobs.items() if entry[0] != peer}
