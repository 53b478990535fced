"""The engine's link to a peer while its wire is a file: opened with known positions, heard through a tap, closed again.

Owns: the tap on what the runtime hands out. Refuses to take what belongs to a session: as soon as one opens to the same peer, the
file link is over. Called by exporting.py, importing.py and office.py; one file link per peer at a time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from node.carriage.errors import CarriageClosed, CarriageError
from node.runtime import Runtime
from sync.core.messages import Hello, Message
from sync.core.outbox import ByFile, UnderWay
from sync.core.ready import Event, LinkBroken, PeerFacts, Send
from sync.model import Lane, Limits

PROGRESS_TIMEOUT_S = 120.0
"""Without a step of the engine for so long, reading or writing a file is given up."""
WINDOW_BYTES = 16 << 20
"""Bytes of frames the engine makes before they are in a file; a file has no measured rate, so this is also what sizes its frames."""
NEVER_S = 1e9
"""A file does not acknowledge; its link must not be taken for stalled."""


@dataclass(slots=True)
class FileLink:
    """An open file link. `messages` is what the engine sent; the owner takes it from there."""

    peer: PeerFacts
    messages: deque[Message] = field(default_factory=deque)
    broken: LinkBroken | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever something was sent or the link broke."""


class FileLinks:
    """Opens and closes file links; stands between the runtime and the node's sessions."""

    def __init__(self, runtime: Runtime, *, is_linked: Callable[[str], bool], limits: Limits) -> None:
        self._runtime = runtime
        self._is_linked = is_linked
        self._sessions_send, self._sessions_event = runtime.on_send, runtime.on_event
        runtime.on_send, runtime.on_event = self._send, self._event
        self._open: dict[str, FileLink] = {}
        idle = replace(limits, progress_timeout_s=NEVER_S)
        self._writing = replace(idle, window_bytes_min=WINDOW_BYTES, window_bytes_max=WINDOW_BYTES)
        self._reading = replace(idle, window_bytes_min=0, window_bytes_max=0)

    async def open(self, peer: PeerFacts, known: Hello, under_way: Mapping[Lane, UnderWay], *, may_send: bool) -> FileLink:
        """A link that resumes at `known.positions`, behind what is `under_way`; what it begins with lies in `messages`.

        Raises CarriageClosed when a session with the peer is open.
        """
        self.refuse_session(peer.node)
        by_file = ByFile(self._writing if may_send else self._reading, under_way)
        chains = {(position.direction, position.lane): position.chain for position in known.positions}
        link = self._open[peer.node] = FileLink(peer)
        await self._runtime.ask(lambda engine, now: engine.link_up(peer, known, chains, now, by_file=by_file))
        self.check(link)
        return link

    async def close(self, link: FileLink) -> None:
        """End the link; a session that opened meanwhile stays."""
        name = link.peer.node
        await self._runtime.ask(lambda engine, now: None if self._is_linked(name) else engine.link_down(name, now))
        if self._open.get(name) is link:
            del self._open[name]

    def check(self, link: FileLink) -> None:
        """Raise CarriageError when the link is over."""
        self.refuse_session(link.peer.node)
        if link.broken is not None:
            raise CarriageError(f"{link.broken.reason}")

    def refuse_session(self, peer: str) -> None:
        """Raise CarriageClosed while a session with the peer is open."""
        if self._is_linked(peer):
            raise CarriageClosed(f"{peer} has an open link with this node, which carries everything: files are for peers without one")

    async def wait_moved(self, link: FileLink) -> None:
        """Wait until the engine sent something or broke the link; raises CarriageError when it does nothing for too long."""
        try:
            async with asyncio.timeout(PROGRESS_TIMEOUT_S):
                while not link.moved.is_set():
                    try:
                        async with asyncio.timeout(1.0):
                            await link.moved.wait()
                    except TimeoutError:
                        self.refuse_session(link.peer.node)
        except TimeoutError:
            raise CarriageError(f"nothing moved for {PROGRESS_TIMEOUT_S:g} s while reading a file of {link.peer.node}: try again") from None
        link.moved.clear()

    def _send(self, send: Send) -> None:
        link = self._open.get(send.peer)
        if link is None or self._is_linked(send.peer):
            self._sessions_send(send)
            return
        link.messages.append(send.message)
        link.moved.set()

    def _event(self, event: Event) -> None:
        if isinstance(event, LinkBroken) and (link := self._open.get(event.peer)) is not None and not self._is_linked(event.peer):
            link.broken = event
            link.moved.set()
        self._sessions_event(event)
