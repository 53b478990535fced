"""The sessions of a simulated node: handshake, messages in and out, and what of them goes to the engine, as node/links/links.py does.

Owns which links stand. A message that cannot be read or that breaks the protocol ends its session. Called by simulations/host.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from node.errors import NodeError
from node.fork.giveback import ReseedProgress
from node.links.handshake import Handshake, Me, Step, offer_messages
from node.links.links import FENCE_GRACE_S
from node.links.opening import HANDSHAKE_TIMEOUT_S
from node.policy.slicing import Offer
from node.store.heard import last_heard, unheard
from policies.errors import PolicyError
from simulations.network import Session
from sync.core.lanes import URGENT_LANES
from sync.core.messages import Answer, Bundles, Data, ForEngine, Heartbeat, Hello, Message, Orders, Query, Stop, Wants
from sync.core.ready import LinkBroken, Moved, PeerFacts, Send
from sync.model import MICROSECONDS, Direction, Lane, SyncError
from sync.wire.codec import Unknown, decode, encode

if TYPE_CHECKING:
    from simulations.host import Host

HANDSHAKE_TIMEOUT_US = round(HANDSHAKE_TIMEOUT_S * MICROSECONDS)

Chains = dict[tuple[Direction, Lane], bytes | None]


@dataclass(slots=True)
class Link:
    """A session as this end sees it."""

    session: Session
    handshake: Handshake
    is_parent: bool
    facts: PeerFacts | None = None
    """Who is there; None before the handshake is done."""
    reseed: ReseedProgress | None = None
    """How far this child, which is seeded anew, has what was brought here; None for any other."""
    waiting: dict[bool, deque[Message]] = field(default_factory=lambda: {True: deque(), False: deque()})
    """By connection (True: the urgent one): what came and waits until the lane in front of it takes data again."""

    @property
    def is_up(self) -> bool:
        """True once the handshake is done."""
        return self.facts is not None


class Sessions:
    """All links of one node."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.links: dict[str, Link] = {}
        """By peer, those in their handshake included."""

    # ---- begin and end

    def open(self, session: Session, *, is_parent: bool) -> None:
        """A session with `session.other(host)` stands: begin the handshake."""
        host = self._host
        peer = session.other(host.id)
        held = host.engine.positions_by_incarnation(peer)
        shaking = Handshake(
            Me(host.id, host.incarnation, host.plan.level, host.plan.territory),
            peer=peer,
            is_parent=is_parent,
            positions=lambda incarnation: held.get(incarnation, ()),
            shelf=host.policy,
            tick=host.hybrid.tick,
            lives=host.forks,
            reseed=is_parent and host.forks.is_reseed_wanted,
            heard=lambda life: host.journal.look("look at refusals", lambda db: last_heard(db, peer, life, own=host.incarnation)),
            slicing=host.slicing,
        )
        link = self.links[peer] = Link(session, shaking, is_parent)
        session.receivers[host.id] = lambda data: self._receive(link, peer, data)
        host.later(HANDSHAKE_TIMEOUT_US, lambda: self._give_up_handshake(link, peer))
        for message in shaking.begin():
            self.say(link, message)

    def close(self, peer: str) -> None:
        """The session with `peer` is gone."""
        if self.links.pop(peer, None) is not None:
            self._host.post(lambda engine, now: engine.link_down(peer, now))

    def broken(self, event: LinkBroken) -> None:
        """The engine ends a link; a fork ends this life of the node when it is proven."""
        link, host = self.links.get(event.peer), self._host
        host.around.trace.note(host.id, "broken", event.reason)
        host.around.link_lost(host.id, event.peer)
        if event.is_fork and link is not None and link.facts is not None and link.handshake.hello is not None:
            host.forks.found(link.facts, link.handshake.hello)

    def fence(self, node: str, reason: str) -> None:
        """A child was moved away: it hears the order before this, and the reason; one that stays all the same is cut off."""
        link, host = self.links.get(node), self._host
        if link is None or link.is_parent:
            return
        self.say(link, Stop(reason))
        host.later(round(FENCE_GRACE_S * MICROSECONDS), lambda: self._cut_off(link, node))

    def of(self, peer: str) -> Session | None:
        """The session with `peer`, handshake included; None when there is none."""
        link = self.links.get(peer)
        return link.session if link else None

    # ---- out

    def say(self, link: Link, message: Message, *, urgent: bool = True) -> None:
        """Send a message to the other end of a link."""
        self._host.around.send(link.session, self._host.id, encode(message), urgent)

    def tell(self, peer: str, message: Message) -> bool:
        """Send a message of the shell's; False without an open link."""
        link = self.links.get(peer)
        if link is None or not link.is_up:
            return False
        self.say(link, message)
        return True

    def hand_out(self, send: Send) -> None:
        """Send what the engine says."""
        link, host = self.links.get(send.peer), self._host
        if link is None or not link.is_up:
            return
        if isinstance(send.message, Data):
            host.around.wire(host.id, send.peer, send.message)
        self.say(link, send.message, urgent=send.urgent)

    def spread_bundles(self) -> None:
        """Another policy is in force here: offer it to everybody."""
        host = self._host
        for peer, link in sorted(self.links.items()):
            if link.is_up and self._offer(link, host.slicing.news(peer)):
                host.around.trace.note(host.id, "bundles", peer)
        host.slicing.ask()

    def ask_for_slices(self, wants: Wants) -> bool:
        """Tell the parent what is wanted now; False without a link to one that knows slices."""
        for link in self.links.values():
            if link.is_up and link.is_parent and link.handshake.hello is not None and link.handshake.hello.wants is not None:
                self.say(link, wants)
                return True
        return False

    def _offer(self, link: Link, offer: Offer) -> bool:
        """Send what came into force here; False when there is nothing."""
        for message in offer_messages(offer) if offer else ():
            self.say(link, message)
        return bool(offer)

    def spread_orders(self, orders: Orders) -> None:
        """An attachment order is news here: tell every child."""
        for _, link in sorted(self.links.items()):
            if link.is_up and not link.is_parent:
                self.say(link, orders)

    def beat(self) -> None:
        """Heartbeats to those to whom they say something new."""
        host = self._host
        open_links = {peer: link.is_parent for peer, link in self.links.items() if link.is_up}
        for peer, body in host.tree.news(open_links).items():
            age_us = None if open_links[peer] else host.forks.above_age_us()
            self.say(self.links[peer], Heartbeat(body, host.hybrid.tick(), above_age_us=age_us))

        for _, link in sorted(self.links.items()):
            if link.is_up and link.reseed is not None and link.reseed.is_done:
                self.say(link, Heartbeat(host.tree.body_below, host.hybrid.tick(), reseeded=True))

    def moved(self, event: Moved) -> None:
        """A peer stored, or need not have, what was sent to it."""
        link = self.links.get(event.peer)
        if link is not None and link.reseed is not None:
            link.reseed.moved(event.lane, event.stored)

    # ---- in

    def lanes_opened(self) -> None:
        """Lanes take data again that did not: what waits for them is heard."""
        for peer, link in sorted(self.links.items()):
            for waiting in link.waiting.values():
                while waiting and not self._must_wait(waiting[0]):
                    self._hear(link, peer, waiting.popleft())

    def _receive(self, link: Link, peer: str, data: bytes) -> None:
        host = self._host
        if self.links.get(peer) is not link:
            return
        if host.is_paused:
            host.around.at(host.paused_until_us, lambda: self._receive(link, peer, data))
            return
        try:
            message = decode(data, host.around.limits)
            if link.is_up:
                self._receive_open(link, peer, message)
                return
            for answer in () if isinstance(message, Unknown) else link.handshake.receive(message):
                self.say(link, answer)
        except (SyncError, PolicyError, NodeError) as error:
            # As node/links/links.py: the session ends with the reason, and the child opens another.
            host.around.trace.note(host.id, "refused", str(error))
            host.around.link_lost(host.id, peer)
            return
        if link.handshake.step is Step.DONE:
            self._is_up(link, peer)

    def _receive_open(self, link: Link, peer: str, message: Message | Unknown) -> None:
        if isinstance(message, Unknown):
            # As node/links/links.py: what only a newer program understands is skipped, and answered where its sender waits.
            for answer in message.answers:
                self._host.around.send(link.session, self._host.id, answer, False)
            return
        waiting = link.waiting[_is_urgent(message)]
        if waiting or self._must_wait(message):
            waiting.append(message)
        else:
            self._hear(link, peer, message)

    def _must_wait(self, message: Message) -> bool:
        """As Runtime.wait_for_room: a frame of a lane that takes nothing keeps its connection waiting."""
        if not isinstance(message, Data) or message.frame.lane not in self._host.closed_lanes:
            return False
        self._host.waiting_lanes.add(message.frame.lane)
        return True

    def _hear(self, link: Link, peer: str, message: Message) -> None:
        host = self._host
        assert link.facts is not None, "a message of an open link before its handshake"
        if isinstance(message, Data):
            host.policy.needed(message.frame.batch.header.resource)
        if isinstance(message, Data) and link.handshake.hello is not None:
            host.forks.data_from(link.facts, link.handshake.hello)
        if isinstance(message, ForEngine):
            host.post(lambda engine, now: engine.receive(peer, message, now))
        elif isinstance(message, Bundles):
            host.slicing.take(peer, message)
        elif isinstance(message, Wants) and not link.is_parent:
            host.policy.grow_trees()
            self._offer(link, host.slicing.heard(peer, message))
        elif isinstance(message, Heartbeat):
            self._hear_beat(link, peer, message)
        elif isinstance(message, Orders) and link.is_parent:
            host.tree.desk.take_all(message)
        elif isinstance(message, Query):
            host.upkeep.asked(peer, message)
        elif isinstance(message, Answer):
            host.upkeep.answered(peer, message)

    def _hear_beat(self, link: Link, peer: str, beat: Heartbeat) -> None:
        host = self._host
        host.hybrid.observe(beat.sent_at)
        if link.is_parent and host.rooms is not None and host.rooms.absence.hear(beat.sent_at.wall_us, beat.above_age_us):
            host.around.link_lost(host.id, peer)
        if link.is_parent and beat.reseeded and host.forks.reseeded():
            host.around.link_lost(host.id, peer)
        standing = host.tree.heard(peer, beat, is_parent=link.is_parent)
        if standing is not None:
            host.post(lambda engine, now: engine.stands(standing))

    def _is_up(self, link: Link, peer: str) -> None:
        host, hello = self._host, link.handshake.hello
        assert isinstance(hello, Hello), "a finished handshake has a Hello"
        host.hybrid.observe(hello.sent_at)
        subtree: frozenset[str] = frozenset() if link.is_parent else host.tree.directory.subtree(peer)
        former = host.tree.desk.former if link.is_parent else ""
        if link.is_parent and host.rooms is not None and not host.rooms.heard_from_above(hello):
            host.around.link_lost(host.id, peer)
            return
        if link.is_parent:
            host.slicing.ask()
        reseeds = host.forks.is_reseed_wanted if link.is_parent else hello.reseed
        facts = link.facts = PeerFacts(
            peer, hello.incarnation, hello.level, hello.territory, link.is_parent, subtree, former,
            reseed=reseeds and not link.is_parent, reseeds=reseeds,
        )  # fmt: skip
        link.reseed = host.forks.giving_back(hello) if facts.reseed else None
        for message in link.handshake.late_bundles():
            self.say(link, message)
        if not link.is_parent:
            for orders in host.tree.desk.messages():
                self.say(link, orders)
        for refused in unheard(host.journal, hello, host.policy.version):
            self.say(link, refused)
        chains = self._chains(peer, hello)
        host.around.trace.note(host.id, "link", peer)
        host.post(lambda engine, now: engine.link_up(facts, hello, chains, now))
        host.forks.met(facts)
        host.tree.opened(peer)
        host.upkeep.met(peer)

    def _chains(self, peer: str, hello: Hello) -> Chains:
        host = self._host
        mine = hello.positions if hello.for_incarnation == host.incarnation else ()
        return {
            (position.direction, position.lane): host.journal.ledger_chain(
                peer, position.direction, position.lane, position.upto, claimed=position.chain
            )
            for position in mine
        }

    def _give_up_handshake(self, link: Link, peer: str) -> None:
        if self.links.get(peer) is link and not link.is_up:
            self._host.around.link_lost(self._host.id, peer)

    def _cut_off(self, link: Link, node: str) -> None:
        if self.links.get(node) is link:
            self._host.around.link_lost(self._host.id, node)


def _is_urgent(message: Message) -> bool:
    """Which connection a message came on: that of its lane; what has none is urgent."""
    lane = message.frame.lane if isinstance(message, Data) else getattr(message, "lane", Lane.CONTROL)
    return lane in URGENT_LANES
