"""How a change of policy spreads down a tree in simulated time: the product's store, slices, handshake and codec, over modelled links.

No journals and no data: policy alone, so that a tree of hundreds of grids fits. What is encoded is what a link carries; TLS and HTTP/2 are
not counted, and working takes no time. Called by benchmarks/policy_spread.py and by tests.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

from node.clock import HybridClock
from node.identity.bundle_seal import BundleSeal
from node.links.handshake import Handshake, Me, Step, offer_messages
from node.policy.slicing import Offer, Slicing
from node.policy.store import PolicyStore
from policies.errors import PolicyError
from policies.gate import CompiledGate, Station
from policies.ruleset import Ruleset
from simulations.clock import NodeClock, WorldClock
from simulations.network import Network, Session
from simulations.notary import read_bundle
from sync.core.messages import Bundles, Message, Wants
from sync.model import MICROSECONDS, Level, SyncError
from sync.wire.codec import Unknown, decode, encode


@dataclass(frozen=True, slots=True)
class Line:
    """The link of a node to its parent, the same both ways."""

    bytes_s: int
    delay_us: int
    """One way."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node of the tree."""

    id: str
    level: Level
    territory: str
    parent: str = ""
    line: Line = Line(1 << 30, 0)
    codes: tuple[str, ...] = ()
    """Resources that it works with."""
    is_sliced: bool = False


@dataclass(slots=True)
class _End:
    """A session as one end sees it."""

    session: Session
    handshake: Handshake

    @property
    def is_up(self) -> bool:
        return self.handshake.step is Step.DONE


class SpreadNode:
    """One node: its policy, and its links."""

    def __init__(self, world: SpreadWorld, place: Place, folder: Path, seal: BundleSeal) -> None:
        self.place = place
        self.refused: list[str] = []
        """Why sessions ended."""
        self.changed_us = 0
        """When the rules in force here were others for the last time, in the time of the world."""
        self._world = world
        self._clock = NodeClock(world.clock)
        self._hybrid = HybridClock(self._clock)
        self._ends: dict[str, _End] = {}
        self.policy = PolicyStore(folder, seal=seal, compile_gate=self._compiled, clock=self._clock, decode=read_bundle)
        self.slicing = Slicing(self.policy, node=place.id, parent=place.parent, is_sliced=place.is_sliced, codes=place.codes)
        self.policy.on_new, self.slicing.on_wants = self._spread, self._ask

    def open(self, session: Session) -> None:
        """A session with the other end of it stands."""
        place, peer = self.place, session.other(self.place.id)
        shaking = Handshake(
            Me(place.id, 1, place.level, place.territory), peer=peer, is_parent=peer == place.parent, positions=lambda life: (),
            shelf=self.policy, tick=self._hybrid.tick, slicing=self.slicing,
        )  # fmt: skip
        self._ends[peer] = _End(session, shaking)
        session.receivers[place.id] = lambda data: self._receive(peer, data)
        for message in shaking.begin():
            self._say(peer, message)

    def close(self, peer: str) -> None:
        """The session with a peer is gone."""
        if (end := self._ends.pop(peer, None)) is not None:
            end.session.receivers.pop(self.place.id, None)

    def _compiled(self, ruleset: Ruleset) -> CompiledGate:
        return CompiledGate(ruleset, Station(self.place.id, self.place.level), now_us=self._clock.wall_us())

    def _say(self, peer: str, message: Message) -> None:
        self._world.network.send(self._ends[peer].session, self.place.id, encode(message), urgent=True)

    def _offer(self, peer: str, offer: Offer) -> None:
        for message in offer_messages(offer) if offer else ():
            self._say(peer, message)

    def _receive(self, peer: str, data: bytes) -> None:
        end, message = self._ends[peer], decode(data)
        assert not isinstance(message, Unknown), "all nodes of this world run one program"
        try:
            if not end.is_up:
                self._shake(peer, end, message)
            elif isinstance(message, Bundles):
                self.slicing.take(peer, message)
            elif isinstance(message, Wants):
                self._offer(peer, self.slicing.heard(peer, message))
        except (SyncError, PolicyError) as error:
            self.refused.append(str(error))
            self._world.cut(end.session)

    def _shake(self, peer: str, end: _End, message: Message) -> None:
        for answer in end.handshake.receive(message):
            self._say(peer, answer)
        if end.is_up:
            for late in end.handshake.late_bundles():
                self._say(peer, late)
            self.slicing.ask()

    def _spread(self) -> None:
        self.changed_us = self._world.clock.us
        for peer, end in self._ends.items():
            if end.is_up:
                self._offer(peer, self.slicing.news(peer))
        self.slicing.ask()

    def _ask(self, wants: Wants) -> bool:
        end = self._ends.get(self.place.parent)
        if end is None or not end.is_up:
            return False
        self._say(self.place.parent, wants)
        return True


class SpreadWorld:
    """A tree of nodes and the time in which they talk."""

    def __init__(self, places: Sequence[Place], folder: Path, seal_of: Callable[[Place], BundleSeal], rng: Random) -> None:
        """`places` name parents before their children; `seal_of` gives what verifies, and for an issuer signs, bundles."""
        self.clock = WorldClock()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._ids = count()
        self.network = Network(self.clock, rng, self._at, self.cut)
        self.nodes: dict[str, SpreadNode] = {}
        self._folder = folder
        self._seal_of = seal_of
        for place in places:
            self.add(place)

    def add(self, place: Place) -> None:
        """Put a node into the tree, not connected."""
        self.nodes[place.id] = SpreadNode(self, place, self._folder / place.id, self._seal_of(place))
        for ends in ((place.id, place.parent), (place.parent, place.id)):
            self.network.faults.rates[ends] = place.line.bytes_s
            self.network.faults.delays[ends] = (place.line.delay_us, place.line.delay_us)

    def connect(self, child: str) -> None:
        """Open the session of a node with its parent."""
        place = self.nodes[child].place
        session = Session(next(self._ids), child, place.parent)
        self.nodes[place.parent].open(session)
        self.nodes[child].open(session)

    def cut(self, session: Session) -> None:
        """End a session."""
        for one, other in ((session.child, session.parent), (session.parent, session.child)):
            self.nodes[one].close(other)

    def run(self) -> float:
        """Let time pass until nothing is under way; the seconds that went by."""
        began_us = self.clock.us
        while self._queue:
            self.clock.us, _, action = heapq.heappop(self._queue)
            action()
        return (self.clock.us - began_us) / MICROSECONDS

    def _at(self, us: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (max(us, self.clock.us), next(self._ids), action))
