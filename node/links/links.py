"""The node's links: sessions with the parent and the children, and what is said to them all.

Owns: which peer has an open link, when the link to the parent is opened again, and what the engine and the desks send. The child opens.
How a link begins is link_opening.py, what it does by itself link_speaking.py, what is heard link_hearing.py. Each link has two queues
out, so that nothing urgent waits behind bulk. Called by node/assembly.py, the API and the desks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from node.backoff import Backoff
from node.links.handshake import Handshake, offer_messages
from node.links.hearing import Hearing
from node.links.newer import NewerWords
from node.links.offences import Offences
from node.links.opening import HANDSHAKE_TIMEOUT_S, Opening
from node.links.pace import pace_facts
from node.links.peer import Context, Peer
from node.links.speaking import Speaking
from node.tree.directory import LinkStatus
from policies.errors import PolicyError
from sync.core.messages import PROTOCOL_NEWEST, Answer, Message, Orders, Query, Stop, Wants
from sync.core.ready import Event, FrameRefused, LinkBroken, Moved, PeerFacts, Send
from sync.model import LinkError, SyncError
from sync.transport.link_wire import TryLaterError
from sync.transport.mailbox import Group
from sync.transport.session import Session

log = logging.getLogger("yunnao.links")

FENCE_GRACE_S = 5.0
"""How long a child that was moved away has to end its link itself."""

URGENT_BODY_BYTES_MAX = 16_384
"""A question or answer with a longer body goes with the bulk: no alarm waits behind it. Half a second of 256 kbit/s."""


class Links:
    """All open links of the node, by peer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._peers: dict[str, Peer] = {}
        self.offences = Offences(context.clock)
        """What peers did that was refused."""
        self.newer = NewerWords()
        """What peers of a newer version said that was not understood."""
        self.on_linked: Callable[[str], None] = lambda peer: None
        """Called with each peer whose session begins."""
        self.trouble = ""
        """Why the link to the parent is down, for status; empty while it is up or none is wanted."""
        context.runtime.on_send = self._send
        context.runtime.on_event = self._event
        context.policy.on_new = self._spread_bundles
        context.policy.on_dates = self._decide_again
        context.slicing.on_wants = self._ask_for_slices
        context.attachments.on_spread = self._spread_orders
        context.attachments.on_fenced = self._fence
        self._opening, self._speaking = Opening(context, self.newer), Speaking(context)
        self._hearing = Hearing(context, self.newer, self.tell, self.offences.hurry)
        context.attachments.on_standing = self._hearing.ordered

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
        """How fast the link to a peer is, for status (node/links/pace.py)."""
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
                session = await dial()
                await self._converse(session, is_parent=True)
                self._note_trouble(f"the link was closed: {session.closed.result()}")
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
            peer, shaking = await self._opening.shake_hands(session, messages, identity, is_parent=is_parent)
            await self._open(peer, shaking)
            await self._speaking.beside(peer, self._hearing.listen(peer, messages))
        except TimeoutError:
            reason = f"{identity.node} did not finish the handshake in {HANDSHAKE_TIMEOUT_S:g} s"
            raise LinkError(reason) from None
        except (SyncError, PolicyError) as error:
            reason = str(error)
            raise LinkError(reason) from error
        finally:
            await session.close(reason)
            self._closed(identity.node, session)

    # ---- an open link

    async def _open(self, peer: Peer, shaking: Handshake) -> None:
        name, hello = peer.facts.node, shaking.hello
        assert hello is not None, "a handshake that ended without a Hello"
        if (former := self._peers.get(name)) is not None:
            former.is_closing = True
            await former.session.close(f"{name} opened a newer session")
        self._peers[name] = peer
        peer.session.on_open()
        if hello.protocol_newest > PROTOCOL_NEWEST:
            self.newer.note(name, f"link protocol {hello.protocol_newest}")
        for message in shaking.late_bundles():
            peer.urgent.put_nowait(message)
        if peer.facts.is_parent:
            self.trouble = ""
            self._context.slicing.ask()
        else:
            for orders in self._context.attachments.messages():
                peer.urgent.put_nowait(orders)
        if peer.facts.reseeds and not peer.facts.is_parent:
            peer.reseed = self._context.forks.giving_back(hello)
            log.info("%s lost its journal and gets back what it had brought", name)
        await self._opening.tell_unheard(peer, hello)
        chains = self._opening.chains(hello)
        self._context.runtime.post(lambda engine, now: engine.link_up(peer.facts, hello, chains, now))
        log.info("link up with %s (%s)", name, "parent" if peer.facts.is_parent else "child")
        self.on_linked(name)
        self._context.forks.met(peer.facts)

    def _closed(self, name: str, session: Session) -> None:
        if (peer := self._peers.get(name)) is None or peer.session is not session:
            return
        del self._peers[name]
        self._context.queries.lost(name)
        self._context.runtime.post(lambda engine, now: engine.link_down(name, now))
        log.info("link down with %s: %s", name, session.closed.result())

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
        for name, peer in self._peers.items():
            offer = self._context.slicing.news(name)
            for message in offer_messages(offer) if offer else ():
                peer.urgent.put_nowait(message)
        self._context.slicing.ask()

    def _ask_for_slices(self, wants: Wants) -> bool:
        """Tell the parent what is wanted now; False without a link to one that knows slices."""
        for peer in self._peers.values():
            if peer.facts.is_parent and peer.hello is not None and peer.hello.wants is not None:
                peer.urgent.put_nowait(wants)
                return True
        return False
