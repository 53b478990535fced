"""What the demo asks its nodes, over their local API as the console does. Owns the way to ask; answers are checked for shape."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from node.client import ApiError, NodeClient
from simulations.demo.city import CHAIN, Place, Table
from simulations.demo.folders import Folders

CALL_TIMEOUT_S = 5.0
PUT_TIMEOUT_S = 15.0
PUT_WAIT_S = 0.5
PUT_TRIES_MAX = 240
"""Tries to hand a table over: a node takes rows once the policy with its catalogue has arrived."""
WHOLE = {"clearance": 4, "by": "demo", "why": "what each level holds of a record"}
"""The demo compares what nodes hold, so it looks at all of it, and the audit log says so."""

Plain = dict[str, object]


@dataclass(frozen=True, slots=True)
class Watch:
    """The five nodes as their operator sees them."""

    folders: Folders

    async def ask(self, place: Place, verb: str, **arguments: object) -> Plain:
        """One answer of one node; raises ApiError."""
        client = NodeClient(self.folders.node(place))
        return await asyncio.to_thread(lambda: client.call(verb, timeout_s=CALL_TIMEOUT_S, **arguments))

    async def rows(self, place: Place, resource: str, limit: int = 1_000) -> list[Plain]:
        """The newest rows of a resource at a node, as objects."""
        answer = await self.ask(place, "readings", resource=resource, limit=limit, **WHOLE)
        columns, rows = answer.get("columns"), answer.get("rows")
        if not isinstance(columns, list) or not isinstance(rows, list):
            return []
        return [dict(zip(columns, row, strict=True)) for row in rows]

    async def count(self, place: Place, resource: str) -> int:
        """Records of a resource at a node."""
        own = (await self.ask(place, "status")).get("node")
        records = own.get("records") if isinstance(own, dict) else None
        found = records.get(resource, 0) if isinstance(records, dict) else 0
        return found if isinstance(found, int) else 0

    async def counts(self, resource: str) -> list[int]:
        """Records of a resource at each node, from the province down."""
        return [await self.count(place, resource) for place in CHAIN]

    async def wait_answering(self, place: Place) -> None:
        """Wait until the node answers at all."""
        while True:
            try:
                await self.ask(place, "status")
            except ApiError:
                await asyncio.sleep(PUT_WAIT_S / 2)
            else:
                return

    async def hand_over(self, place: Place, table: Table) -> None:
        """Put a table into a node that has no record of it yet; raises ApiError when the node keeps refusing."""
        for attempt in range(1, PUT_TRIES_MAX + 1):
            try:
                if not await self.count(place, table.resource):
                    await self._put(place, table)
            except ApiError:
                if attempt == PUT_TRIES_MAX:
                    raise
                await asyncio.sleep(PUT_WAIT_S)
            else:
                return

    async def _put(self, place: Place, table: Table) -> None:
        client = NodeClient(self.folders.node(place))
        rows = [list(row) for row in table.rows]
        await asyncio.to_thread(
            lambda: client.call("put", timeout_s=PUT_TIMEOUT_S, resource=table.resource, columns=list(table.columns), rows=rows)
        )
