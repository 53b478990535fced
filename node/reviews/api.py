"""The verbs of the local API about reviews and the table of scales. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.issuing import Issuer
from node.reviews.desk import CASES_MAX, ReviewDesk
from policies.bundle import Contents
from policies.scale import PERSONS_MAX, Scale

Plain = dict[str, Any]
CaseId = Annotated[str, Meta(min_length=1, max_length=64)]
Words = Annotated[str, Meta(min_length=1, max_length=2_000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """The newest reviews."""

    limit: Annotated[int, Meta(ge=1, le=CASES_MAX)] = 100


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One review."""

    id: CaseId


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """The authority's decision."""

    id: CaseId
    fact: Literal["uphold", "release"]
    by: Name
    why: Words


class ScaleSet(msgspec.Struct, forbid_unknown_fields=True):
    """From how many persons on sets of a resource (or a prefix ending in `*`) are reviewed; 0 takes the line out."""

    resource: Name
    persons: Annotated[int, Meta(ge=0, le=PERSONS_MAX)]
    by: Name
    field: Annotated[str, Meta(max_length=200)] = ""


@dataclass(frozen=True, slots=True)
class ReviewVerbs:
    """Answers the verbs; the parts are asked for when one is called."""

    desk: Callable[[], ReviewDesk]
    issuer: Callable[[], Issuer]
    settle: Callable[[], Awaitable[None]]
    """Has what a decision changes done at once."""

    @property
    def table(self) -> dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]]:
        """Arguments and answer of each verb."""
        return {
            "review_list": (Listing, self._list),
            "review_show": (Show, lambda asked: asyncio.to_thread(self.desk().shown, asked.id)),
            "review_decide": (Decide, self._decide),
            "scale_set": (ScaleSet, self._scale),
        }

    async def _list(self, asked: Listing) -> Plain:
        desk = self.desk()
        scales = [one.encoded() for one in desk.policy.ruleset.scales]
        return {"reviews": await asyncio.to_thread(desk.listed, limit=asked.limit), "scales": scales}

    async def _decide(self, asked: Decide) -> Plain:
        await self.desk().decide(asked.id, asked.fact, by=asked.by, why=asked.why)
        await self.settle()
        return await asyncio.to_thread(self.desk().shown, asked.id)

    async def _scale(self, asked: ScaleSet) -> Plain:
        wanted = [Scale(asked.resource, asked.persons, asked.field)] if asked.persons else []

        def change(contents: Contents) -> Contents:
            others = [one for one in contents.scales if one.resource != asked.resource]
            return replace(contents, scales=(*others, *wanted))

        issuer = self.issuer()
        issuer.issue(issuer.next_bundle(change))
        await self.settle()
        return {"scales": [one.encoded() for one in issuer.policy.ruleset.scales]}
