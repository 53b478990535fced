"""Carries an order out on the journal, in slices off the event loop: commits of others go on between them.

Each slice is one turn of the engine: tombstones, what is left of the batches, and the run maps, in one transaction. A crash between two
slices is gone on from by beginning again: what is done no longer matches. Then every trace of the old bytes goes: marts, damaged copies,
free pages, the log. Called by desk.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from node.clock import Clock
from node.policy.store import PolicyStore
from node.recall.errors import RecallError
from node.recall.orders import Order, resources_of
from node.recall.rewriting import Rewriting, Rewritten
from node.regrading.recalling import rewriting_of
from node.runtime import Runtime
from node.store import aside, recalled
from node.store.journal import SqliteJournal
from node.store.marts import Marts
from policies.catalogue import Resource
from policies.masks import TokenTable
from sync.core.engine import Engine
from sync.model import Instant, JournalCorrupt, Level, Run, StoredBatch, Stream
from sync.model.writes import Recall
from sync.wire.payload import unfold_payload

SLICE_BATCHES_MAX = 32
SLICE_BYTES_MAX = 8 << 20
"""Batches, and decoded bytes of those that are read, that one slice takes."""
SLICE_RUNS_MAX = 4_000
"""Runs after which a slice ends with the batch that it is at: entering them into the books takes some ms of the event loop."""
TRIES_MAX = 5
"""Passes over a resource of which a batch was being changed by somebody else, or is damaged."""
LOG_TRIES_MAX = 200
LOG_PAUSE_S = 0.05
"""Readers hold the log for the length of a read; it is asked for again."""
VACUUM_PAGES = 256

log = logging.getLogger("yunnao.recall")


@dataclass(slots=True)
class Kept:
    """What this node made itself, and so keeps."""

    ranges: dict[Stream, list[tuple[int, int]]] = field(default_factory=dict)
    """Numbers by stream."""
    damaged_copies: int = 0
    """Copies of damaged batches that were blanked; counted here because nothing else remembers them."""

    @property
    def records(self) -> int:
        """How many."""
        return sum(last - first + 1 for ranges in self.ranges.values() for first, last in ranges)

    def forget(self, resource: str) -> None:
        """Begin again with one resource."""
        self.ranges = {stream: ranges for stream, ranges in self.ranges.items() if stream.resource != resource}


@dataclass(slots=True)
class _Slice:
    works: list[Rewritten] = field(default_factory=list)
    was: list[StoredBatch] = field(default_factory=list)
    runs: int = 0
    upto: int = 0
    is_last: bool = False
    damaged: int = 0

    def enter(self, work: Rewritten, was: StoredBatch) -> None:
        """One batch is to be replaced."""
        self.works.append(work)
        self.was.append(was)
        self.runs += len(work.erased) + len(work.masked)


@dataclass(frozen=True, slots=True)
class Eraser:
    """The hands of one node."""

    node: str
    level: Level
    journal: SqliteJournal
    runtime: Runtime
    policy: PolicyStore
    marts: Marts
    clock: Clock
    below: Callable[[], frozenset[str]] = frozenset
    """Nodes attached below this one, as far as it knows."""

    async def carry_out(self, order: Order) -> Kept:
        """Erase or mask what the order recalls here; what this node made itself is found and kept.

        Raises RecallError when a batch stays unreadable or the log in use, PredicateError for a predicate that fits no longer.
        """
        kept = Kept()
        for resource in resources_of(order, self.policy.ruleset.resources.values()):
            await self.walk(order, resource, kept)
            kept.damaged_copies += await self._wipe(resource.code)
        await self.leave_no_trace()
        return kept

    async def find_own(self, order: Order) -> Kept:
        """What this node made itself of what an order recalls elsewhere; nothing is changed."""
        kept = Kept()
        for resource in resources_of(order, self.policy.ruleset.resources.values()):
            await self.walk(order, resource, kept)
        return kept

    async def walk(self, order: Order, resource: Resource, kept: Kept) -> int:
        """Erase in the batches of one resource; how many were changed."""
        rewriting = rewriting_of(order, resource, self.policy.gate.book, node=self.node, level=self.level, below=self.below())
        # What was verified under the former policy is in the journal, or verified again, once a turn has passed.
        await self.runtime.ask(lambda engine, now: None)
        changed = 0
        for attempt in range(TRIES_MAX):
            kept.forget(resource.code)
            done, left = await self._pass(order, rewriting, kept)
            changed += done
            if not left:
                return changed
            log.info("recall %s of %s: %d batches changed under it, pass %d", order.id, resource.code, left, attempt + 1)
        raise RecallError(f"recall {order.id}: {left} batches of {resource.code} cannot be read: they are being repaired, it goes on then")

    async def _pass(self, order: Order, rewriting: Rewriting, kept: Kept) -> tuple[int, int]:
        """One walk from the beginning: batches changed, and batches that could not be."""
        changed, left = 0, 0
        part = await asyncio.to_thread(self._slice, rewriting, 0, kept)
        while True:
            # The next slice lies behind this one in the journal, so it is looked for while this one is committed.
            ahead = None if part.is_last else asyncio.create_task(asyncio.to_thread(self._slice, rewriting, part.upto, kept))
            try:
                left += part.damaged + await self._carried_out(order, part)
            finally:
                if ahead is not None:
                    await asyncio.wait((ahead,))
            changed += len(part.works)
            if ahead is None:
                return changed, left
            part = ahead.result()

    async def _carried_out(self, order: Order, part: _Slice) -> int:
        """Make a slice durable; how many of its batches were changed by somebody else meanwhile."""
        if not part.works:
            return 0
        await self._replace(order, part)
        return await asyncio.to_thread(self._unchanged, part.works)

    def _slice(self, rewriting: Rewriting, after: int, kept: Kept) -> _Slice:
        code = rewriting.resource.code
        lsns = self.journal.look("search for recalled records", lambda db: recalled.next_with_rows(db, code, after, SLICE_BATCHES_MAX))
        part = _Slice(upto=after, is_last=len(lsns) < SLICE_BATCHES_MAX)
        size = 0
        for lsn in lsns:
            try:
                size += self._look(rewriting, lsn, part, kept)
            except JournalCorrupt as error:
                if error.lsn is None:
                    raise
                part.damaged += 1
            part.upto = lsn
            if size >= SLICE_BYTES_MAX or part.runs >= SLICE_RUNS_MAX:
                part.is_last = False
                break
        return part

    def _look(self, rewriting: Rewriting, lsn: int, part: _Slice, kept: Kept) -> int:
        """Enter what becomes of one batch; the bytes that were decoded for it."""
        header = self.journal.look("look at a batch", lambda db: aside.header_at(db, lsn))
        if header is None:
            return 0
        is_own = header.source == self.node
        if not is_own and not rewriting.is_about(header.batch.header):
            return 0
        if rewriting.takes_all and (is_own or not rewriting.has_own(header)):
            if is_own:
                _keep(rewriting.own(header, None), header, kept)
            else:
                part.enter(rewriting.without_rows(header), header)
            return 0
        stored = self.journal.batch(lsn)
        if stored is None or not stored.batch.payload:
            return 0
        if is_own:
            _keep(rewriting.own(stored, unfold_payload(stored.batch.payload)), stored, kept)
        elif (found := rewriting.rewritten(stored, TokenTable(self.policy.gate.station.keys))) is not None:
            part.enter(found, stored)
        return stored.batch.header.decoded_bytes

    async def _replace(self, order: Order, part: _Slice) -> None:
        at_us = self.clock.wall_us()
        recalls = [
            Recall(work.stored, was.batch.header.payload_sha256, order.id, work.erased, work.masked, at_us)
            for work, was in zip(part.works, part.was, strict=True)
        ]

        def recall_all(engine: Engine, now: Instant) -> None:
            for recall in recalls:
                engine.recall(recall)

        await self.runtime.ask(recall_all)

    def _unchanged(self, works: Sequence[Rewritten]) -> int:
        """Batches that somebody else changed between the look and the turn: they are looked at again."""
        wanted = {work.stored.lsn: work.stored.batch.header.payload_sha256 for work in works}
        found = self.journal.look("look at what was erased", lambda db: recalled.hashes(db, list(wanted)))
        return sum(not freed and digest != wanted[lsn] for lsn, digest, freed in found)

    # ---- no trace

    async def _wipe(self, resource: str) -> int:
        await self.marts.wipe(resource)
        return await self.runtime.beside_commits(
            lambda: self.journal.enter("erasing of damaged copies", lambda db: recalled.blank_aside(db, resource, self.node))
        )

    async def leave_no_trace(self) -> None:
        """Free pages leave the file, and the log is emptied: no page, free page or frame of the log keeps a value."""
        given_back = 1
        while given_back:
            given_back = await self.runtime.beside_commits(lambda: self.journal.vacuum_step(VACUUM_PAGES))
        for _ in range(LOG_TRIES_MAX):
            if await self.runtime.beside_commits(self.journal.empty_log):
                return
            await asyncio.sleep(LOG_PAUSE_S)
        raise RecallError("the journal's log is in use by a reader: it is emptied when that ends")


def _keep(runs: Sequence[Run], stored: StoredBatch, kept: Kept) -> None:
    header = stored.batch.header
    for run in runs:
        kept.ranges.setdefault(run.stream(header.lane, header.resource), []).append((run.first, run.last))
