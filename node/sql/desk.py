"""Runs queries of a running node: checked, entered in the audit log, filled through the gate, one at a time, within time, rows and memory.

Refuses a clearance above L2 without a stated reason, and a query while others wait. Persons are who the machine says they are: the socket
is the node's user's alone, so a clearance is a statement that is kept, not a proof. Called by the API.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from node.audit.desk import AuditDesk
from node.audit.entry import Detail
from node.audit.words import AuditKind
from node.clock import Clock
from node.policy.store import PolicyStore
from node.sql.engine import Engine
from node.sql.errors import QueryFailed, SqlError
from node.sql.statement import Statement, checked
from node.sql.views import Seen, Views
from node.store.journal import SqliteJournal
from policies.gate import CompiledGate
from policies.ruleset import Ruleset
from sync.model import Instant

ROWS_MAX = 10_000
"""Rows of an answer."""
TIME_S_MAX = 20.0
"""What reading and the query may take together."""
WAITING_MAX = 4
"""Queries that wait for the one that runs; more are refused."""
OPEN_CLEARANCE = 2
"""Highest clearance that needs no reason: what may be told inside government without one."""
INTERRUPT_EVERY_S, INTERRUPTS_MAX = 0.2, 50
"""How often, and how many times, a query past its time is told to end."""

Plain = dict[str, Any]
log = logging.getLogger("yunnao.sql")


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody asks."""

    text: str
    clearance: int
    by: str
    why: str
    rows: int = ROWS_MAX


@dataclass(slots=True)
class _Job:
    """One query on the thread of the desk."""

    journal: SqliteJournal
    gate: CompiledGate
    ruleset: Ruleset
    statement: Statement
    query: Query
    seen: dict[str, Seen] = field(default_factory=dict)
    engine: Engine | None = None
    is_over: bool = False

    def run(self) -> Plain:
        """Fill and ask."""
        self.engine = Engine()
        try:
            views = Views(self.journal, self.gate, self.query.clearance, self._check)
            for code in self.statement.resources:
                self._check()
                self.seen[code] = views.fill(self.engine, self.ruleset.resources[code], self.statement)
            columns, rows, is_cut = self.engine.run(self.statement.sql, rows_max=self.query.rows)
        finally:
            self.engine.close()
        return {"columns": columns, "rows": rows, "is_cut": is_cut, "resources": {code: _told(seen) for code, seen in self.seen.items()}}

    def stop(self) -> None:
        """End it soon; from any thread."""
        self.is_over = True
        if self.engine is not None:
            self.engine.interrupt()

    def _check(self) -> None:
        if self.is_over:
            raise QueryFailed("query ended: its time is over; narrow it, or ask for fewer columns")


@dataclass(slots=True)
class SqlDesk:
    """One node's queries."""

    journal: SqliteJournal
    policy: PolicyStore
    audit: AuditDesk
    clock: Clock
    time_s: float = TIME_S_MAX
    _waiting: int = 0
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="sql"))

    async def ask(self, query: Query) -> Plain:
        """Answer a query. Raises SqlError, PolicyError, AuditRefused, JournalCorrupt."""
        if query.clearance > OPEN_CLEARANCE and not query.why.strip():
            raise SqlError(f"query refused: clearance L{query.clearance} needs a reason, which is kept; give --why TEXT")
        if self._waiting > WAITING_MAX:
            raise QueryFailed(f"query refused: {WAITING_MAX} others wait already; ask again")
        self._waiting += 1
        try:
            known = self.policy.ruleset.resources
            statement = await asyncio.to_thread(checked, query.text, known, rows_max=query.rows)
            await self._note(query, statement)
            async with self._one_at_a_time:
                return await self._run(query, statement)
        finally:
            self._waiting -= 1

    async def stop(self) -> None:
        """Take no query any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _note(self, query: Query, statement: Statement) -> None:
        """Entered before anything is read. The text itself is not kept, for it may name persons: its hash is."""
        detail: Detail = {
            "clearance": query.clearance,
            "why": query.why,
            "resources": list(statement.resources),
            "statement_sha256": hashlib.sha256(query.text.encode()).hexdigest(),
        }
        await self.audit.note(AuditKind.QUERY, statement.resources[0] if statement.resources else "none", by=query.by, detail=detail)
        if query.clearance > OPEN_CLEARANCE:
            log.warning("query of %s at clearance L%d to %s", query.by, query.clearance, ", ".join(statement.resources) or "no resource")

    async def _run(self, query: Query, statement: Statement) -> Plain:
        begun = self.clock.now()
        for code in statement.resources:
            if why := self.policy.closed(code):
                raise QueryFailed(f"query refused: {why}")
        job = _Job(self.journal, self.policy.gate, self.policy.ruleset, statement, query)
        ending = asyncio.get_running_loop().run_in_executor(self._thread, job.run)
        try:
            async with asyncio.timeout(self.time_s):
                answer = await asyncio.shield(ending)
        except TimeoutError:
            answer = await self._ended(job, ending)
        except asyncio.CancelledError:
            job.stop()
            raise
        return answer | {"clearance": query.clearance, "took_ms": _since_ms(self.clock.now(), begun)}

    async def _ended(self, job: _Job, ending: asyncio.Future[Plain]) -> Plain:
        """What a query past its time comes to: its end, or an answer that was just made."""
        for _ in range(INTERRUPTS_MAX):
            job.stop()
            done, _ = await asyncio.wait({ending}, timeout=INTERRUPT_EVERY_S)
            if done:
                return ending.result()
        raise QueryFailed("query ended: its time is over, and it does not stop at once; ask again later")


def _since_ms(now: Instant, begun: Instant) -> float:
    return round(now.seconds_since(begun) * 1_000, 1)


def _told(seen: Seen) -> Plain:
    return {"read": seen.read, "withheld": dict(seen.withheld), "masks": seen.masks, "is_whole": seen.is_whole}
