"""The verbs of the local API about the negative list. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.cases.approver import approver_of
from node.cases.verbs import LISTED_MAX, CaseId, Name, NodeName, Plain, Show, Table, Words
from node.negative_list.desk import ListDesk
from node.tree.directory import Directory
from sync.model import Level

State = Literal["proposed", "reviewed", "approved", "refused", "withdrawn", "revoked"]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest cases, in some states or in all."""

    states: list[State] = []
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Propose(msgspec.Struct, forbid_unknown_fields=True):
    """An entry without id, proposer and approver; `approver` is the node, by default the nearest that may approve."""

    entry: dict[str, Any]
    by: Name
    why: Words
    approver: NodeName = ""


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """What a person does about a case."""

    id: CaseId
    fact: Literal["review", "approve", "refuse", "withdraw", "revoke"]
    by: Name
    why: Words = ""


class Register(msgspec.Struct, forbid_unknown_fields=True):
    """Every entry in force here."""


@dataclass(frozen=True, slots=True)
class ListVerbs:
    """Answers the verbs; the desk is asked for when one is called."""

    desk: Callable[[], ListDesk]
    directory: Callable[[], Directory]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "entry_list": (Listing, self._list),
            "entry_show": (Show, lambda asked: asyncio.to_thread(self.desk().shown, asked.id)),
            "entry_propose": (Propose, self._propose),
            "entry_decide": (Decide, self._decide),
            "entry_register": (Register, self._register),
        }

    async def _list(self, asked: Listing) -> Plain:
        desk = self.desk()
        found = await asyncio.to_thread(desk.listed, states=frozenset(asked.states), limit=asked.limit)
        return {"entries": found, "fault": desk.cases.fault, "unreadable": await asyncio.to_thread(lambda: desk.cases.register.unreadable)}

    async def _propose(self, asked: Propose) -> Plain:
        desk = self.desk()
        approver = approver_of(self.directory(), desk.cases.me, asked.approver, is_me=desk.issuer.level >= Level.MUNICIPAL)
        case = await desk.propose(asked.entry, approver, by=asked.by, why=asked.why)
        return await asyncio.to_thread(desk.shown, case.id)

    async def _decide(self, asked: Decide) -> Plain:
        desk = self.desk()
        case = await desk.decide(asked.id, asked.fact, by=asked.by, why=asked.why)
        await desk.settle_soon()
        return await asyncio.to_thread(desk.shown, case.id)

    async def _register(self, _: Register) -> Plain:
        return {"entries": await asyncio.to_thread(self.desk().register)}
