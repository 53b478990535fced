"""The verbs of the local API about packages between nodes. Called by node/api.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from node.algorithms.desk import AlgorithmDesk
from node.cases.verbs import CaseId, Listing, Name, NodeName, Plain, Table, Why, Words


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


class AskOffers(msgspec.Struct, forbid_unknown_fields=True):
    """Of which node; empty: the parent."""

    node: NodeName = ""


class Take(msgspec.Struct, forbid_unknown_fields=True):
    """A package that a node offers; empty: the parent."""

    id: Name
    version: Name
    node: NodeName = ""


@dataclass(frozen=True, slots=True)
class AlgorithmVerbs:
    """Answers the verbs; the desk is asked for when one is called."""

    desk: Callable[[], AlgorithmDesk]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {
            "algorithm_list": (Listing, self._list),
            "algorithm_publish": (Publish, self._publish),
            "algorithm_say": (Saying, self._say),
            "algorithm_offers": (AskOffers, self._offers),
            "algorithm_take": (Take, self._take),
        }

    async def _list(self, asked: Listing) -> Plain:
        return {"cases": await self.desk().listed(asked.limit)}

    async def _publish(self, asked: Publish) -> Plain:
        return await self.desk().publish(asked.id, asked.version, by=asked.by, why=asked.why, approver=asked.approver)

    async def _say(self, asked: Saying) -> Plain:
        return await self.desk().say(asked.case, asked.fact, by=asked.by, why=asked.why)

    async def _offers(self, asked: AskOffers) -> Plain:
        return {"offers": await self.desk().offered_by(asked.node)}

    async def _take(self, asked: Take) -> Plain:
        return await self.desk().take(asked.id, asked.version, asked.node)
