"""The audit log of a running node: what others enter before they act, and what it does by itself.

Owns the way of an entry to the disk. `note` returns when the entry is durable, so whoever waits for it acts on nothing that the log lacks;
`add` is for what is only told. Entries that are wanted at once share one transaction, and where the node commits anyway, that one. Also:
stamps that come due while nothing is committed, and the end of entries that are past their time. Called by everybody who decides or
changes something here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from node.audit.book import Ticket
from node.audit.entry import Detail, wanted
from node.audit.errors import AuditRefused
from node.audit.retention import Checkpoint, CheckpointSeal
from node.audit.words import AuditKind
from node.clock import Clock
from node.engine.commits import Stopped
from node.runtime import Runtime
from node.store.journal import SqliteJournal
from sync.model import JournalError

LOOK_EVERY_S = 5.0
"""How often it is looked whether an entry or a stamp waits that no commit took along."""
FORGET_EVERY_S = 3_600.0
NOTE_TIMEOUT_S = 60.0
"""How long a thread waits for its entry."""

log = logging.getLogger("yunnao.audit")

Answer = TypeVar("Answer")


@dataclass(slots=True)
class AuditDesk:
    """One node's log."""

    node: str
    journal: SqliteJournal
    runtime: Runtime
    clock: Clock
    seal: CheckpointSeal
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)

    def begin(self, *, software: str, parent: str, policy: str) -> None:
        """Keep the log from now on: the first entry says who begins. Before the runtime turns; raises JournalError."""
        self.journal.begin_audit(self.clock.wall_us)
        self.add(
            AuditKind.START,
            self.node,
            by="",
            detail={
                "incarnation": f"{self.journal.incarnation:016x}",
                "software": software,
                "parent": parent,
                "policy": policy,
                "key": self.seal.public_hex(),
                "stamps_after": self.journal.audit.head.stamped,
            },
        )

    def attend(self) -> None:
        """Take entries of other threads from now on; on the event loop."""
        self._loop = asyncio.get_running_loop()

    # ---- entering

    async def note(self, kind: AuditKind, subject: str, *, by: str, detail: Detail) -> int:
        """Enter something before it has effect; the entry's number once it is durable. Raises AuditRefused: then do not act."""
        ticket = self.journal.audit.add(wanted(kind, subject, by, detail))
        try:
            await self.runtime.beside_commits(self.journal.write_audit)
        except (JournalError, Stopped) as error:
            self.journal.audit.withdraw(ticket)
            raise AuditRefused(f"{kind} of {subject[:60]!r} not done: the audit log takes no entry ({error})") from error
        return self._durable(ticket)

    def note_blocking(self, kind: AuditKind, subject: str, *, by: str, detail: Detail) -> int:
        """As `note`, for threads beside the event loop. Raises AuditRefused."""
        assert self._loop is not None, "the node is not running"
        waiting = asyncio.run_coroutine_threadsafe(self.note(kind, subject, by=by, detail=detail), self._loop)
        try:
            return waiting.result(NOTE_TIMEOUT_S)
        except TimeoutError:
            waiting.cancel()
            raise AuditRefused(f"{kind} of {subject[:60]!r} not done: the audit log did not take it in {NOTE_TIMEOUT_S:g} s") from None

    def add(self, kind: AuditKind, subject: str, *, by: str, detail: Detail) -> None:
        """Enter something that waits for nothing: it goes with the next commit, within some seconds. Raises AuditRefused for a bad one."""
        self.journal.audit.add(wanted(kind, subject, by, detail))

    def _durable(self, ticket: Ticket) -> int:
        assert ticket.seq, "a transaction ended without the entry it was for"
        return ticket.seq

    # ---- by itself

    async def run(self) -> None:
        """Write what waits and let go what is past its time, for as long as the node runs."""
        forgot_s: float | None = None
        while True:
            now_s = self.clock.now().us / 1_000_000
            await self.flush()
            if forgot_s is None or now_s - forgot_s >= FORGET_EVERY_S:
                forgot_s = now_s
                await self.forget()
            await asyncio.sleep(LOOK_EVERY_S)

    async def forget(self) -> None:
        """Let entries past their time go, behind a signed checkpoint."""
        now_us = self.clock.wall_us()
        due = await self._try(lambda: self.seal.due(self.journal, now_us))
        if due is not None:
            await self._try(lambda: self._checkpoint(due))

    def _checkpoint(self, due: Checkpoint) -> None:
        self.add(AuditKind.CHECKPOINT, self.node, by="", detail=self.seal.signed(due))
        self.journal.forget_audit(due.upto)

    async def flush(self) -> None:
        """Write what waits now."""
        await self._try(self.journal.write_audit)

    async def stop(self) -> None:
        """Stamp what is open: a node that stops leaves nothing that no entry covers."""
        await self._try(lambda: self.journal.write_audit(is_last=True))

    async def _try(self, work: Callable[[], Answer]) -> Answer | None:
        """On the commit thread; a disk that takes nothing is said by whoever commits, and tried again here or at the next start."""
        try:
            return await self.runtime.beside_commits(work)
        except (JournalError, Stopped) as error:
            log.warning("the audit log takes nothing: %s", error)
            return None
