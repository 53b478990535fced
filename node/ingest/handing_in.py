"""Rows that a person or another part of the node hands in, stored like a device's: the answer comes after the commit.

Refuses while there is no room for the rows' lane. Called by the API (`put`) and by the desk of the cases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from node.errors import NodeError
from node.ingest.inbox import Inbox
from node.ingest.sink import Row
from node.keeping.storage import Storage
from policies.catalogue import Resource


class NoRoom(NodeError):
    """Rows that are not taken now: nothing was stored, try again later."""


class HandingIn:
    """Where rows are handed in."""

    def __init__(self, inbox: Inbox, storage: Storage) -> None:
        self._inbox = inbox
        self._storage = storage

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        """Return once `rows` (fields in schema order) are durable. Raises NoRoom."""
        storage = self._storage
        if resource.lane in storage.closed or storage.troubles():
            storage.ask(resource.lane)
            raise NoRoom(f"no room in the journal for lane {resource.lane.word}: nothing of {resource.code} is taken until some is freed")
        if not self._inbox.has_room:
            raise NoRoom("no room for rows at the moment: try again when the journal has caught up")
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._inbox.put(resource.code, rows, lambda: None if stored.done() else stored.set_result(None))
        await stored
