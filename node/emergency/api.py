"""The verbs of the local API about emergencies. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.cases.errors import CaseRefused
from node.emergency.desk import LISTED_MAX, EmergencyDesk
from node.emergency.kind import EMERGENCY_US_MAX, HOUR_US, PURPOSE
from node.requests.arbiters import Parties
from node.requests.kind import FIELDS_MAX, Ask

Plain = dict[str, Any]
CaseId = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[str, Meta(max_length=2_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest emergencies."""

    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One emergency."""

    id: CaseId


class Open(msgspec.Struct, forbid_unknown_fields=True):
    """An emergency at a provider below; without `fields` every field of the resource."""

    provider: Annotated[str, Meta(min_length=1, max_length=63)]
    resource: Name
    why: Annotated[str, Meta(min_length=1, max_length=2_000)]
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
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
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
