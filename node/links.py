"""The node's links: sessions with the parent and the children, and the traffic between them and the engine.

The child opens. After the handshake (node/handshake.py) the engine learns of the link; each link has two queues out, so that nothing
urgent waits behind bulk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from node.backoff import Backoff
from node.clock import Clock, HybridClock
from node.directory import Directory, LinkStatus, NodeStatus
from node.handshake import Handshake, Me, Step
from node.policy_store import PolicyStore
from node.queries import QueryDesk
from node.runtime import Runtime
from policies.errors import PolicyError
from sync.core.engine import ChainAt
from sync.core.messages import Ack, Answer, Bundles, Data, Heartbeat, Hello, Message, Query, Refused, Stop
from sync.core.ready import Event, LinkBroken, PeerFacts, Send
from sync.model import Limits, LinkError, PolicyVersion, SyncError
from sync.ports import Journal
from sync.transport.session import PeerIdentity, Session
from sync.wire.codec import decode, encode

log = logging.getLogger("yunnao.links")

HANDSHAKE_TIMEOUT_S = 15.0
"""How long a session may take from its opening to its last Hello."""


@dataclass(slots=True)
class Peer:
    """An open link."""

    facts: PeerFacts
    session: Session
    since_us: int
    urgent: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    bulk: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    is_closing: bool = False


@dataclass(slots=True)
class Context:
    """What links share with the rest of the node."""

    me: Me
    runtime: Runtime
    journal: Journal
    policy: PolicyStore
    directory: Directory
    queries: QueryDesk
    clock: Clock
    hybrid: HybridClock
    limits: Limits
    own_status: Callable[[], NodeStatus]


class Links:
    """All open links of the node, by peer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._peers: dict[str, Peer] = {}
        self.trouble = ""
        """Why the link to the parent is down, for status; empty while it is up or none is wanted."""
        context.runtime.on_send = self._send
        context.runtime.on_event = self._event
        context.policy.on_new = self._spread_bundles

    # ---- what others may ask

    def link_status(self) -> LinkStatus:
        """The link to the parent."""
        parent = next((peer for peer in self._peers.values() if peer.facts.is_parent), None)
        return LinkStatus("up", parent.since_us) if parent else LinkStatus("down" if self.trouble else "none")

    def children(self) -> list[str]:
        """Children with an open link, sorted."""
        return sorted(peer.facts.node for peer in self._peers.values() if not peer.facts.is_parent)

    def tell(self, peer: str, message: Message) -> bool:
        """Queue a message of the shell's (Query, Answer, Bundles); False when there is no link."""
        if (entry := self._peers.get(peer)) is None:
            return False
        entry.urgent.put_nowait(message)
        return True

    # ---- sessions

    async def accept(self, session: Session) -> None:
        """Serve a child's session until it ends."""
        await self._converse(session, is_parent=False)

    async def keep_parent(self, dial: Callable[[], Awaitable[Session]], rng: Random) -> None:
        """Keep a link to the parent for as long as the node runs."""
        limits = self._context.limits
        backoff = Backoff(rng, floor_s=limits.reconnect_floor_s, cap_s=limits.reconnect_cap_s)
        while True:
            started = self._context.clock.now()
            try:
                await self._converse(await dial(), is_parent=True)
                self._note_trouble("the link was closed")
            except (SyncError, PolicyError) as error:
                self._note_trouble(str(error))
            backoff.lived(self._context.clock.now().seconds_since(started))
            await asyncio.sleep(backoff.next_wait_s())

    def _note_trouble(self, why: str) -> None:
        if why != self.trouble:
            log.warning("link to the parent: %s", why)
        self.trouble = why

    async def _converse(self, session: Session, *, is_parent: bool) -> None:
        identity = session.peer
        assert identity is not None, "a session without an authorised peer"
        messages = session.incoming()
        reason = "the session ended"
        try:
            peer, shaking = await self._shake_hands(session, messages, identity, is_parent=is_parent)
            await self._open(peer, shaking)
            await self._pump(peer, messages)
        except TimeoutError:
            reason = f"{identity.node} did not finish the handshake in {HANDSHAKE_TIMEOUT_S:g} s"
            raise LinkError(reason) from None
        except (SyncError, PolicyError) as error:
            reason = str(error)
            raise LinkError(reason) from error
        finally:
            await session.close(reason)
            self._closed(identity.node, session)

    async def _shake_hands(
        self, session: Session, messages: AsyncIterator[bytes], identity: PeerIdentity, *, is_parent: bool
    ) -> tuple[Peer, Handshake]:
        context, name = self._context, identity.node
        known = await context.runtime.ask(lambda engine, now: engine.positions_by_incarnation(name))
        shaking = Handshake(
            context.me,
            peer=name,
            is_parent=is_parent,
            positions=lambda incarnation: known.get(incarnation, ()),
            shelf=context.policy,
            tick=context.hybrid.tick,
            certified=(identity.level, identity.territory),
        )
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await self._say(session, shaking.begin())
            while shaking.step is not Step.DONE:
                await self._say(session, shaking.receive(await self._hear(session, messages)))
        assert shaking.hello is not None, "a handshake that ended without a Hello"
        context.hybrid.observe(shaking.hello.sent_at)
        subtree: frozenset[str] = frozenset() if is_parent else context.directory.subtree(name)
        facts = PeerFacts(name, shaking.hello.incarnation, identity.level, identity.territory, is_parent, subtree)
        return Peer(facts, session, context.clock.wall_us()), shaking

    async def _hear(self, session: Session, messages: AsyncIterator[bytes]) -> object:
        try:
            return decode(await anext(messages), self._context.limits)
        except StopAsyncIteration:
            raise LinkError(f"the link ended in the handshake: {session.closed.result()}") from None

    async def _say(self, session: Session, messages: list[Message]) -> None:
        for message in messages:
            await session.send(encode(message), urgent=True)

    # ---- an open link

    async def _open(self, peer: Peer, shaking: Handshake) -> None:
        name, hello = peer.facts.node, shaking.hello
        assert hello is not None, "a handshake that ended without a Hello"
        if (former := self._peers.get(name)) is not None:
            former.is_closing = True
            await former.session.close(f"{name} opened a newer session")
        self._peers[name] = peer
        for message in shaking.late_bundles():
            peer.urgent.put_nowait(message)
        if peer.facts.is_parent:
            self.trouble = ""
        chains = self._chains(hello)
        self._context.runtime.post(lambda engine, now: engine.link_up(peer.facts, hello, chains, now))
        log.info("link up with %s (%s)", name, "parent" if peer.facts.is_parent else "child")

    def _chains(self, hello: Hello) -> ChainAt:
        if hello.for_incarnation != self._context.me.incarnation:
            return {}
        journal = self._context.journal
        return {
            (position.direction, position.lane): journal.ledger_chain(hello.node, position.direction, position.lane, position.upto)
            for position in hello.positions
        }

    async def _pump(self, peer: Peer, messages: AsyncIterator[bytes]) -> None:
        workers = [
            asyncio.create_task(self._drain(peer, peer.urgent, urgent=True)),
            asyncio.create_task(self._drain(peer, peer.bulk, urgent=False)),
            asyncio.create_task(self._beat(peer)),
        ]
        for worker in workers:
            worker.add_done_callback(lambda done: self._worker_ended(peer, done))
        try:
            await self._read(peer, messages)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    def _worker_ended(self, peer: Peer, worker: asyncio.Task[None]) -> None:
        """A link that cannot send is no link: without this, one message that cannot be encoded would silence it for good."""
        if not worker.cancelled() and (failure := worker.exception()) is not None:
            peer.session.end(f"nothing more can be sent: {failure}")

    async def _drain(self, peer: Peer, queue: asyncio.Queue[Message], *, urgent: bool) -> None:
        while True:
            await peer.session.send(encode(await queue.get()), urgent=urgent)

    async def _beat(self, peer: Peer) -> None:
        context = self._context
        while True:
            own, now_us = context.own_status(), context.clock.wall_us()
            body = context.directory.upward(own, now_us) if peer.facts.is_parent else context.directory.downward(own, now_us)
            peer.urgent.put_nowait(Heartbeat(body, context.hybrid.tick()))
            await asyncio.sleep(context.limits.heartbeat_s)

    async def _read(self, peer: Peer, messages: AsyncIterator[bytes]) -> None:
        async for data in messages:
            if peer.is_closing:
                return
            message = decode(data, self._context.limits)
            if isinstance(message, Data):
                await self._context.runtime.wait_for_room(peer.facts.node, self._context.limits.inbound_jobs_max)
            if isinstance(message, Data | Ack | Refused | Stop):
                self._to_engine(peer.facts.node, message)
            else:
                self._to_shell(peer, message)

    def _to_engine(self, peer: str, message: Message) -> None:
        self._context.runtime.post(lambda engine, now: engine.receive(peer, message, now))

    def _to_shell(self, peer: Peer, message: object) -> None:
        context, name = self._context, peer.facts.node
        if isinstance(message, Heartbeat):
            context.hybrid.observe(message.sent_at)
            if peer.facts.is_parent:
                context.directory.heard_from_parent(message.statuses, context.clock.wall_us())
            else:
                context.directory.heard_from_child(name, message.statuses, context.clock.wall_us())
        elif isinstance(message, Bundles):
            context.policy.take(message.bundles)
        elif isinstance(message, Query) and peer.facts.is_parent:
            context.queries.asked(message, lambda answer: self.tell(name, answer))
        elif isinstance(message, Answer):
            context.queries.answered(name, message)

    def _closed(self, name: str, session: Session) -> None:
        if (peer := self._peers.get(name)) is None or peer.session is not session:
            return
        del self._peers[name]
        self._context.queries.lost(name)
        self._context.runtime.post(lambda engine, now: engine.link_down(name, now))
        log.info("link down with %s", name)

    # ---- from the engine

    def _send(self, send: Send) -> None:
        if (peer := self._peers.get(send.peer)) is not None:
            (peer.urgent if send.urgent else peer.bulk).put_nowait(send.message)

    def _event(self, event: Event) -> None:
        if isinstance(event, LinkBroken) and (peer := self._peers.get(event.peer)) is not None:
            log.warning("link to %s broken: %s", event.peer, event.reason)
            if peer.facts.is_parent:
                self.trouble = event.reason
            peer.is_closing = True
            peer.session.end(event.reason)

    def _spread_bundles(self) -> None:
        version = self._context.policy.version
        self._context.runtime.post(lambda engine, now: engine.policy_changed(version, now))
        for peer in self._peers.values():
            # An empty version: what the peer holds already it recognises by its epoch.
            peer.urgent.put_nowait(Bundles(self._context.policy.missing_in(PolicyVersion(), peer.facts.territory)))
