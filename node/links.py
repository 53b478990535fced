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

from node.attaching import AttachmentDesk
from node.attendance import Attendance
from node.backoff import Backoff
from node.clock import Clock, HybridClock
from node.directory import Directory, LinkStatus, NodeStatus
from node.fork.desk import ForkDesk
from node.fork.giveback import ReseedProgress
from node.handshake import Handshake, Me, Step
from node.offences import Offences
from node.outgoing import Outgoing
from node.pace import pace_facts
from node.policy_store import PolicyStore
from node.pulse import Pulse
from node.queries import QueryDesk
from node.runtime import Runtime
from policies.errors import PolicyError
from sync.core.engine import ChainAt
from sync.core.messages import Ack, Answer, Bundles, Data, Heartbeat, Hello, Message, Orders, Query, Refused, Stop
from sync.core.pacing import TokenBucket
from sync.core.ready import Event, FrameRefused, LinkBroken, Moved, PeerFacts, Send
from sync.model import MICROSECONDS, Limits, LinkError, PolicyVersion, SyncError
from sync.ports import Journal
from sync.transport.link_wire import TryLaterError
from sync.transport.mailbox import Group
from sync.transport.session import PeerIdentity, Session
from sync.wire.codec import decode, encode

log = logging.getLogger("yunnao.links")

HANDSHAKE_TIMEOUT_S = 60.0
"""How long a session may take from its opening to its last Hello."""


CERTIFICATE_LOOK_S = 60.0
"""Longest wait between two looks at the end of a peer's certificate: wall clocks jump."""

FENCE_GRACE_S = 5.0
"""How long a child that was moved away has to end its link itself."""

MESSAGES_PER_S = 1_000.0
MESSAGES_BURST = 100.0
"""Messages of one peer that are heard; what comes faster waits on its connection. A link at full speed needs a few hundred a second."""
MESSAGE_TOKEN_BYTES = 4_096
MESSAGES_AT_ONCE = 8
"""Messages of one peer after which the others have their turn."""

URGENT_BODY_BYTES_MAX = 65_536
"""A question or answer with a longer body goes with the bulk: no alarm waits behind it."""


@dataclass(slots=True)
class Peer:
    """An open link."""

    facts: PeerFacts
    session: Session
    since_us: int
    urgent: Outgoing = field(default_factory=Outgoing)
    bulk: Outgoing = field(default_factory=Outgoing)
    is_closing: bool = False
    hello: Hello | None = None
    """What it said last in the handshake."""
    reseed: ReseedProgress | None = None
    """For a child that lost its journal: how far it has got back what it had brought."""
    budget: TokenBucket = field(default_factory=lambda: TokenBucket(per_s=MESSAGES_PER_S, burst=MESSAGES_BURST))
    """What it may say: a message is a token, and one more for each MESSAGE_TOKEN_BYTES of what is no frame."""


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
    forks: ForkDesk
    attachments: AttachmentDesk
    attendance: Attendance


class Links:
    """All open links of the node, by peer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._peers: dict[str, Peer] = {}
        self.offences = Offences(context.clock)
        """What peers did that was refused."""
        self.trouble = ""
        """Why the link to the parent is down, for status; empty while it is up or none is wanted."""
        context.runtime.on_send = self._send
        context.runtime.on_event = self._event
        context.policy.on_new = self._spread_bundles
        context.policy.on_dates = self._decide_again
        context.attachments.on_spread = self._spread_orders
        context.attachments.on_fenced = self._fence
        self._stood: dict[str, frozenset[str]] = {}
        """By peer: the nodes that stood on its side when the engine was told last."""

    # ---- what others may ask

    def link_status(self) -> LinkStatus:
        """The link to the parent."""
        parent = next((peer for peer in self._peers.values() if peer.facts.is_parent), None)
        return LinkStatus("up", parent.since_us) if parent else LinkStatus("down" if self.trouble else "none")

    def children(self) -> list[str]:
        """Children with an open link, sorted."""
        return sorted(peer.facts.node for peer in self._peers.values() if not peer.facts.is_parent)

    def clones(self) -> list[dict[str, object]]:
        """Nodes of which two lives take turns on links here."""
        return self._context.forks.clones()

    def is_linked(self, peer: str) -> bool:
        """True while a session with the peer is open."""
        return peer in self._peers

    def pace_of(self, peer: str, *, backlog_bytes: int | None) -> dict[str, object]:
        """How fast the link to a peer is, for status (node/pace.py)."""
        pace = self._context.runtime.engine.pace(peer, self._context.clock.now())
        return pace_facts(pace, backlog_bytes=backlog_bytes)

    def facts_of(self, peer: str) -> PeerFacts | None:
        """Who is at the other end of the link with `peer`; None without one."""
        entry = self._peers.get(peer)
        return None if entry is None else entry.facts

    def tell(self, peer: str, message: Message) -> bool:
        """Queue a message of the shell's (Query, Answer, Bundles); False when there is no link."""
        if (entry := self._peers.get(peer)) is None:
            return False
        is_long = isinstance(message, Query | Answer) and len(message.body) > URGENT_BODY_BYTES_MAX
        (entry.bulk if is_long else entry.urgent).put_nowait(message)
        return True

    def renew_uplink(self) -> None:
        """The certificates were renewed: open the link to the parent again; a channel goes on showing what it began with."""
        for peer in self._peers.values():
            if peer.facts.is_parent:
                peer.session.end("this node's certificate was renewed")

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
            except TryLaterError as error:
                self._note_trouble(str(error))
                await asyncio.sleep(backoff.next_wait_after_s(error.retry_after_s))
                continue
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
        messages = session.incoming(Group.URGENT)  # a frame on the other connection may be here before the last word of the handshake
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
            lives=context.forks,
            reseed=is_parent and context.forks.is_reseed_wanted,
        )
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await self._say(session, shaking.begin())
            while shaking.step is not Step.DONE:
                await self._say(session, shaking.receive(await self._hear(session, messages)))
        assert shaking.hello is not None, "a handshake that ended without a Hello"
        context.hybrid.observe(shaking.hello.sent_at)
        subtree: frozenset[str] = frozenset() if is_parent else context.directory.subtree(name)
        former = context.attachments.former if is_parent else ""
        reseeds = context.forks.is_reseed_wanted if is_parent else shaking.hello.reseed
        facts = PeerFacts(
            name, shaking.hello.incarnation, identity.level, identity.territory, is_parent, subtree, former,
            reseed=not is_parent and (reseeds or context.attendance.is_detached(name)), reseeds=reseeds,
        )  # fmt: skip
        return Peer(facts, session, context.clock.wall_us(), hello=shaking.hello), shaking

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
        peer.session.on_open()
        for message in shaking.late_bundles():
            peer.urgent.put_nowait(message)
        if peer.facts.is_parent:
            self.trouble = ""
        else:
            for orders in self._context.attachments.messages():
                peer.urgent.put_nowait(orders)
        if peer.facts.reseeds and not peer.facts.is_parent:
            peer.reseed = self._context.forks.giving_back(hello)
            log.info("%s lost its journal and gets back what it had brought", name)
        chains = self._chains(hello)
        self._context.runtime.post(lambda engine, now: engine.link_up(peer.facts, hello, chains, now))
        log.info("link up with %s (%s)", name, "parent" if peer.facts.is_parent else "child")
        self._context.forks.met(peer.facts)

    def _chains(self, hello: Hello) -> ChainAt:
        if hello.for_incarnation != self._context.me.incarnation:
            return {}
        journal = self._context.journal
        return {
            (position.direction, position.lane): journal.ledger_chain(
                hello.node, position.direction, position.lane, position.upto, claimed=position.chain
            )
            for position in hello.positions
        }

    async def _pump(self, peer: Peer, messages: AsyncIterator[bytes]) -> None:
        workers = [
            asyncio.create_task(self._drain(peer, peer.urgent, urgent=True)),
            asyncio.create_task(self._drain(peer, peer.bulk, urgent=False)),
            asyncio.create_task(self._beat(peer)),
            asyncio.create_task(self._end_with_certificate(peer)),
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

    async def _drain(self, peer: Peer, queue: Outgoing, *, urgent: bool) -> None:
        while True:
            await peer.session.send(encode(await queue.get()), urgent=urgent)

    async def _beat(self, peer: Peer) -> None:
        context = self._context
        pulse = Pulse(context.limits, context.clock.now())
        while True:
            context.policy.look_at_dates()
            own, now_us = context.own_status(), context.clock.wall_us()
            body = context.directory.upward(own, now_us) if peer.facts.is_parent else context.directory.downward(own, now_us)
            peer.urgent.put_nowait(Heartbeat(body, context.hybrid.tick(), reseeded=peer.reseed is not None and peer.reseed.is_done))
            if pulse.is_silent(peer.session.heard, context.clock.now()):
                raise LinkError(f"{peer.facts.node} has been silent for {pulse.silence_s:g} s")
            pace = context.runtime.engine.pace(peer.facts.node, context.clock.now())
            await asyncio.sleep(pulse.pause_s(beat_bytes=len(body), rate_bytes_s=pace.rate_bytes_s if pace else 0.0))

    async def _end_with_certificate(self, peer: Peer) -> None:
        """A session outlives no certificate: TLS looks at dates only when a connection begins."""
        identity = peer.session.peer
        assert identity is not None, "a session without an authorised peer"
        if not identity.not_after_us:
            return
        while identity.not_after_us > (now_us := self._context.clock.wall_us()):  # noqa: ASYNC110 - a wall clock tells nobody that it jumped
            await asyncio.sleep(min((identity.not_after_us - now_us) / MICROSECONDS, CERTIFICATE_LOOK_S))
        peer.session.end(f"the certificate that {identity.node} showed has ended: it opens the link again with a new one")

    async def _read(self, peer: Peer, messages: AsyncIterator[bytes]) -> None:
        """Both connections at once: while frames wait for room, alarms and heartbeats are heard."""
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
            if isinstance(message, Data):
                assert peer.hello is not None, "data before the handshake"
                self._context.forks.data_from(peer.facts, peer.hello)
                await self._context.runtime.wait_for_room(peer.facts.node, self._context.limits.inbound_jobs_max, message.frame.lane)
            if isinstance(message, Data | Ack | Refused | Stop):
                self._to_engine(peer.facts.node, message)
            else:
                self._to_shell(peer, message)

    async def _wait_for_turn(self, peer: Peer, body_bytes: int, heard: int) -> None:
        """Hear a peer no faster than its budget, and the others in between."""
        peer.budget.take(1.0 + body_bytes / MESSAGE_TOKEN_BYTES, self._context.clock.now())
        if wait_s := peer.budget.wait_s(0.0, self._context.clock.now()):
            await asyncio.sleep(wait_s)
        elif heard % MESSAGES_AT_ONCE == 0:
            await asyncio.sleep(0)

    def _to_engine(self, peer: str, message: Message) -> None:
        self._context.runtime.post(lambda engine, now: engine.receive(peer, message, now))

    def _to_shell(self, peer: Peer, message: object) -> None:
        context, name = self._context, peer.facts.node
        if isinstance(message, Heartbeat):
            context.hybrid.observe(message.sent_at)
            if peer.facts.is_parent:
                context.directory.heard_from_parent(message.statuses, context.clock.wall_us())
                if message.reseeded and context.forks.reseeded():
                    peer.session.end("the reseed is done: the link goes on without it")
            else:
                context.directory.heard_from_child(name, message.statuses, context.clock.wall_us())
            self._note_standing(peer)
        elif isinstance(message, Bundles):
            context.policy.take(message.bundles)
        elif isinstance(message, Orders) and peer.facts.is_parent:
            context.attachments.take_all(message)
        elif isinstance(message, Query) and peer.facts.is_parent and message.verb in context.queries.handlers:
            context.queries.asked(message, lambda answer: self.tell(name, answer))
        elif isinstance(message, Query):
            context.queries.asked_by(name, message, lambda answer: self.tell(name, answer))
        elif isinstance(message, Answer):
            context.queries.answered(name, message)

    def _note_standing(self, peer: Peer) -> None:
        """Tell the engine when it changed who stands where: a child speaks for its subtree alone."""
        directory, name = self._context.directory, peer.facts.node
        stands = directory.ancestors() if peer.facts.is_parent else directory.subtree(name)
        if self._stood.get(name) == stands:
            return
        self._stood[name] = stands
        standing = directory.standing()
        self._context.runtime.post(lambda engine, now: engine.stands(standing))

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
        if isinstance(event, FrameRefused):
            self.offences.frame(event.peer, f"a frame of lane {event.lane.word} from {event.peer} was refused: {event.reason}")
        if isinstance(event, Moved) and (peer := self._peers.get(event.peer)) is not None and peer.reseed is not None:
            peer.reseed.moved(event.lane, event.stored)
        if isinstance(event, LinkBroken) and (peer := self._peers.get(event.peer)) is not None:
            self.offences.link(event.peer, f"link to {event.peer} broken: {event.reason}")
            if peer.facts.is_parent:
                self.trouble = event.reason
            peer.is_closing = True
            peer.session.end(event.reason)
            if event.is_fork and peer.hello is not None:
                self._context.forks.found(peer.facts, peer.hello)

    def _spread_orders(self, orders: Orders) -> None:
        for peer in self._peers.values():
            if not peer.facts.is_parent:
                peer.urgent.put_nowait(orders)

    def _fence(self, node: str, reason: str) -> None:
        """A child was moved away: it hears the order before this, and the reason; a child that stays all the same is cut off."""
        if (peer := self._peers.get(node)) is not None and not peer.facts.is_parent:
            peer.urgent.put_nowait(Stop(reason))
            asyncio.get_running_loop().call_later(FENCE_GRACE_S, peer.session.end, reason)

    def _decide_again(self, reasons: frozenset[str]) -> None:
        self._context.runtime.post(lambda engine, now: engine.dates_moved(reasons, now))

    def _spread_bundles(self) -> None:
        version = self._context.policy.version
        self._context.runtime.post(lambda engine, now: engine.policy_changed(version, now))
        for peer in self._peers.values():
            # An empty version: what the peer holds already it recognises by its epoch.
            peer.urgent.put_nowait(Bundles(self._context.policy.missing_in(PolicyVersion(), peer.facts.territory)))
