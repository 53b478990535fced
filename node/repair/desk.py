"""Finds out about damaged batches of this node and gets their bytes back from its neighbours.

A read that meets a payload which does not match its hash ends here: the batch is set aside in one commit, and whoever read it reads again.
Then the neighbours are asked (asking.py), in rounds (rounds.py), until one gives bytes of the very hash, or sends the records again, or all
say that they have nothing: then the records are lost, the node says so, and goes on asking slowly.
Refuses to answer whoever has no link. Called by node/keeping/care.py, the journal's readers, the links and the scrubber.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from node.repair.asking import Asking
from node.repair.giving import Found, Giver
from node.repair.rounds import LOST_AT_ONCE_MAX, Outcome, Rounds
from node.repair.wire import REPAIR, Question, RepairError, Reply, read
from node.runtime import Runtime
from node.store import aside
from node.store.aside import AsideBatch, Damage
from node.store.journal import SqliteJournal
from node.tree.queries import QueryDesk
from sync.core.ready import PeerFacts
from sync.model import StoredBatch
from sync.model.writes import GiveUp

log = logging.getLogger("yunnao.repair")

ROUNDS_AFTER_RESENT = 720
"""Rounds that records which a neighbour sends again may take before it is asked once more."""
MISSING_SHOWN_MAX = 20
"""Damaged batches that the status names; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A batch that is damaged here, for people."""

    lsn: int
    resource: str
    records: int
    is_lost: bool
    """True when every neighbour that was asked has nothing, or said `later` too often; it is asked for slowly."""
    said: dict[str, str]
    """What each neighbour that may have it answered last."""


@dataclass(slots=True)
class RepairDesk:
    """Damaged batches of one node, and questions of neighbours about theirs."""

    node: str
    parent: str
    """Node id; empty at the top."""
    journal: SqliteJournal
    runtime: Runtime
    queries: QueryDesk
    giver: Giver
    facts: Callable[[str], PeerFacts | None]
    """Of a linked peer."""
    linked: Callable[[], Sequence[str]]
    is_child: Callable[[str], bool]
    """True for a child that stands here, linked or not."""
    on_repaired: Callable[[str], None] = lambda resource: None
    """Called with the resource of a batch that was set aside or put back, for whoever hurries. Nobody learns of a repair by it alone: the
    journal counts them (node/store/repaired.py)."""
    damage: Damage = Damage()
    _busy: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    _waiting: dict[int, int] = field(default_factory=dict)
    """Rounds since a neighbour said that it sends again, by lsn."""
    _rounds: Rounds = field(default_factory=Rounds)
    _entries: Sequence[AsideBatch] = ()
    """What was damaged after the last round."""
    _asking: Asking = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._asking = Asking(self.node, self.parent, self.journal, self.queries, self.is_child, self.linked)

    def start(self) -> None:
        """Hear of damage from now on; on the event loop."""
        loop = asyncio.get_running_loop()
        def tell(lsn: int) -> None:
            loop.call_soon_threadsafe(self.found, lsn)

        self.journal.on_damage(tell)
        self.runtime.on_damage = self.found
        self.queries.neighbours[REPAIR] = self.answer

    def found(self, lsn: int, then: Callable[[], None] = lambda: None) -> None:
        """The batch at `lsn` is damaged; `then` is called once it is set aside, durably. On the event loop."""
        if lsn in self._busy:
            self._busy[lsn].append(then)
            return
        self._busy[lsn] = [then]
        task = asyncio.get_running_loop().create_task(self._set_aside(lsn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _set_aside(self, lsn: int) -> None:
        header = await asyncio.to_thread(self.journal.look, "look at a damaged batch", lambda db: aside.header_at(db, lsn))
        if header is not None:
            name = header.batch.header.resource
            log.error("batch %d of %s does not match its checksum: set aside, its neighbours are asked for it", lsn, name)
            await self.runtime.ask(lambda engine, now: engine.set_aside(header))
            self.on_repaired(name)
        await self._count()
        for then in self._busy.pop(lsn):
            then()
        self._wake.set()

    async def settle(self, lsn: int) -> None:
        """Set the batch at `lsn` aside and return when that is durable."""
        done = asyncio.Event()
        self.found(lsn, done.set)
        await done.wait()

    # ---- asking

    def met(self, peer: str) -> None:
        """A session with a neighbour begins: it may have what nobody had. On the event loop."""
        if self._rounds.met(peer, self._now_s()):
            self._wake.set()

    async def keep_repairing(self) -> None:
        """Ask for damaged batches for as long as the node runs."""
        while True:
            self._wake.clear()
            await self.round()
            await self._count()
            wait_s = self._rounds.next_in_s((entry.stored.lsn for entry in self._entries), self._now_s())
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> None:
        """Ask for every damaged batch that is due, and a neighbour whose session just began for all of them."""
        met = self._rounds.take_met()
        left: list[AsideBatch] = []
        lost = 0
        for entry in await asyncio.to_thread(self.journal.look, "list of damaged batches", aside.aside):
            holders, is_due = self._asking.holders(entry.stored), self._rounds.is_due(entry.stored.lsn, self._now_s())
            peers = holders if is_due else [peer for peer in holders if peer in met]
            lost += entry.is_given_up and bool(is_due or peers)
            if (is_due or peers) and not (entry.is_given_up and lost > LOST_AT_ONCE_MAX):
                left += await self._try(entry, peers, is_due=is_due)
            else:
                left.append(entry)
        self._entries = left

    async def _try(self, entry: AsideBatch, peers: Sequence[str], *, is_due: bool) -> list[AsideBatch]:
        """Ask `peers` for one batch; the entry as it stands then, nothing when the records are here again."""
        stored, lsn = entry.stored, entry.stored.lsn
        if await asyncio.to_thread(self.journal.look, "look at lost records", lambda db: aside.covers(db, stored)):
            await self._give_up(stored, is_replaced=True)
            self._rounds.forget(lsn)
            return []
        rounds = self._waiting.get(lsn, ROUNDS_AFTER_RESENT)
        if rounds < ROUNDS_AFTER_RESENT:
            self._waiting[lsn] = rounds + 1
            self._rounds.ended(lsn, Outcome.COMING, self._now_s())
            return [entry]
        answered = await self._asking.ask_around(stored, peers, self._rounds.said.setdefault(lsn, {}))
        if answered.whole is not None:
            await self._put_back(answered.whole, answered.peer)
            self._rounds.forget(lsn)
            return []
        if answered.outcome is Outcome.COMING:
            self._waiting[lsn] = 0
        elif not is_due:
            return [entry]  # who began a session has not got it; the others are asked in their turn
        outcome = self._rounds.ended(lsn, answered.outcome, self._now_s())
        if outcome is not Outcome.NOBODY or entry.is_given_up:
            return [entry]
        await self._give_up(stored, is_replaced=False)
        return [replace(entry, is_given_up=True)]

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def _put_back(self, stored: StoredBatch, peer: str) -> None:
        def look(db: sqlite3.Connection) -> tuple[bool, frozenset[str]]:
            return aside.told_lost(db, stored.lsn), aside.passed_before(db, stored.lsn)

        was_told, passed = await asyncio.to_thread(self.journal.look, "look at the ledger", look)
        await self.runtime.ask(lambda engine, now: engine.put_back(stored, was_told=was_told, passed=passed, now=now))
        self.on_repaired(stored.batch.header.resource)
        log.info("batch %d of %s is whole again, from %s", stored.lsn, stored.batch.header.resource, peer)

    async def _give_up(self, stored: StoredBatch, *, is_replaced: bool) -> None:
        self._waiting.pop(stored.lsn, None)
        await self.runtime.ask(lambda engine, now: engine.write(GiveUp(stored.lsn, is_replaced)))
        if not is_replaced:
            name, records = stored.batch.header.resource, _records(stored)
            log.error("batch %d of %s is lost with %d records: no neighbour gave it; all are asked now and then", stored.lsn, name, records)

    async def _count(self) -> None:
        self.damage = await asyncio.to_thread(self.journal.look, "count of damaged batches", aside.damage)

    # ---- answering

    async def answer(self, peer: str, body: bytes) -> bytes:
        """What this node has of a neighbour's damaged batch; raises RepairError."""
        question = read(body, Question)
        facts = self.facts(peer)
        if facts is None:
            raise RepairError(f"{peer} has no link")
        found: Found = await asyncio.to_thread(self.giver.find, facts, question)
        if found.batches:
            await self.runtime.ask(lambda engine, now: engine.send_again(found.batches, now))
        reply = Reply(found.payload, len(found.batches), found.is_aside)
        if reply == Reply():
            reply = await self._asking.ask_onward(facts, question)
        return msgspec.msgpack.encode(reply)

    def missing(self) -> list[Missing]:
        """The damaged batches that are asked for, the first of them."""
        return [
            Missing(
                entry.stored.lsn, entry.stored.batch.header.resource, _records(entry.stored), entry.is_given_up,
                dict(self._rounds.said.get(entry.stored.lsn, {})),
            )
            for entry in self._entries[:MISSING_SHOWN_MAX]
        ]  # fmt: skip

    def troubles(self) -> list[str]:
        """Words for the status: damage that is being repaired, and records that are lost."""
        words = ["batch_damaged"] if self.damage.asked else []
        return words + (["records_lost"] if self.damage.lost else [])


def _records(stored: StoredBatch) -> int:
    return sum(run.count for run in stored.live_runs if run.state.has_rows)
