"""The verbs of the local API about changed grades of records. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.cases.approver import approver_of
from node.cases.verbs import CaseId, Listing, Name, NodeName, Plain, Show, Table, Why, Words
from node.regrading.desk import RegradeDesk, Wish
from node.regrading.finding import KEYS_MAX
from node.tree.directory import Directory
from sync.model import Level


class Propose(msgspec.Struct, forbid_unknown_fields=True):
    """Records by `where` or by `key` and `keys`; `raises` false: they shall count as at most `grade`."""

    resource: Name
    grade: Annotated[int, Meta(ge=1, le=4)]
    basis: dict[str, str]
    by: Name
    why: Why
    raises: bool = True
    where: Words = ""
    key: Annotated[str, Meta(max_length=200)] = ""
    keys: Annotated[list[Name], Meta(max_length=KEYS_MAX)] = []
    approver: NodeName = ""


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """What a person does about a case."""

    id: CaseId
    fact: Literal["approve", "refuse", "withdraw", "lift", "keep", "end"]
    by: Name
    why: Words = ""


@dataclass(frozen=True, slots=True)
class RegradeVerbs:
    """Answers the verbs; the desk is asked for when one is called."""

    desk: Callable[[], RegradeDesk]
    directory: Callable[[], Directory]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "regrade_list": (Listing, self._list),
            "regrade_show": (Show, lambda asked: asyncio.to_thread(self.desk().shown, asked.id)),
            "regrade_propose": (Propose, self._propose),
            "regrade_decide": (Decide, self._decide),
        }

    async def _list(self, asked: Listing) -> Plain:
        return {"regrades": await asyncio.to_thread(self.desk().listed, limit=asked.limit)}

    async def _propose(self, asked: Propose) -> Plain:
        desk = self.desk()
        wish = Wish(
            asked.resource, asked.grade, asked.raises, dict(asked.basis), asked.why, condition=asked.where, key=asked.key, keys=asked.keys
        )
        is_me = asked.raises or desk.issuer.level >= Level.MUNICIPAL
        approver = approver_of(self.directory(), desk.cases.me, asked.approver, is_me=is_me)
        case = await desk.propose(wish, approver, by=asked.by)
        return await asyncio.to_thread(desk.shown, case.id)

    async def _decide(self, asked: Decide) -> Plain:
        desk = self.desk()
        case = await desk.decide(asked.id, asked.fact, by=asked.by, why=asked.why)
        await desk.settle_soon()
        return await asyncio.to_thread(desk.shown, case.id)
