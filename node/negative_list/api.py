"""The verbs of the local API about the negative list. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.cases.errors import CaseRefused
from node.cases.kind import Party
from node.directory import Directory, NodeStatus
from node.negative_list.desk import ListDesk
from sync.model import Level

LISTED_MAX = 1_000

Plain = dict[str, Any]
CaseId = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[str, Meta(max_length=2_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
State = Literal["proposed", "reviewed", "approved", "refused", "withdrawn", "revoked"]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest cases, in some states or in all."""

    states: list[State] = []
    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One case."""

    id: CaseId


class Propose(msgspec.Struct, forbid_unknown_fields=True):
    """An entry without id, proposer and approver; `approver` is the node, by default the nearest that may approve."""

    entry: dict[str, Any]
    by: Name
    why: Words
    approver: Annotated[str, Meta(max_length=63)] = ""


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
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
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
        case = await desk.propose(asked.entry, self._approver(asked.approver), by=asked.by, why=asked.why)
        return await asyncio.to_thread(desk.shown, case.id)

    async def _decide(self, asked: Decide) -> Plain:
        desk = self.desk()
        case = await desk.decide(asked.id, asked.fact, by=asked.by, why=asked.why)
        await desk.settle_soon()
        return await asyncio.to_thread(desk.shown, case.id)

    async def _register(self, _: Register) -> Plain:
        return {"entries": await asyncio.to_thread(self.desk().register)}

    def _approver(self, named: str) -> Party:
        """The node that is asked to approve: the one named, else this one or the nearest above that may withhold upward."""
        me, level = self.desk().cases.me, self.desk().issuer.level
        if named == me.node or (not named and level >= Level.MUNICIPAL):
            return me
        above = [status for name in self.directory().ancestors() if (status := self.directory().above(name)) is not None]
        fitting = sorted((status for status in above if status.id == named or not named), key=_rank)
        fitting = [status for status in fitting if named or _rank(status) >= Level.MUNICIPAL]
        if not fitting:
            known = ", ".join(sorted(status.id for status in above)) or "none yet: the link has not been up"
            raise CaseRefused(f"no node to approve it is known here; name one with --approver (above this node are {known})")
        return Party(fitting[0].id, fitting[0].territory)


def _rank(status: NodeStatus) -> Level:
    return Level.from_word(status.level)
