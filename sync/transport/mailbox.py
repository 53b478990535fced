"""A bounded queue of messages in two groups, for one asyncio loop.

Owns: the bound in bytes per group, order inside a group, urgent before bulk. Refuses to grow: `put` waits. Called by session.py only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum

MESSAGE_BYTES = 512
"""What a waiting message counts beside its own bytes: a million messages of three bytes are not three megabytes of memory."""


class Group(Enum):
    """The two connections of a session."""

    URGENT = "urgent"
    """Control, alarms, heartbeat, queries."""
    BULK = "bulk"
    """The rest."""


class Mailbox:
    """Messages waiting, by group; a group takes more while it holds less than `bytes_max`."""

    def __init__(self, *, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._waiting: dict[Group, deque[bytes]] = {group: deque() for group in Group}
        self._bytes = dict.fromkeys(Group, 0)
        self._changed = asyncio.Event()
        self._closed = False

    async def put(self, group: Group, data: bytes) -> bool:
        """Add a message, waiting for room; False when the mailbox is closed and the message was not taken."""
        while not self._closed and self._bytes[group] >= self._bytes_max:
            await self._wait_change()
        if self._closed:
            return False
        self._waiting[group].append(data)
        self._bytes[group] += MESSAGE_BYTES + len(data)
        self._changed.set()
        return True

    async def take(self, *groups: Group) -> tuple[Group, bytes] | None:
        """The oldest message of the first of `groups` that has one; None when closed and empty."""
        while True:
            for group in groups:
                if self._waiting[group]:
                    data = self._waiting[group].popleft()
                    self._bytes[group] -= MESSAGE_BYTES + len(data)
                    self._changed.set()
                    return group, data
            if self._closed:
                return None
            await self._wait_change()

    def close(self) -> None:
        """Take nothing more; what waits can still be taken."""
        self._closed = True
        self._changed.set()

    async def _wait_change(self) -> None:
        # Clearing here loses nothing: everyone who waits on the event was woken when it was set.
        self._changed.clear()
        await self._changed.wait()
