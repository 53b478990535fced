"""Rows of the journal for a person at this node: through the plan of a viewer, newest first.

Owns what is asked with (`Looking`) and the rule that a clearance above L2 needs a name and a reason, which are entered in the audit log
before anything is read. Refuses what a recall has yet to erase here. Persons are who the machine says they are, as for `yunnao sql`.
Called by node/api.py for readings, events, incidents and pictures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from msgspec import Meta

from node.audit.desk import AuditDesk
from node.audit.entry import Detail
from node.audit.words import AuditKind
from node.errors import EXIT_REFUSED, NodeError
from node.policy.store import PolicyStore
from node.store.journal import SqliteJournal
from node.store.records import View, find_row, newest_rows, rows_at
from policies.plan import Plan
from policies.viewing import viewing_plan

OPEN_CLEARANCE = 2
"""Highest clearance that needs no reason: what may be told inside government without one."""
WHY_CHARS_MAX = 200

Plain = dict[str, Any]
Clearance = Annotated[int, Meta(ge=1, le=4)]
Person = Annotated[str, Meta(max_length=200)]
Reason = Annotated[str, Meta(max_length=WHY_CHARS_MAX)]


class LookRefused(NodeError):
    """A look at rows that this person may not have now; the text says what would make it possible."""

    exit_code = EXIT_REFUSED


class Looking(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Who looks; nothing above L2 is shown unless more is asked for, by name and with a reason."""

    clearance: Clearance = OPEN_CLEARANCE
    by: Person = ""
    why: Reason = ""


@dataclass(frozen=True, slots=True)
class Showing:
    """One node's rows for its people."""

    journal: SqliteJournal
    policy: PolicyStore
    audit: AuditDesk

    async def rows(self, resource: str, looking: Looking, *, limit: int, before_lsn: int | None = None) -> list[Plain]:
        """The newest rows that may be seen. Raises LookRefused, PolicyError, AuditRefused, JournalError."""
        view = await self._view(resource, looking)
        return await asyncio.to_thread(newest_rows, self.journal, resource, limit=limit, before_lsn=before_lsn, view=view)

    async def rows_at(self, resource: str, lsns: Sequence[int], looking: Looking) -> list[Plain]:
        """The rows of these batches that may be seen. Raises like `rows`."""
        view = await self._view(resource, looking)
        return await asyncio.to_thread(lambda: [row for lsn in lsns for row in rows_at(self.journal, resource, lsn, view)])

    async def row(self, resource: str, column: str, value: str, looking: Looking) -> Plain | None:
        """The newest row with a value that may be seen; None when there is none. Raises like `rows`."""
        view = await self._view(resource, looking)
        return await asyncio.to_thread(find_row, self.journal, resource, column, value, view)

    async def grade_max(self, resource: str, looking: Looking) -> int:
        """Up to which grade rows enter a summary for this person. Raises like `rows`, and where a field is masked for them."""
        await self._check(resource, looking)
        if resource not in self.policy.ruleset.resources:
            return looking.clearance
        plan = self._plan(resource, looking.clearance)
        if plan.base.columns:
            masked = ", ".join(rule.name for rule in plan.base.columns)
            raise LookRefused(f"summary of {resource} refused: {masked} of it are masked at clearance L{looking.clearance}")
        return plan.grade_free

    async def _view(self, resource: str, looking: Looking) -> View:
        await self._check(resource, looking)
        return viewed_by(self.policy, resource, looking.clearance)

    async def _check(self, resource: str, looking: Looking) -> None:
        if why := self.policy.closed(resource):
            raise LookRefused(why)
        if looking.clearance > OPEN_CLEARANCE:
            if not (looking.by.strip() and looking.why.strip()):
                raise LookRefused(f"rows of {resource} refused: clearance L{looking.clearance} needs a name and a reason, which are kept")
            detail: Detail = {"clearance": looking.clearance, "why": looking.why, "resources": [resource]}
            await self.audit.note(AuditKind.QUERY, resource, by=looking.by, detail=detail)
        self._check_shown(resource, looking.clearance)

    def _check_shown(self, resource: str, clearance: int) -> None:
        """A resource that is closed to this clearance altogether is said to be, instead of an empty list."""
        if resource not in self.policy.ruleset.resources:
            return  # nothing of it is here, or its rows are refused one by one below
        base = self._plan(resource, clearance).base
        if not base.verdict.passes:
            more = f"; L{base.grade} with a name and a reason may see it" if base.grade > clearance else ""
            raise LookRefused(f"{resource} is not shown at clearance L{clearance}: {base.verdict.word} ({base.reason.word}){more}")

    def _plan(self, resource: str, clearance: int) -> Plan:
        gate = self.policy.gate
        return viewing_plan(gate.book, resource, clearance=clearance, level=gate.station.level)


def viewed_by(policy: PolicyStore, resource: str, clearance: int) -> View:
    """What a person of a clearance is shown of a resource under the policy in force."""
    gate = policy.gate

    def shown(rows: pa.RecordBatch) -> pa.RecordBatch:
        return gate.view(resource, rows, clearance=clearance).rows

    return View(gate.regrades, shown)
