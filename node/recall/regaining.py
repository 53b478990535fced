"""Records whose recall is over come again: whoever erased them asks the neighbours they came from, and is asked by those that erased more.

An order is over when this node's own newest bundles hold it no more, or 90 days after its entry. What was erased under it counts as
delivered everywhere, so nobody sends it unasked. The answer is a backfill, which both gates judge by today's policy; tombs.py lets nothing
else bring these numbers. Each hop asks for itself: what a node regains goes on by the ordinary way.
Refuses to answer whoever has no link. Run by desk.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from node.recall.errors import RecallError
from node.recall.regain_giving import RegainGiver
from node.recall.regain_wire import REGAIN, RUNS_MAX, RegainQuestion, RegainReply, read
from node.recall.tombs import Tombs
from node.repair.wire import AskedRun
from node.runtime import Runtime
from node.store import recalled
from node.store.journal import SqliteJournal
from node.store.recalled import Erased
from node.tree.queries import QueryDesk, QueryError
from sync.core.engine import Engine
from sync.core.ready import PeerFacts
from sync.model import Direction, Instant, Lane, StoredBatch

ASK_TIMEOUT_S = 60.0
PAUSES_S = (5.0, 10.0, 60.0, 600.0, 3_600.0)
"""Waits between two rounds of questions, the last one again and again; a new session and a new policy begin at the first."""
LATER_ROUND = 1
"""From which wait on it goes on while a neighbour has sent some that are not here yet."""
ERASED_MAX = 65_536
"""Stretches that are looked at in one round; what follows them comes when they are here."""

log = logging.getLogger("yunnao.recall")


@dataclass(slots=True)
class Regaining:
    """One node's questions and answers."""

    node: str
    parent: str
    """Node id; empty at the top."""
    journal: SqliteJournal
    runtime: Runtime
    queries: QueryDesk
    giver: RegainGiver
    tombs: Tombs
    facts: Callable[[str], PeerFacts | None]
    """Of a linked peer."""
    linked: Callable[[], Sequence[str]]
    """Peers with a link."""
    is_child: Callable[[str], bool]
    """True for a child that stands here, linked or not."""
    now_s: Callable[[], float]
    """Monotonic seconds."""
    _orders: frozenset[str] = frozenset()
    """Orders of which something was erased here and that are over."""
    _round: int = 0
    _due_s: float = 0.0
    _is_left: bool = False
    """True while something that was erased under them is not here."""
    _on_its_way: dict[tuple[str, Lane], int] = field(default_factory=dict)
    """The newest lsn that a neighbour was given, by neighbour and lane."""

    def start(self) -> None:
        """Answer from now on."""
        self.queries.neighbours[REGAIN] = self.answer

    # ---- asking

    def over(self, orders: Iterable[str]) -> None:
        """These orders are over, and no others: what was erased under them is asked for."""
        found = frozenset(orders)
        if found != self._orders:
            self._orders = found
            self.again()

    def again(self) -> None:
        """A session began, or the policy moved: ask soon, even of whoever had nothing."""
        self._round, self._due_s, self._is_left = 0, self.now_s(), bool(self._orders)

    def wait_s(self) -> float:
        """Seconds until `round` has something to do."""
        return max(0.0, self._due_s - self.now_s()) if self._is_left else PAUSES_S[-1]

    async def round(self) -> None:
        """Ask every neighbour that may have something, once, when that is due. Raises JournalError."""
        if not self._is_left or self._due_s > self.now_s():
            return
        orders = sorted(self._orders)
        self._due_s = self.now_s() + PAUSES_S[min(self._round, len(PAUSES_S) - 1)]
        self._round += 1
        erased = await asyncio.to_thread(
            self.journal.look, "look at what may come again", lambda db: recalled.erased(db, orders, ERASED_MAX)
        )
        questions = [*self._questions(erased)]
        self._is_left = bool(questions)
        done: set[str] = set()
        for peer, question in questions:
            if peer not in done and not await self._ask(peer, question):
                done.add(peer)

    def _questions(self, erased: Iterable[Erased]) -> Iterator[tuple[str, RegainQuestion]]:
        linked = self.linked()
        wanted: dict[tuple[str, str, Lane], list[AskedRun]] = defaultdict(list)
        for one in erased:
            stream = one.stream
            parts = [AskedRun(stream.origin, stream.incarnation, *part) for part in self.tombs.free(stream, one.first, one.last)]
            for peer in self._holders(one, linked):
                wanted[peer, stream.resource, stream.lane] += parts
        for (peer, resource, lane), runs in sorted(wanted.items()):
            for start in range(0, len(runs), RUNS_MAX):
                yield peer, RegainQuestion(resource, int(lane), runs[start : start + RUNS_MAX])

    def _holders(self, one: Erased, linked: Sequence[str]) -> Sequence[str]:
        """Who may have it: the neighbour it came from, and after a move any other on that side. Nobody while there is no link."""
        if one.source == self.parent or self.is_child(one.source):
            return [one.source] if one.source in linked else []
        is_from_above = one.direction is Direction.RETURN
        return [peer for peer in linked if (peer == self.parent) is is_from_above]

    async def _ask(self, peer: str, question: RegainQuestion) -> bool:
        """Put one question; False when the neighbour is not to be asked more now."""
        try:
            body = await self.queries.ask(peer, REGAIN, msgspec.msgpack.encode(question), timeout_s=ASK_TIMEOUT_S)
            reply = read(body, RegainReply)
        except (QueryError, RecallError) as error:
            log.info("%s was asked for records of %s that are free again: %s", peer, question.resource, error)
            return False
        if reply.records:
            log.info("%s sends %d records of %s again: their recall is over", peer, reply.records, question.resource)
            self._round = 0
        if reply.later:
            self._round = min(self._round, LATER_ROUND)
        return not reply.later

    # ---- answering

    async def answer(self, peer: str, body: bytes) -> bytes:
        """What this node sends again of what a neighbour asks for; raises RecallError."""
        question, facts = read(body, RegainQuestion), self.facts(peer)
        if facts is None:
            raise RecallError(f"{peer} has no link")
        if await self._is_on_its_way(facts, Lane(question.lane)):
            return msgspec.msgpack.encode(RegainReply(later=True))
        given = await asyncio.to_thread(self.giver.find, facts, question)
        if given.batches:
            await self._send(facts, given.batches)
        return msgspec.msgpack.encode(RegainReply(given.records, later=given.has_more))

    async def _send(self, facts: PeerFacts, batches: Sequence[StoredBatch]) -> None:
        def send(engine: Engine, now: Instant) -> int:
            engine.send_again(batches, now)
            return engine.last_lsn

        self._on_its_way[facts.node, batches[0].batch.header.lane] = await self.runtime.ask(send)

    async def _is_on_its_way(self, facts: PeerFacts, lane: Lane) -> bool:
        last = self._on_its_way.get((facts.node, lane), 0)
        way = Direction.UP if facts.is_parent else Direction.RETURN
        return last > 0 and await self.runtime.ask(lambda engine, now: engine.out_mark(facts.node, way, lane).stored) < last
