"""The verbs of the local API about reviews and the table of scales. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.cases.verbs import CaseId, Listing, Name, Plain, Show, Table, Why
from node.policy.issuing import Issuer
from node.reviews.desk import ReviewDesk
from policies.bundle import Contents
from policies.scale import PERSONS_MAX, Scale


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """The authority's decision."""

    id: CaseId
    fact: Literal["uphold", "release"]
    by: Name
    why: Why


class Justify(msgspec.Struct, forbid_unknown_fields=True):
    """The basis of the lower of two entries that contradict each other, shown by its issuer."""

    id: CaseId
    basis: dict[str, str]
    by: Name
    why: Why


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
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "review_list": (Listing, self._list),
            "review_show": (Show, lambda asked: asyncio.to_thread(self.desk().shown, asked.id)),
            "review_decide": (Decide, self._decide),
            "review_justify": (Justify, self._justify),
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

    async def _justify(self, asked: Justify) -> Plain:
        await self.desk().justify(asked.id, dict(asked.basis), by=asked.by, why=asked.why)
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
