"""What a peer says on an open link, and whom it concerns: the engine, or one of the desks of the shell.

Owns: the pace at which a peer is heard, so that one that floods takes nobody else's turn. Refuses messages that the codec refuses
(WireError, which ends the link). Called by links.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from node.links.handshake import offer_messages
from node.links.newer import NewerWords
from node.links.peer import MESSAGE_TOKEN_BYTES, Context, Peer
from sync.core.bearers import Standing
from sync.core.messages import Answer, Bundles, Data, ForEngine, Heartbeat, Message, Orders, Query, Wants
from sync.transport.mailbox import Group
from sync.wire.codec import Unknown, decode

MESSAGES_AT_ONCE = 8
"""Messages of one peer after which the others have their turn."""


class Hearing:
    """The receiving side of links; `tell` queues an answer for a peer, as Links.tell; `on_held` is told how long one was held back."""

    def __init__(
        self, context: Context, newer: NewerWords, tell: Callable[[str, Message], bool], on_held: Callable[[str, float], None]
    ) -> None:
        self._context = context
        self._newer = newer
        self._tell = tell
        self._on_held = on_held
        self._stood: dict[str, frozenset[str]] = {}
        """By peer: the nodes that stood on its side when the engine was told last."""

    async def listen(self, peer: Peer, messages: AsyncIterator[bytes]) -> None:
        """Both connections at once, until the session ends: while frames wait for room, alarms and heartbeats are heard."""
        readers = [asyncio.create_task(self._read_one(peer, source)) for source in (messages, peer.session.incoming(Group.BULK))]
        try:
            done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        for reader in done:
            reader.result()

    async def _read_one(self, peer: Peer, messages: AsyncIterator[bytes]) -> None:
        heard = 0
        async for data in messages:
            if peer.is_closing:
                return
            message = decode(data, self._context.limits)
            heard += 1
            await self._wait_for_turn(peer, 0 if isinstance(message, Data) else len(data), heard)
            if isinstance(message, Unknown):
                await self._skip(peer, message)
                continue
            if isinstance(message, Data):
                assert peer.hello is not None, "data before the handshake"
                self._context.forks.data_from(peer.facts, peer.hello)
                self._context.policy.needed(message.frame.batch.header.resource)
                await self._context.runtime.wait_for_room(peer.facts.node, self._context.limits.inbound_jobs_max, message.frame.lane)
            if isinstance(message, Bundles):
                await self._context.policy.prepare(message.bundles, message.slices)
            if isinstance(message, Wants):
                await self._context.slicing.prepare(message)
            if isinstance(message, ForEngine):
                self._to_engine(peer.facts.node, message)
            else:
                self._to_shell(peer, message)

    async def _wait_for_turn(self, peer: Peer, body_bytes: int, heard: int) -> None:
        """Hear a peer no faster than its budget, and the others in between."""
        peer.budget.take(1.0 + body_bytes / MESSAGE_TOKEN_BYTES, self._context.clock.now())
        if wait_s := peer.budget.wait_s(0.0, self._context.clock.now()):
            self._on_held(peer.facts.node, wait_s)
            await asyncio.sleep(wait_s)
        elif heard % MESSAGES_AT_ONCE == 0:
            await asyncio.sleep(0)

    async def _skip(self, peer: Peer, message: Unknown) -> None:
        """Go on after what only a newer program understands; what its sender waits for is answered."""
        self._newer.note(peer.facts.node, message.words)
        for answer in message.answers:
            await peer.session.send(answer, urgent=False)

    def _to_engine(self, peer: str, message: Message) -> None:
        self._context.runtime.post(lambda engine, now: engine.receive(peer, message, now))

    def _to_shell(self, peer: Peer, message: object) -> None:
        context, name = self._context, peer.facts.node
        if isinstance(message, Heartbeat):
            context.hybrid.observe(message.sent_at)
            if peer.facts.is_parent:
                context.directory.heard_from_parent(message.statuses, context.clock.wall_us())
                if why := context.forks.absence.hear(message.sent_at.wall_us, message.above_age_us):
                    peer.session.end(why)
                if message.reseeded and context.forks.reseeded():
                    peer.session.end("the reseed is done: the link goes on without it")
            else:
                context.directory.heard_from_child(name, message.statuses, context.clock.wall_us())
            self._note_standing(peer)
        elif isinstance(message, Bundles):
            context.slicing.take(name, message)
        elif isinstance(message, Wants) and not peer.facts.is_parent:
            offer = context.slicing.heard(name, message)
            for answer in offer_messages(offer) if offer else ():
                self._tell(name, answer)
        elif isinstance(message, Orders) and peer.facts.is_parent:
            context.attachments.take_all(message)
        elif isinstance(message, Query) and peer.facts.is_parent and message.verb in context.queries.handlers:
            context.queries.asked(message, lambda answer: self._tell(name, answer))
        elif isinstance(message, Query):
            context.queries.asked_by(name, message, lambda answer: self._tell(name, answer))
        elif isinstance(message, Answer):
            context.queries.answered(name, message)

    def ordered(self, standing: Standing) -> None:
        """An order says where nodes stand: the engine hears it, and after it again what heartbeats say, though they say what they said."""
        self._stood.clear()
        self._context.runtime.post(lambda engine, now: engine.stands(standing))

    def _note_standing(self, peer: Peer) -> None:
        """Tell the engine when it changed who stands where: a child speaks for its subtree alone."""
        directory, name = self._context.directory, peer.facts.node
        stands = directory.ancestors() if peer.facts.is_parent else directory.subtree(name)
        if self._stood.get(name) == stands:
            return
        self._stood[name] = stands
        standing = directory.standing()
        self._context.runtime.post(lambda engine, now: engine.stands(standing))
