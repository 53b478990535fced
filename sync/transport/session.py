"""A session between a child and its parent: two byte streams that live and die together.

Owns: bounded queues with back-pressure both ways, order inside a group, one reason for the end. Refuses to send on a closed session
(LinkError). It knows nothing of gRPC: link_server and link_dialer give it a Pipe for each group. Called by node/links.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sync.model import Level, LinkError
from sync.transport.mailbox import Group, Mailbox

MESSAGE_BYTES_MAX = 24 << 20
"""Largest message either end takes: a frame at its limit and room to spare."""
OUTBOX_BYTES_MAX = 8 << 20
"""Bytes of one group that wait to be written before `send` waits."""
INBOX_BYTES_MAX = 8 << 20
"""Bytes of one group that wait to be read before the peer is held back by flow control."""
CLOSE_GRACE_S = 2.0
"""Time that messages already queued get to leave when a session is closed, and again that the peer gets to end its side."""


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Who a certificate chain says the peer is, once node/identity has checked it."""

    node: str
    level: Level
    territory: str
    not_after_us: int = 0
    """When the first certificate of its chain ends, microseconds since 1970 UTC; 0 when nobody said."""
    dismissal: bytes = b""
    """The one message that a peer which may not stay is told before its session ends; empty for a peer that is let in."""


class Pipe(Protocol):
    """One of a session's two streams."""

    async def read(self) -> bytes | None:
        """The next message; None when the peer ended the stream. Raises LinkError when it broke."""

    async def write(self, data: bytes) -> None:
        """Hand a message to the connection, waiting while flow control holds it back. Raises LinkError when the stream broke."""

    async def finish(self, reason: str, *, grace_s: float) -> None:
        """End the stream and free what it holds; the peer gets `grace_s` seconds to end its side."""


class Session:
    """Messages to and from one peer. Make it inside a running loop; call `close` in the end, whoever ended it."""

    def __init__(self, pipes: Mapping[Group, Pipe], *, session_id: str, peer_pem: bytes, peer: PeerIdentity | None) -> None:
        self.session_id = session_id
        self.peer_pem = peer_pem
        """The peer's certificate chain, leaf first."""
        self.peer = peer
        """What the authorisation callback made of the chain; None when the dialer gave none."""
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the session has ended, with the reason; never an exception."""
        self.heard = 0
        """Messages that have come: a liveness that does not depend on what TCP believes."""
        self.on_open: Callable[[], None] = lambda: None
        """Called once when the handshake of the two nodes is done."""
        self._pipes = dict(pipes)
        self._groups_open = len(Group)
        self._outbox, self._inbox = Mailbox(bytes_max=OUTBOX_BYTES_MAX), Mailbox(bytes_max=INBOX_BYTES_MAX)
        self._readers = [asyncio.create_task(self._read(group)) for group in Group]
        self._writers = [asyncio.create_task(self._write(group)) for group in Group]
        self._closing: asyncio.Task[None] | None = None

    async def send(self, data: bytes, *, urgent: bool) -> None:
        """Queue a message, waiting while the group's queue is full; raises LinkError when it is too large or the session has ended."""
        if len(data) > MESSAGE_BYTES_MAX:
            raise LinkError(f"message of {len(data)} bytes not sent: at most {MESSAGE_BYTES_MAX}")
        group = Group.URGENT if urgent else Group.BULK
        if not await self._outbox.put(group, data):
            raise LinkError(f"message not sent: {self._reason()}")

    async def incoming(self, *groups: Group) -> AsyncIterator[bytes]:
        """Messages of the groups (both when none is named) as they come, urgent ones first, each group in order.

        Ends when the session has ended and all were given out.
        """
        chosen = groups or (Group.URGENT, Group.BULK)
        while (entry := await self._inbox.take(*chosen)) is not None:
            yield entry[1]

    def end(self, reason: str) -> None:
        """Mark the session as ended, now and without waiting; the first reason stays. `close` still has to be called."""
        if not self.closed.done():
            self.closed.set_result(reason)
        self._outbox.close()
        self._inbox.close()

    async def close(self, reason: str) -> None:
        """End the session: queued messages get CLOSE_GRACE_S to leave, then both streams end. May be called twice and by several."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(reason))
        await asyncio.shield(self._closing)

    async def _close(self, reason: str) -> None:
        self._outbox.close()
        if not self.closed.done():
            await asyncio.wait(self._writers, timeout=CLOSE_GRACE_S)
        grace_s = 0.0 if self.closed.done() else CLOSE_GRACE_S
        self.end(reason)
        for writer in self._writers:
            writer.cancel()
        await asyncio.gather(*(pipe.finish(self._reason(), grace_s=grace_s) for pipe in self._pipes.values()))
        for reader in self._readers:
            reader.cancel()
        await asyncio.wait([*self._readers, *self._writers])

    async def _read(self, group: Group) -> None:
        try:
            while (data := await self._pipes[group].read()) is not None:
                self.heard += 1
                if not await self._inbox.put(group, data):
                    return
            self._groups_open -= 1
            if not self._groups_open:
                # Only now: what the other group still has on its way would be lost.
                self.end("the peer ended the session")
        except LinkError as error:
            self.end(str(error))

    async def _write(self, group: Group) -> None:
        try:
            while (entry := await self._outbox.take(group)) is not None:
                await self._pipes[group].write(entry[1])
        except LinkError as error:
            self.end(str(error))

    def _reason(self) -> str:
        return self.closed.result() if self.closed.done() else "the session is being closed"
