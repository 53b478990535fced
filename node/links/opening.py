"""How a link begins: the handshake of two nodes over a session, and what a peer is once it is done.

Owns: the time a handshake may take, and what of a newer program's words is skipped in it. Refuses a session that ends or babbles before
its last Hello (LinkError). The steps themselves are node/links/handshake.py. Called by links.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

from node.fork.absence import AWAY_DAYS_MAX
from node.links.handshake import Handshake, Step
from node.links.newer import NewerWords
from node.links.peer import Context, Peer
from node.store.heard import PAGE_MAX, last_heard, unheard
from sync.core.engine import ChainAt
from sync.core.lanes import URGENT_LANES
from sync.core.messages import Bundles, Hello, Message, Stop
from sync.core.ready import PeerFacts
from sync.model import LinkError
from sync.transport.session import PeerIdentity, Session
from sync.wire.codec import Unknown, decode, encode

HANDSHAKE_TIMEOUT_S = 60.0
"""How long a session may take from its opening to its last Hello."""


UNKNOWN_AT_FIRST_MAX = 64
"""Messages of a newer program that are skipped in one handshake."""


class Opening:
    """Brings sessions to the point from which data may flow."""

    def __init__(self, context: Context, newer: NewerWords) -> None:
        self._context = context
        self._newer = newer

    async def shake_hands(
        self, session: Session, messages: AsyncIterator[bytes], identity: PeerIdentity, *, is_parent: bool
    ) -> tuple[Peer, Handshake]:
        """The peer of a session, and the handshake it came out of; `messages` are those of the urgent connection.

        Raises TimeoutError after HANDSHAKE_TIMEOUT_S, LinkError when the session ends before, or when the peer was let in only to hear why
        it may not stay.
        """
        context, name, journal = self._context, identity.node, self._context.journal
        if identity.dismissal:
            await session.send(identity.dismissal, urgent=True)
            raise LinkError(f"{name} stands elsewhere by order and was told so")
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
            heard=lambda life: journal.look("look at refusals", lambda db: last_heard(db, name, life, own=context.me.incarnation)),
            reseed=is_parent and context.forks.is_reseed_wanted,
            slicing=context.slicing,
        )
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await self._say(session, shaking.begin())
            while shaking.step is not Step.DONE:
                message = await self._hear(session, messages)
                if is_parent and isinstance(message, Stop):
                    context.attachments.dismissed(message)
                if isinstance(message, Bundles):
                    await context.policy.prepare(message.bundles, message.slices)
                if isinstance(message, Hello):
                    await context.slicing.prepare(message.wants)
                await self._say(session, shaking.receive(message))
        assert shaking.hello is not None, "a handshake that ended without a Hello"
        context.hybrid.observe(shaking.hello.sent_at)
        if is_parent:
            await self._heard_from_above(shaking.hello)
        elif context.attendance.is_too_long_silent(name) and not shaking.hello.reseed:
            raise LinkError(f"{name} was away for more than {AWAY_DAYS_MAX} days and must be seeded anew: `yunnao reseed` there")
        subtree: frozenset[str] = frozenset() if is_parent else context.directory.subtree(name)
        former = context.attachments.former if is_parent else ""
        reseeds = context.forks.is_reseed_wanted if is_parent else shaking.hello.reseed
        facts = PeerFacts(
            name, shaking.hello.incarnation, identity.level, identity.territory, is_parent, subtree, former,
            reseed=not is_parent and (reseeds or context.attendance.is_detached(name)), reseeds=reseeds,
        )  # fmt: skip
        return Peer(facts, session, context.clock.wall_us(), hello=shaking.hello), shaking

    async def _heard_from_above(self, hello: Hello) -> None:
        """The policy of those above is in force here: write that down, unless this node was away for too long."""
        absence = self._context.forks.absence
        if why := absence.hear(hello.sent_at.wall_us, hello.above_age_us):
            raise LinkError(why)
        await self._context.runtime.beside_commits(absence.write_down)

    async def tell_unheard(self, peer: Peer, hello: Hello) -> None:
        """Tell a peer of refusals that it has not heard of and that the engine does not remember; before the engine says anything."""
        older = unheard(self._context.journal, hello, self._context.policy.version)
        while page := await asyncio.to_thread(lambda: list(islice(older, PAGE_MAX))):
            for refused in page:
                await peer.session.send(encode(refused), urgent=refused.lane in URGENT_LANES)

    async def _hear(self, session: Session, messages: AsyncIterator[bytes]) -> object:
        try:
            for _ in range(UNKNOWN_AT_FIRST_MAX):
                message = decode(await anext(messages), self._context.limits)
                if not isinstance(message, Unknown):
                    return message
                self._newer.note(_name_of(session), message.words)
        except StopAsyncIteration:
            raise LinkError(f"the link ended in the handshake: {session.closed.result()}") from None
        raise LinkError(f"{_name_of(session)} sent {UNKNOWN_AT_FIRST_MAX} messages that are not known here instead of a handshake")

    async def _say(self, session: Session, messages: list[Message]) -> None:
        for message in messages:
            await session.send(encode(message), urgent=True)

    def chains(self, hello: Hello) -> ChainAt:
        """What the share ledger has at each position that a peer's Hello names."""
        if hello.for_incarnation != self._context.me.incarnation:
            return {}
        journal = self._context.journal
        return {
            (position.direction, position.lane): journal.ledger_chain(
                hello.node, position.direction, position.lane, position.upto, claimed=position.chain
            )
            for position in hello.positions
        }


def _name_of(session: Session) -> str:
    assert session.peer is not None, "a session without an authorised peer"
    return session.peer.node
