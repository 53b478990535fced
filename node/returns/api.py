"""The verb of the local API about returns. Called by node/api.py."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from node.cases.verbs import Plain, Table
from node.returns.desk import ReturnsDesk


class Returns(msgspec.Struct, forbid_unknown_fields=True):
    """What came back to this node, and what its children acknowledged."""


@dataclass(frozen=True, slots=True)
class ReturnVerbs:
    """Answers the verb; the desk is asked for when it is called."""

    desk: Callable[[], ReturnsDesk]

    @property
    def table(self) -> Table:
        """Arguments and answer of each verb."""
        return {"returns": (Returns, self._returns)}

    async def _returns(self, _: Returns) -> Plain:
        return await asyncio.to_thread(self.desk().listed)
