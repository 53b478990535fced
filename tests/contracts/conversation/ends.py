"""One end of a conversation: a whole node of today's program without sockets and threads, driven message by message.

Everything that decides is the product's: identity, policy store, journal on disk, engine, pipeline, handshake, and the desks that answer
questions. Only the shell is this file, so that nothing depends on time: a message in, and `out` holds what the node says to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import cast
from unittest.mock import patch

from node.assembly import Parts, assemble
from node.config.config import NodeConfig
from node.engine.sealing import seal
from node.equality.desk import EqualityDesk
from node.fork.giveback import ReseedProgress
from node.identity.keys import public_bytes
from node.links.handshake import Handshake, Step
from node.repair.desk import RepairDesk
from node.repair.giving import Giver
from node.repair.wire import REPAIR
from node.requests.envelope import Seal
from node.summaries.keying import SketchKeys
from node.summaries.pull import SummaryDesk
from node.tree.directory import LinkStatus, NodeStatus
from node.tree.routes import RouteDesk
from policies.catalogue import Scalar
from policies.ruleset import Ruleset
from sync.core.messages import Answer, Bundles, Data, Heartbeat, Hello, Message, Orders, Query
from sync.core.ready import Event, LinkBroken, Moved, PeerFacts
from sync.model import MICROSECONDS, Lane, PolicyVersion, SyncError
from sync.wire.codec import Unknown, decode, encode
from tests.contracts.conversation.people import Person
from tests.node.identity.family import StandingClock
from tests.policies.city import rows_of

SOFTWARE = "0.1.0"


@dataclass(slots=True)
class End:
    """A node with at most one link. `open_end` makes one."""

    person: Person
    peer: Person
    parts: Parts
    clock: StandingClock
    out: list[tuple[bool, bytes]] = field(default_factory=list)
    """(urgent, message) in the order in which the node said them; whoever drives takes them."""
    unknown: list[str] = field(default_factory=list)
    """What was skipped."""
    broken: list[str] = field(default_factory=list)
    shaking: Handshake | None = None
    hello: Hello | None = None
    facts: PeerFacts | None = None
    """Of the peer, from the end of the handshake on."""
    reseed: ReseedProgress | None = None
    reseeds_done: int = 0
    """How often the parent said that all has come back."""

    def __post_init__(self) -> None:
        parts = self.parts
        parts.bind_status(self._status)
        parts.policy.on_new = self._policy_is_new
        # As from the certificate that the peer shows in TLS.
        parts.keys.learn_key(self.peer.name, public_bytes(self.peer.manifest_key.public_key()))
        parts.attachments.on_spread = self._spread
        EqualityDesk(self.person.name, parts.journal, parts.queries, lambda: self.clock.us / MICROSECONDS, lambda peer, origin: True)
        giver = Giver(parts.journal, parts.runtime.pipeline, lambda: parts.policy.version)
        parts.queries.neighbours[REPAIR] = RepairDesk(
            node=self.person.name, parent="", journal=parts.journal, runtime=parts.runtime, queries=parts.queries, giver=giver,
            facts=lambda peer: self.facts, linked=list, is_child=lambda node: True,
        ).answer  # fmt: skip
        SummaryDesk(
            node=self.person.name, depth=1, queries=parts.queries, marts=parts.marts, children=list,
            subtree=parts.directory.subtree, linked=list, may_release=lambda resource: "", grade_max=lambda resource: 4,
            sketch_least=lambda resource, grade: 0, keys=self._keys(),
        )  # fmt: skip

    def _keys(self) -> SketchKeys:
        """Keys of sketches: an older parent names nobody, so the node keeps the key itself and asks no other."""
        parts = self.parts
        parent = parts.parent.node if parts.parent is not None else ""
        routes = RouteDesk(self.person.name, parent, parts.directory, parts.queries)
        path = (parent, self.person.name)
        return SketchKeys(self.person.name, parent, lambda: path, b"s" * 32, routes, cast("Seal", None), lambda: bytes(16))

    def close(self) -> None:
        """Release the node's files."""
        self.parts.close()

    # ---- the link

    @property
    def is_child(self) -> bool:
        """True for the end that opens links."""
        return self.parts.parent is not None

    def meet(self) -> None:
        """Begin a link, as node/links/links.py does."""
        parts, peer = self.parts, self.peer
        known = parts.runtime.engine.positions_by_incarnation(peer.name)
        self.shaking = Handshake(
            parts.me, peer=peer.name, is_parent=self.is_child, positions=lambda life: known.get(life, ()), shelf=parts.policy,
            tick=parts.hybrid.tick, certified=(peer.facts.level, peer.facts.territory.code), lives=parts.forks,
            reseed=self.is_child and parts.forks.is_reseed_wanted,
        )  # fmt: skip
        self._say(self.shaking.begin())

    def hear(self, data: bytes) -> None:
        """A message of the peer arrives; what breaks the link is noted in `broken`."""
        try:
            self._hear(decode(data, self.parts.config.limits))
        except SyncError as error:
            self.broken.append(str(error))

    def _hear(self, message: Message | Unknown) -> None:
        if isinstance(message, Unknown):
            self.unknown.append(message.words)
            self.out += [(False, answer) for answer in message.answers]
        elif self.facts is None:
            self._shake(message)
        else:
            self._take(message, self.facts)
        self.turn()

    def _shake(self, message: Message) -> None:
        assert self.shaking is not None, "a message before the link"
        self._say(self.shaking.receive(message))
        if self.shaking.step is Step.DONE:
            assert self.shaking.hello is not None, "a handshake without a Hello"
            self._up(self.shaking.hello)
            self._say(self.shaking.late_bundles())

    def _up(self, hello: Hello) -> None:
        self.hello = hello
        parts, peer = self.parts, self.peer
        subtree = frozenset[str]() if self.is_child else parts.directory.subtree(peer.name)
        reseeds = parts.forks.is_reseed_wanted if self.is_child else hello.reseed
        self.facts = facts = PeerFacts(
            peer.name, hello.incarnation, peer.facts.level, peer.facts.territory.code, self.is_child, subtree,
            reseed=not self.is_child and reseeds, reseeds=reseeds,
        )  # fmt: skip
        mine = hello.for_incarnation == parts.me.incarnation
        chains = {
            (at.direction, at.lane): parts.journal.ledger_chain(peer.name, at.direction, at.lane, at.upto, claimed=at.chain)
            for at in (hello.positions if mine else ())
        }
        self.reseed = parts.forks.giving_back(hello) if reseeds and not self.is_child else None
        parts.runtime.engine.link_up(facts, hello, chains, self.clock.now())

    def _take(self, message: Message, facts: PeerFacts) -> None:
        parts = self.parts
        match message:
            case Heartbeat(statuses, sent_at, reseeded):
                parts.hybrid.observe(sent_at)
                if self.is_child:
                    parts.directory.heard_from_parent(statuses, self.clock.wall_us())
                    self.reseeds_done += reseeded and parts.forks.reseeded()
                else:
                    parts.directory.heard_from_child(self.peer.name, statuses, self.clock.wall_us())
            case Bundles(bundles):
                parts.policy.take(bundles)
            case Orders():
                parts.attachments.take_all(message)
            case Query():
                self._say([asyncio.run(self._answer(message))])
            case Answer():
                parts.queries.answered(self.peer.name, message)
            case _:
                if isinstance(message, Data) and self.hello is not None:
                    parts.forks.data_from(facts, self.hello)
                parts.runtime.engine.receive(self.peer.name, message, self.clock.now())

    async def _answer(self, query: Query) -> Answer:
        queries, above = self.parts.queries, self.is_child
        try:
            if above and query.verb in queries.handlers:
                return Answer(query.id, await queries.handlers[query.verb](query.body))
            if query.verb in queries.neighbours:
                return Answer(query.id, await queries.neighbours[query.verb](self.peer.name, query.body))
        except SyncError as error:
            return Answer(query.id, b"", str(error))
        return Answer(query.id, b"", f"question {query.verb!r} is not known to this version")

    # ---- what the node does by itself

    def offer(self, resource: str, rows: Sequence[dict[str, Scalar]], lane: Lane) -> None:
        """Records are made here."""
        batch = rows_of(self._ruleset.resources[resource], rows)
        for local in seal(batch, resource=resource, lane=lane, schema_version=1, at=self.parts.hybrid.tick(), ticket=1):
            self.parts.runtime.engine.offer(local, self.clock.now())
        self.turn()

    def beat(self) -> None:
        """A heartbeat is due."""
        parts, own, now_us = self.parts, self._status(), self.clock.wall_us()
        body = parts.directory.upward(own, now_us) if self.is_child else parts.directory.downward(own, now_us)
        self._say([Heartbeat(body, parts.hybrid.tick(), reseeded=self.reseed is not None and self.reseed.is_done)])

    def say(self, message: Message) -> None:
        """Something that only the script knows why."""
        self._say([message])

    def later(self, seconds: float) -> None:
        """Time passes: lanes that linger fall due."""
        self.clock.us += round(seconds * MICROSECONDS)
        self.parts.runtime.engine.timeout(self.clock.now())
        self.turn()

    def turn(self) -> None:
        """Turn the engine until it rests: commit, then hand out."""
        engine, parts = self.parts.runtime.engine, self.parts
        while not (ready := engine.ready(self.clock.now())).is_empty:
            if ready.writes:
                parts.journal.commit(ready.writes)
            self.out += [(send.urgent, encode(send.message)) for send in ready.sends]
            self._note(ready.events)
            engine.advance()
            for job in ready.jobs:
                engine.gated(parts.runtime.pipeline.run(job), self.clock.now())
        engine.advance()

    def _note(self, events: Sequence[Event]) -> None:
        self.broken += [event.reason for event in events if isinstance(event, LinkBroken)]
        for event in events:
            if isinstance(event, Moved) and self.reseed is not None:
                self.reseed.moved(event.lane, event.stored)

    def _say(self, messages: Sequence[Message]) -> None:
        self.out += [(True, encode(message)) for message in messages]

    def _spread(self, orders: Orders) -> None:
        if not self.is_child:
            self._say([orders])

    def _policy_is_new(self) -> None:
        self.parts.runtime.engine.policy_changed(self.parts.policy.version, self.clock.now())
        if self.facts is not None:
            self._say([Bundles(self.parts.policy.missing_in(PolicyVersion(), self.facts.territory))])

    @property
    def _ruleset(self) -> Ruleset:
        return self.parts.policy.ruleset

    def _status(self) -> NodeStatus:
        me = self.parts.me
        return NodeStatus(
            id=me.node, name=me.node, level=me.level.word, territory=me.territory, parent=self.parts.attachments.parent,
            incarnation=f"{me.incarnation:016x}", state="OK", words=[], as_of_us=self.clock.wall_us(), software=SOFTWARE,
            policy=self.parts.policy.version.digest.hex()[:8], records=dict(self.parts.journal.counts()),
            link=LinkStatus("up", self.clock.us),
        )  # fmt: skip


def open_end(config: NodeConfig, person: Person, peer: Person, clock: StandingClock, *, lives: Callable[[], int]) -> End:
    """A node of today's program in the folder of `config`, at the clock's time; `lives` numbers its starts."""
    with patch("node.identity.passport.SystemClock", lambda: clock), patch("node.engine.engine_room.new_incarnation", lives):
        parts = assemble(config, software=SOFTWARE)
    return End(person, peer, parts, clock)


def lives_of(person: Person) -> Callable[[], int]:
    """Numbers for the lives of a node, in order."""
    numbers = count(person.first_life)
    return lambda: next(numbers)


def folder_of(root: Path, person: Person) -> Path:
    """Where a node of a conversation lives."""
    return root / person.name
