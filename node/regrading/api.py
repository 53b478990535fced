"""The verbs of the local API about changed grades of records. Called by node/api.py."""

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
from node.regrading.desk import RegradeDesk, Wish
from node.regrading.finding import KEYS_MAX
from sync.model import Level

LISTED_MAX = 1_000

Plain = dict[str, Any]
CaseId = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[str, Meta(max_length=2_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest cases."""

    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One case."""

    id: CaseId


class Propose(msgspec.Struct, forbid_unknown_fields=True):
    """Records by `where` or by `key` and `keys`; `raises` false: they shall count as at most `grade`."""

    resource: Name
    grade: Annotated[int, Meta(ge=1, le=4)]
    basis: dict[str, str]
    by: Name
    why: Annotated[str, Meta(min_length=1, max_length=2_000)]
    raises: bool = True
    where: Words = ""
    key: Annotated[str, Meta(max_length=200)] = ""
    keys: Annotated[list[Name], Meta(max_length=KEYS_MAX)] = []
    approver: Annotated[str, Meta(max_length=63)] = ""


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
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
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
        case = await desk.propose(wish, self._approver(asked.approver, raises=asked.raises), by=asked.by)
        return await asyncio.to_thread(desk.shown, case.id)

    async def _decide(self, asked: Decide) -> Plain:
        desk = self.desk()
        case = await desk.decide(asked.id, asked.fact, by=asked.by, why=asked.why)
        await desk.settle_soon()
        return await asyncio.to_thread(desk.shown, case.id)

    def _approver(self, named: str, *, raises: bool) -> Party:
        """The node that is asked to approve: for a raise this one, for a lower grade the nearest of municipal level or above."""
        me, level = self.desk().cases.me, self.desk().issuer.level
        if named == me.node or (not named and (raises or level >= Level.MUNICIPAL)):
            return me
        above = [status for name in self.directory().ancestors() if (status := self.directory().above(name)) is not None]
        fitting = [status for status in sorted(above, key=_rank) if (status.id == named if named else _rank(status) >= Level.MUNICIPAL)]
        if not fitting:
            known = ", ".join(sorted(status.id for status in above)) or "none yet: the link has not been up"
            raise CaseRefused(f"no node to approve it is known here; name one with --approver (above this node are {known})")
        return Party(fitting[0].id, fitting[0].territory)


def _rank(status: NodeStatus) -> Level:
    return Level.from_word(status.level)
