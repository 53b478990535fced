"""The verbs of the local API about the audit log: a page of it, and whether it holds. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from node.audit.admitting import AdmissionWatch
from node.audit.desk import AuditDesk
from node.audit.entry import TEXT_CHARS_MAX
from node.audit.left_notes import LeftNotes
from node.audit.reading import PAGE_MAX, Wish, page
from node.audit.report import NO_WITNESS, report
from node.audit.witness import Told, WitnessDesk
from node.audit.words import AuditKind
from node.tree.queries import QueryError

Plain = dict[str, Any]
Seq = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]


class AuditLog(msgspec.Struct, forbid_unknown_fields=True):
    """A page, newest first."""

    kinds: Annotated[list[AuditKind], Meta(max_length=len(AuditKind))] = []
    subject: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)] = ""
    since_us: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    before_seq: Seq = (1 << 63) - 1
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 100


class AuditVerify(msgspec.Struct, forbid_unknown_fields=True):
    """The whole log and its witnesses."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The log and its witnesses, of one node."""

    desk: AuditDesk
    witnesses: WitnessDesk
    admissions: AdmissionWatch
    left: LeftNotes

    def background(self) -> list[Coroutine[Any, Any, object]]:
        """What runs for as long as the node does."""
        return [self.desk.run(), self.witnesses.run(), self.admissions.run(), self.left.run()]

    def facts(self) -> Plain:
        """For the status: how long the log is, where it ends, who has witnessed how much."""
        head = self.desk.journal.audit.head
        return {"entries": head.seq, "hash": head.hash.hex(), "stamped": head.stamped, "witnessed": self.witnesses.facts()}

    async def page(self, wish: Wish) -> Plain:
        """A page of the log."""
        return await asyncio.to_thread(self.desk.journal.look, "read of the audit log", lambda connection: page(connection, wish))

    async def verify(self) -> Plain:
        """Write what waits, ask the witnesses, walk the log, compare."""
        await self.desk.flush()
        told: dict[str, list[Told]] = {}
        unheard: dict[str, str] = {}
        names = self.witnesses.neighbours.witnesses()
        for name in names:
            try:
                told[name] = await self.witnesses.ask(name)
            except QueryError as error:
                unheard[name] = str(error)
        keys = frozenset({self.witnesses.own_key()})

        def look() -> Plain:
            return self.desk.journal.look(
                "walk over the audit log",
                lambda connection: report(connection, told, keys=keys, unheard=unheard, why="" if names else NO_WITNESS),
            )

        return await asyncio.to_thread(look)


@dataclass(frozen=True, slots=True)
class AuditVerbs:
    """Answers the verbs; the log is asked for when one is called."""

    audit: Callable[[], Audit]

    @property
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
        """Arguments and answer of each verb."""
        return {"audit_log": (AuditLog, self._log), "audit_verify": (AuditVerify, self._verify)}

    async def _log(self, asked: AuditLog) -> Plain:
        kinds = [kind.value for kind in asked.kinds]
        return await self.audit().page(Wish(kinds, asked.subject, asked.since_us, asked.before_seq, asked.limit))

    async def _verify(self, _: AuditVerify) -> Plain:
        return await self.audit().verify()
