"""The verbs of the local API about emergencies. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.cases.errors import CaseRefused
from node.cases.verbs import CaseId, Listing, Name, Plain, Show, Table, Why, Words
from node.emergency.desk import EmergencyDesk
from node.emergency.kind import EMERGENCY_US_MAX, HOUR_US, PURPOSE
from node.requests.arbiters import Parties
from node.requests.kind import FIELDS_MAX, Ask


class Open(msgspec.Struct, forbid_unknown_fields=True):
    """An emergency at a provider below; without `fields` every field of the resource."""

    provider: Annotated[str, Meta(min_length=1, max_length=63)]
    resource: Name
    why: Why
    by: Name
    hours: Annotated[int, Meta(ge=1, le=EMERGENCY_US_MAX // HOUR_US)] = 24
    fields: Annotated[list[Name], Meta(max_length=FIELDS_MAX)] = []
    filter: Words = ""
    purpose: Name = PURPOSE


class Approve(msgspec.Struct, forbid_unknown_fields=True):
    """The second signature."""

    id: CaseId
    by: Name


class Saying(msgspec.Struct, forbid_unknown_fields=True):
    """What else a person says about an emergency."""

    id: CaseId
    fact: Literal["end", "withdraw", "review"]
    by: Name
    why: Words = ""


@dataclass(frozen=True, slots=True)
class EmergencyVerbs:
    """Answers the verbs; the parts are asked for when one is called."""

    desk: Callable[[], EmergencyDesk]
    parties: Callable[[], Parties]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "emergency_list": (Listing, self._list),
            "emergency_show": (Show, lambda asked: self._shown(asked.id)),
            "emergency_open": (Open, self._open),
            "emergency_approve": (Approve, self._approve),
            "emergency_say": (Saying, self._say),
        }

    async def _list(self, asked: Listing) -> Plain:
        return {"emergencies": await asyncio.to_thread(self.desk().listed, limit=asked.limit)}

    async def _shown(self, case_id: str) -> Plain:
        return await asyncio.to_thread(self.desk().shown, case_id)

    async def _open(self, asked: Open) -> Plain:
        desk, parties = self.desk(), self.parties()
        known = parties.directory().below(asked.provider)
        if known is None:
            raise CaseRefused(f"emergency refused: {asked.provider} is not below this node; only the command chain opens one")
        provider = await parties.provider(asked.provider, known.territory)
        ask = Ask(
            resource=asked.resource,
            fields=tuple(asked.fields) or desk.forms.fields_of(asked.resource),
            filter=asked.filter,
            purpose=asked.purpose,
            why=asked.why,
            until_us=desk.clock.wall_us() + asked.hours * HOUR_US,
        )
        case = await desk.open(ask, by=asked.by, provider=provider, authority=parties.arbiter(provider))
        return await self._shown(case.id)

    async def _approve(self, asked: Approve) -> Plain:
        await self.desk().approve(asked.id, by=asked.by)
        return await self._shown(asked.id)

    async def _say(self, asked: Saying) -> Plain:
        desk = self.desk()
        await desk.say(asked.id, asked.fact, by=asked.by, why=asked.why)
        await desk.settle()
        return await self._shown(asked.id)
