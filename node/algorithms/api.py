"""The verbs of the local API about packages between nodes. Called by node/api.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from node.algorithms.desk import AlgorithmDesk
from node.algorithms.usage_desk import DAYS_MAX
from node.algorithms.usage_fold import RESOURCE
from node.audit.operator import NOBODY
from node.cases.verbs import CaseId, Listing, Name, NodeName, Plain, Table, Why, Words
from node.policy.showing import Looking, Showing
from node.store.mart import MartError
from sync.transport.local_api import LocalApiCode, LocalApiError


class Publish(msgspec.Struct, forbid_unknown_fields=True):
    """A package of this node's library."""

    id: Name
    version: Name
    by: Name
    why: Why
    approver: NodeName = ""


class Saying(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says about a publication."""

    case: CaseId
    fact: Literal["approve", "refuse", "withdraw"]
    by: Name
    why: Words = ""


class AskCase(msgspec.Struct, forbid_unknown_fields=True):
    """One publication."""

    case: CaseId


class AskHeard(msgspec.Struct, forbid_unknown_fields=True):
    """What was heard; of one content alone where it is named."""

    content: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")] = ""


class AskOffers(msgspec.Struct, forbid_unknown_fields=True):
    """Of which node; empty: the parent."""

    node: NodeName = ""


class Take(msgspec.Struct, forbid_unknown_fields=True):
    """A package that a node offers; empty: the parent."""

    id: Name
    version: Name
    node: NodeName = ""
    by: Words = ""


class AskUsage(Looking, forbid_unknown_fields=True, kw_only=True):
    """How a model did: over how many days up to today, and what one line is about beside its version."""

    id: Name
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX)] = 7
    part: Literal["version", "node", "day"] = "version"
    territory: Annotated[str, Meta(pattern="^[0-9]{0,15}$")] = ""


@dataclass(frozen=True, slots=True)
class AlgorithmVerbs:
    """Answers the verbs; the desk is asked for when one is called."""

    desk: Callable[[], AlgorithmDesk]
    showing: Callable[[], Showing]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "algorithm_list": (Listing, self._list),
            "algorithm_show": (AskCase, self._show),
            "algorithm_heard": (AskHeard, self._heard),
            "algorithm_publish": (Publish, self._publish),
            "algorithm_say": (Saying, self._say),
            "algorithm_offers": (AskOffers, self._offers),
            "algorithm_take": (Take, self._take),
            "algorithm_usage": (AskUsage, self._usage),
        }

    async def _list(self, asked: Listing) -> Plain:
        return {"cases": await self.desk().listed(asked.limit)}

    async def _show(self, asked: AskCase) -> Plain:
        return await self.desk().one(asked.case)

    async def _heard(self, asked: AskHeard) -> Plain:
        return {"offers": [one for one in await self.desk().heard() if asked.content in ("", one["content"])]}

    async def _publish(self, asked: Publish) -> Plain:
        return await self.desk().publish(asked.id, asked.version, by=asked.by, why=asked.why, approver=asked.approver)

    async def _say(self, asked: Saying) -> Plain:
        return await self.desk().say(asked.case, asked.fact, by=asked.by, why=asked.why)

    async def _offers(self, asked: AskOffers) -> Plain:
        return {"offers": await self.desk().offered_by(asked.node)}

    async def _take(self, asked: Take) -> Plain:
        return await self.desk().take(asked.id, asked.version, asked.node, by=asked.by or NOBODY)

    async def _usage(self, asked: AskUsage) -> Plain:
        grade_max = await self.showing().grade_max(RESOURCE, asked)
        try:
            rows = await self.desk().usage.asked(asked.id, days=asked.days, by=asked.part, territory=asked.territory, grade_max=grade_max)
        except MartError as error:
            raise LocalApiError(LocalApiCode.DENIED, str(error)) from error
        return {"usage": rows}
