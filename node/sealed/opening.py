"""The opening side: envelopes for this node, out of its journal; what is in them is judged as if a link from their sealer had brought it.

Who may seal for this node: a node above it by territory, and one that it certified, directly or not, past a foster parent. What its gate
does not let it hold is entered as held, by origin and number, and judged again when another policy is in force. An envelope that cannot
be what its sealer made is noted and left; the node runs on. Each step may be done twice: the books know what came. Called by the desk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from node.clock import Clock
from node.engine.pipeline import Pipeline
from node.identity.verify import PeerIdentity
from node.requests.envelope import Seal
from node.runtime import Runtime
from node.sealed.book import SealedBook
from node.sealed.errors import EnvelopeRefused
from node.sealed.letter import Opened, opened_letter
from node.sealed.places import nodes_below
from node.store.journal import SqliteJournal
from node.store.records import decode_rows
from node.tree.directory import Directory
from policies.catalogue import ENVELOPES
from sync.core.inbox import refused_header
from sync.model import Batch, Direction, Level, Span, State, StoredBatch, code_contains

BATCHES_PER_STEP_MAX = 16
STEP_BYTES_MAX = 16 << 20
NEAREST_PAST_OTHERS = 2
"""Hops that a record has come at least which went past a foster parent."""

log = logging.getLogger("yunnao.sealed")


class Stands(Protocol):
    """Where this node stands (node/links/handshake.py, Me)."""

    @property
    def node(self) -> str:
        """Its id."""

    @property
    def level(self) -> Level:
        """Its level."""

    @property
    def territory(self) -> str:
        """Its territory code."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """What came of one envelope."""

    version: bytes
    """Digest of the policy version by which it was judged."""
    records: int
    withheld: int
    why: str
    """Why something of it is withheld; empty when nothing is."""


@dataclass(slots=True)
class Opening:
    """One node's opening side."""

    me: Stands
    journal: SqliteJournal
    pipeline: Pipeline
    runtime: Runtime
    directory: Directory
    book: SealedBook
    seal: Seal
    clock: Clock

    async def look(self) -> bool:
        """Open what came since the last look, and judge again what waited for another policy; True when there is more.

        Raises SealedBookError, JournalError.
        """
        top = self.journal.last_lsn
        after = await asyncio.to_thread(self.book.opened_upto, self.journal.repaired(ENVELOPES).put_back)
        after = after if after <= top else 0
        for waiting in await asyncio.to_thread(self.book.kept_back, not_version=self.runtime.engine.version.digest):
            stored = await asyncio.to_thread(self.journal.batch, waiting.lsn)
            if stored is None or stored.freed:
                await asyncio.to_thread(self.book.settle, waiting.lsn, waiting.row)
            else:
                await self._open(stored, only=waiting.row)
        if after == top:
            return False
        span = Span(after, top)
        found = await asyncio.to_thread(
            self.journal.find, ENVELOPES, span, batches_max=BATCHES_PER_STEP_MAX, bytes_max=STEP_BYTES_MAX
        )  # fmt: skip
        for stored in found:
            await self._open(stored)
        upto = found[-1].lsn if found else top
        await asyncio.to_thread(self.book.opened, upto)
        return upto < top

    async def _open(self, stored: StoredBatch, *, only: int | None = None) -> None:
        if stored.freed or not stored.batch.header.row_count:
            return
        for row, body in await asyncio.to_thread(lambda: list(self._for_me(stored))):
            if only is None or row == only:
                await self._take(stored.lsn, row, body)

    def _for_me(self, stored: StoredBatch) -> Iterator[tuple[int, bytes]]:
        """The envelopes of a batch that are for this node, with their rows; those that came before are left out."""
        rows = decode_rows(stored.batch.payload)
        targets, bodies = rows.column("target").to_pylist(), rows.column("body")
        for run in stored.live_runs:
            if run.state.has_rows:
                for row in range(run.row_offset, run.row_offset + run.count):
                    if targets[row] == self.me.node:
                        yield row, bodies[row].as_py() or b""

    async def _take(self, lsn: int, row: int, body: bytes) -> None:
        now_us = self.clock.wall_us()
        try:
            opened = await asyncio.to_thread(opened_letter, body, me=self.me.node, seal=self.seal)
            judged = await self._judge(opened, self._direction(opened.sealer))
        except EnvelopeRefused as error:
            log.warning("%s", error)
            await asyncio.to_thread(self.book.refuse, lsn, row, why=str(error), now_us=now_us)
            await asyncio.to_thread(self.book.settle, lsn, row)
            return
        if judged.why:
            log.warning("of an envelope of %s %d records are held: %s", opened.sealer.node, judged.withheld, judged.why)
            await asyncio.to_thread(self.book.keep_back, lsn, row, version=judged.version, why=judged.why, now_us=now_us)
        else:
            await asyncio.to_thread(self.book.settle, lsn, row)
        await asyncio.to_thread(
            self.book.took, opened.sealer.node, records=judged.records, withheld=judged.withheld, now_us=now_us
        )  # fmt: skip

    def _direction(self, who: PeerIdentity) -> Direction:
        """Which way an envelope of a sealer came; raises EnvelopeRefused for one that may seal nothing for this node."""
        if who.level > self.me.level and code_contains(who.territory.code, self.me.territory):
            return Direction.RETURN
        if self.me.node in who.path[:-1] and code_contains(self.me.territory, who.territory.code):
            return Direction.UP
        place, own = f"{who.level.word} of {who.territory.code}", f"{self.me.level.word} of {self.me.territory}"
        raise EnvelopeRefused(f"envelope of {who.node} refused: {place} is neither above nor below {own}")

    async def _judge(self, opened: Opened, direction: Direction) -> _Judged:
        records = withheld = 0
        version, why = b"", ""
        for batch in opened.batches:
            self._check_part(batch, opened.sealer, direction)
            judged = await asyncio.to_thread(self.pipeline.opened, batch, direction, within=opened.sealer.territory.code)
            if judged.quarantine:
                raise EnvelopeRefused(f"envelope of {opened.sealer.node} refused: {judged.refusal}")
            taken, version = judged.left or batch, judged.version.digest
            if judged.refusal:
                why = judged.refusal
                taken = replace(batch, header=refused_header(batch.header, decider=self.me.node, state=State.HELD), payload=b"")
            await self._enter(taken, opened.sealer.node)
            records += 0 if judged.refusal else batch.header.row_count
            withheld += batch.header.row_count if judged.refusal else 0
        return _Judged(version, records, withheld, why)

    def _check_part(self, batch: Batch, who: PeerIdentity, direction: Direction) -> None:
        """As a link would: a batch goes the way of its envelope, and a node below speaks for itself and those below it."""
        if batch.header.direction is not direction:
            raise EnvelopeRefused(f"envelope of {who.node} refused: {batch.header.resource} in it does not go {direction.word}")
        if direction is Direction.UP and batch.header.origin_distance < NEAREST_PAST_OTHERS:
            raise EnvelopeRefused(f"envelope of {who.node} refused: what went past another node comes from further than its header says")
        known = nodes_below(self.directory, who.node) if direction is Direction.UP else frozenset[str]()
        foreign = next((run.origin for run in batch.header.runs if known and run.origin not in known), "")
        if foreign:
            raise EnvelopeRefused(f"envelope of {who.node} refused: records of {foreign}, which is not known to stand below it")

    async def _enter(self, batch: Batch, sealer: str) -> None:
        """Through the engine, and on disk when this returns."""
        await self.runtime.ask(lambda engine, now: engine.opened(batch, sealer, now))
