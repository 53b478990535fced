"""What waits to be sent on one connection of a link: in order, bounded, the newer replacing what it makes pointless.

Owns: the queue between the engine and a connection. An acknowledgement replaces the one of its lane that still waits, unless a refusal
of that lane came between: a sender that heard the newer one first would enter as delivered what was refused. A heartbeat replaces the
one before. Frames are bounded by the engine's window; of everything else at most MESSAGES_MAX wait, and a peer that lets more come
together is not reading: `get` then raises LinkError, and the link is rebuilt from what is durable. Called by speaking.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from sync.core.messages import Ack, Data, Heartbeat, Message, Refused
from sync.model import Direction, Lane, LinkError

MESSAGES_MAX = 8_192
"""Messages other than frames that wait for one connection."""


class Outgoing:
    """Messages for one connection, first in, first out."""

    def __init__(self, *, messages_max: int = MESSAGES_MAX) -> None:
        self._messages_max = messages_max
        self._waiting: dict[object, Message] = {}
        self._next = 0
        self._refusals: Counter[tuple[Direction, Lane]] = Counter()
        """Refusals put so far; an acknowledgement takes no place before the newest."""
        self._frames = 0
        self._overflowed = False
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put_nowait(self, message: Message) -> None:
        """Add a message, in the place of the one it makes pointless if that still waits."""
        self._changed.set()
        key = self._key(message)
        is_frame = isinstance(message, Data)
        if key not in self._waiting and not is_frame and len(self._waiting) - self._frames >= self._messages_max:
            self._overflowed = True
            return
        self._frames += is_frame
        self._waiting[key] = message

    async def get(self) -> Message:
        """The oldest message, waiting for one; raises LinkError when more came together than may wait."""
        while not self._waiting and not self._overflowed:
            self._changed.clear()
            await self._changed.wait()
        if self._overflowed:
            raise LinkError(f"more than {self._messages_max} messages wait for a peer that does not read them")
        message = self._waiting.pop(next(iter(self._waiting)))
        self._frames -= isinstance(message, Data)
        return message

    def _key(self, message: Message) -> object:
        if isinstance(message, Ack):
            return (message.direction, message.lane, self._refusals[message.direction, message.lane])
        if isinstance(message, Heartbeat):
            return Heartbeat
        if isinstance(message, Refused):
            self._refusals[message.direction, message.lane] += 1
        self._next += 1
        return self._next
