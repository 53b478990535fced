"""The verbs of the local API about recalls. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from node.cases.verbs import Plain, Table
from node.recall.desk import RecallDesk
from node.recall.views import RecallViews


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """Every recall."""


class Show(msgspec.Struct, forbid_unknown_fields=True):
    """One recall, by its order or its entry."""

    id: Annotated[str, Meta(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class RecallVerbs:
    """Answers the verbs; the desk is asked for when one is called."""

    desk: Callable[[], RecallDesk]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {"recall_list": (Listing, self._list), "recall_show": (Show, self._show)}

    async def _list(self, _: Listing) -> Plain:
        desk = self.desk()
        return {"recalls": await asyncio.to_thread(RecallViews(desk).listed), "fault": desk.fault}

    async def _show(self, asked: Show) -> Plain:
        return await asyncio.to_thread(RecallViews(self.desk()).shown, asked.id)
