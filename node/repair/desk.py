"""Finds out about damaged batches of this node and gets their bytes back from its neighbours.

A read that meets a payload which does not match its hash ends here: the batch is set aside in one commit, and whoever read it reads again.
Then the neighbours are asked, first the one it came from, then the parent, then the children, until one gives bytes of the very hash, or
sends the records again, or all say that they have nothing: then the records are lost, and the node says so.
Refuses bytes of any other hash. Called by node/runtime.py, the journal's readers, and node/repair/scrub.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256

import msgspec

from node.queries import QueryDesk, QueryError
from node.repair.giving import Found, Giver
from node.repair.taking import frames_with, rebuilt
from node.repair.wire import REPAIR, RUNS_MAX, AskedRun, Question, RepairError, Reply, read
from node.runtime import Runtime
from node.store import aside
from node.store.aside import AsideBatch, Damage
from node.store.journal import SqliteJournal
from sync.core.ready import PeerFacts
from sync.model import StoredBatch, WireError
from sync.model.writes import GiveUp

log = logging.getLogger("yunnao.repair")

RETRY_S = 5.0
"""Wait between two rounds of questions while a neighbour is away or has not sent again yet."""
ASK_TIMEOUT_S = 60.0
ROUNDS_AFTER_RESENT = 720
"""Rounds that records which a neighbour sends again may take before it is asked once more."""


class Outcome(Enum):
    """What a round of questions led to, for one batch."""

    REPAIRED = "repaired"
    COMING = "coming"
    """A neighbour sends the records again."""
    NOBODY = "nobody"
    """Every neighbour that could have it answered that it has not."""
    WAITING = "waiting"
    """A neighbour that could have it is away."""


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
    on_repaired: Callable[[str], None]
    """Called with the resource of a batch that was damaged or is whole again: projections of it are built anew."""
    damage: Damage = Damage()
    _busy: dict[int, list[Callable[[], None]]] = field(default_factory=dict)
    _waiting: dict[int, int] = field(default_factory=dict)
    """Rounds since a neighbour said that it sends again, by lsn."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

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

    async def keep_repairing(self) -> None:
        """Ask for damaged batches for as long as the node runs."""
        while True:
            await self._count()
            waiting = await self.round()
            self._wake.clear()
            try:
                async with asyncio.timeout(RETRY_S if waiting else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def round(self) -> int:
        """Ask once for every damaged batch; how many are left to ask for."""
        left = 0
        for entry in await asyncio.to_thread(self.journal.look, "list of damaged batches", aside.aside):
            if not entry.is_given_up:
                left += await self._try(entry) in (Outcome.WAITING, Outcome.COMING)
        await self._count()
        return left

    async def _try(self, entry: AsideBatch) -> Outcome:
        stored = entry.stored
        if await asyncio.to_thread(self.journal.look, "look at lost records", lambda db: aside.covers(db, stored)):
            await self._give_up(stored, is_replaced=True)
            return Outcome.REPAIRED
        rounds = self._waiting.get(stored.lsn, ROUNDS_AFTER_RESENT)
        if rounds < ROUNDS_AFTER_RESENT:
            self._waiting[stored.lsn] = rounds + 1
            return Outcome.COMING
        outcome = await self._ask_around(stored)
        if outcome is Outcome.NOBODY:
            await self._give_up(stored, is_replaced=False)
        return outcome

    async def _ask_around(self, stored: StoredBatch) -> Outcome:
        outcome = Outcome.NOBODY
        for peer in self._holders(stored):
            try:
                answered = await self._ask_one(peer, stored)
            except (QueryError, RepairError, WireError) as error:
                log.warning("%s was asked for batch %d: %s", peer, stored.lsn, error)
                outcome = Outcome.WAITING
                continue
            if answered is not Outcome.NOBODY:
                return answered
        return outcome

    async def _ask_one(self, peer: str, stored: StoredBatch) -> Outcome:
        reply = await self._ask(peer, stored, stored.batch.header.payload_sha256)
        if reply.payload and sha256(reply.payload).digest() == stored.batch.header.payload_sha256:
            await self._put_back(replace(stored, batch=replace(stored.batch, payload=reply.payload)), peer)
            return Outcome.REPAIRED
        if reply.resent:
            log.info("%s sends the records of batch %d again, in %d batches", peer, stored.lsn, reply.resent)
            self._waiting[stored.lsn] = 0
            return Outcome.COMING
        for frame in await asyncio.to_thread(self.journal.look, "search for frames", lambda db: frames_with(db, stored)):
            if frame.peer != peer:
                continue
            whole = rebuilt(stored, frame, (await self._ask(peer, stored, frame.payload_sha256)).payload)
            if whole is not None:
                await self._put_back(whole, peer)
                return Outcome.REPAIRED
        return Outcome.NOBODY

    def _holders(self, stored: StoredBatch) -> list[str]:
        """Who may have it: the node it came from, the parent, and the children that are linked."""
        source = [stored.source] if stored.source != self.node else []
        above = [self.parent] if self.parent else []
        return list(dict.fromkeys((*source, *above, *self.linked())))

    async def _ask(self, peer: str, stored: StoredBatch, payload_sha256: bytes) -> Reply:
        header = stored.batch.header
        runs = [AskedRun(run.origin, run.incarnation, run.first, run.last) for run in stored.live_runs if run.state.has_rows]
        question = Question(payload_sha256, header.resource, int(header.lane), runs[:RUNS_MAX])
        body = await self.queries.ask(peer, REPAIR, msgspec.msgpack.encode(question), timeout_s=ASK_TIMEOUT_S)
        return read(body, Reply)

    async def _put_back(self, stored: StoredBatch, peer: str) -> None:
        was_told = await asyncio.to_thread(self.journal.look, "look at the ledger", lambda db: aside.told_lost(db, stored.lsn))
        await self.runtime.ask(lambda engine, now: engine.put_back(stored, was_told=was_told, now=now))
        self.on_repaired(stored.batch.header.resource)
        log.info("batch %d of %s is whole again, from %s", stored.lsn, stored.batch.header.resource, peer)

    async def _give_up(self, stored: StoredBatch, *, is_replaced: bool) -> None:
        records = sum(run.count for run in stored.live_runs if run.state.has_rows)
        self._waiting.pop(stored.lsn, None)
        await self.runtime.ask(lambda engine, now: engine.write(GiveUp(stored.lsn, is_replaced)))
        if not is_replaced:
            log.error("batch %d of %s is lost with %d records: no neighbour has it", stored.lsn, stored.batch.header.resource, records)

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
        return msgspec.msgpack.encode(Reply(found.payload, len(found.batches)))

    def troubles(self) -> list[str]:
        """Words for the status: damage that is being repaired, and records that are lost."""
        words = ["batch_damaged"] if self.damage.asked else []
        return words + (["records_lost"] if self.damage.lost else [])
