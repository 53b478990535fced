"""Asks the neighbours for the bytes of one damaged batch, and a neighbour's parent for what a former neighbour had.

Owns: who may have a batch, the questions, and what their answers prove. The very bytes are known by their hash; an own batch that left in
another packing is rebuilt from a frame. Refuses bytes of any other hash. Called by desk.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import msgspec

from node.repair.rounds import Outcome
from node.repair.taking import SentFrame, frames_with, rebuilt
from node.repair.wire import REPAIR, RUNS_MAX, AskedRun, Question, RepairError, Reply, read
from node.store.journal import SqliteJournal
from node.tree.queries import QueryDesk, QueryError
from sync.core.ready import PeerFacts
from sync.model import StoredBatch, WireError

log = logging.getLogger("yunnao.repair")

ASK_TIMEOUT_S = 60.0
ONWARD_TIMEOUT_S = 25.0
"""A question that is passed on must be answered while whoever asked first still waits."""
ONWARD_AT_ONCE_MAX = 4
"""Questions of children that are passed on at the same time; the others hear `later`."""

SAID_AWAY, SAID_LATER, SAID_NOTHING, SAID_RESENT = "away", "later", "nothing", "sends again"
"""What a neighbour answered, as the status shows it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the neighbours that were asked led to."""

    outcome: Outcome
    whole: StoredBatch | None = None
    """The batch with its payload, when one gave it."""
    peer: str = ""
    """Who gave it, or sends again."""


@dataclass(slots=True)
class Asking:
    """The questions of one node."""

    node: str
    parent: str
    """Node id; empty at the top."""
    journal: SqliteJournal
    queries: QueryDesk
    is_child: Callable[[str], bool]
    """True for a child that stands here, linked or not."""
    linked: Callable[[], Sequence[str]]
    """Children with a link."""
    _onward: set[str] = field(default_factory=set)
    """Questions that are passed on at the moment, by whom and for what."""

    def holders(self, stored: StoredBatch) -> list[str]:
        """Who may have it: the node it came from while that is a neighbour, the parent, and the children that are linked.

        A neighbour from before a move has no link with this node and never will: what it had is asked for along the tree.
        """
        is_neighbour = stored.source == self.parent or (stored.source != self.node and self.is_child(stored.source))
        source = [stored.source] if is_neighbour else []
        above = [self.parent] if self.parent else []
        return list(dict.fromkeys((*source, *above, *self.linked())))

    async def ask_around(self, stored: StoredBatch, peers: Sequence[str], said: dict[str, str]) -> Answered:
        """Ask `peers` one after the other until one has it; each one's answer is noted in `said`."""
        outcome = Outcome.NOBODY
        for peer in peers:
            try:
                answered = await self._ask_one(peer, stored)
            except (QueryError, RepairError, WireError) as error:
                log.info("%s was asked for batch %d: %s", peer, stored.lsn, error)
                said[peer], outcome = SAID_AWAY, Outcome.WAITING
                continue
            said[peer] = _WORDS.get(answered.outcome, "")
            if answered.outcome in (Outcome.REPAIRED, Outcome.COMING):
                return answered
            if answered.outcome is Outcome.LATER and outcome is Outcome.NOBODY:
                outcome = Outcome.LATER
        return Answered(outcome)

    async def _ask_one(self, peer: str, stored: StoredBatch) -> Answered:
        reply = await self._ask(peer, stored, stored.batch.header.payload_sha256)
        if reply.payload and sha256(reply.payload).digest() == stored.batch.header.payload_sha256:
            return Answered(Outcome.REPAIRED, replace(stored, batch=replace(stored.batch, payload=reply.payload)), peer)
        if reply.resent:
            log.info("%s sends the records of batch %d again, in %d batches", peer, stored.lsn, reply.resent)
            return Answered(Outcome.COMING, peer=peer)
        is_later = reply.later
        for frame in await asyncio.to_thread(self.journal.look, "search for frames", lambda db: frames_with(db, stored)):
            if not self._may_have(peer, frame):
                continue
            given = await self._ask(peer, stored, frame.payload_sha256)
            whole = rebuilt(stored, frame, given.payload)
            if whole is not None:
                return Answered(Outcome.REPAIRED, whole, peer)
            is_later = is_later or given.later
        return Answered(Outcome.LATER if is_later else Outcome.NOBODY)

    def _may_have(self, peer: str, frame: SentFrame) -> bool:
        """True for whom the frame went to, and for the parent when that was a parent from before a move."""
        return frame.peer == peer or (peer == self.parent and not self.is_child(frame.peer))

    async def _ask(self, peer: str, stored: StoredBatch, payload_sha256: bytes) -> Reply:
        header = stored.batch.header
        runs = [AskedRun(run.origin, run.incarnation, run.first, run.last) for run in stored.live_runs if run.state.has_rows]
        return await self._put(peer, Question(payload_sha256, header.resource, int(header.lane), runs[:RUNS_MAX]), ASK_TIMEOUT_S)

    async def _put(self, peer: str, question: Question, timeout_s: float) -> Reply:
        return read(await self.queries.ask(peer, REPAIR, msgspec.msgpack.encode(question), timeout_s=timeout_s), Reply)

    # ---- for a child

    async def ask_onward(self, child: PeerFacts, question: Question) -> Reply:
        """What the parent has of a batch that a child asks for and this node has not.

        The parent of both a former and a present neighbour has what either brought it. Only a child's own records and those from below it
        are asked for, and nothing of the answer is kept here.
        """
        if child.is_parent or not self.parent or not {run.origin for run in question.runs} <= child.subtree | {child.node}:
            return Reply()
        name = f"{child.node}/{question.payload_sha256.hex()}"
        if name in self._onward or len(self._onward) >= ONWARD_AT_ONCE_MAX:
            return Reply(later=True)
        self._onward.add(name)
        try:
            reply = await self._put(self.parent, question, ONWARD_TIMEOUT_S)
        except (QueryError, RepairError) as error:
            log.info("%s was asked for a batch of %s: %s", self.parent, child.node, error)
            return Reply(later=True)
        finally:
            self._onward.discard(name)
        is_it = sha256(reply.payload).digest() == question.payload_sha256
        # What the parent sends again returns to this node and goes no further: the child hears nothing of it.
        return Reply(reply.payload) if is_it else Reply(later=reply.later)


_WORDS = {Outcome.LATER: SAID_LATER, Outcome.NOBODY: SAID_NOTHING, Outcome.COMING: SAID_RESENT}
