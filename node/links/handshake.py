"""How a link begins, without I/O: three Hellos and an exchange of policy bundles.

The child says who it is; the parent says what it holds of the child's journal; the child, knowing the parent's incarnation now, says
what it holds of the parent's. Then
both send the bundles the other lacks. Only after that may data flow: policy before data. Used by node/links/links.py over gRPC and by the
simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from node.policy.slicing import Offer, Offered, Slicing
from sync.core.messages import PROTOCOL_NEWEST, PROTOCOL_OLDEST, Bundles, Heard, Hello, Message, Position, Stop
from sync.model import HybridTime, Level, Life, LinkError, Manifest, PolicyVersion
from sync.model.renumbering import HeldBefore, Renumbered


@dataclass(frozen=True, slots=True)
class Me:
    """This node as it presents itself on links."""

    node: str
    incarnation: int
    level: Level
    territory: str
    software: str = ""


class BundleShelf(Protocol):
    """The policy bundles of a node: node/policy/store.py."""

    @property
    def version(self) -> PolicyVersion:
        """The version in force."""

    def missing_in(self, version: PolicyVersion, territory: str) -> tuple[bytes, ...]:
        """The bundles that concern a peer of this territory and that it lacks."""

    def take(self, bundles: Iterable[bytes]) -> None:
        """Bring newer bundles of a peer into force; raises PolicyError."""


class LifeShelf(Protocol):
    """The lives of this node's journal and of its peers': node/fork/desk.py."""

    def told(self) -> tuple[Life, ...]:
        """The newest lives of the own journal."""

    def known(self, peer: str, incarnation: int) -> tuple[Life, ...]:
        """The lives of the peer's journal that wrote what is held of it here."""

    def proof(self, peer: str, incarnation: int) -> Manifest | None:
        """The parent's own manifest on the newest frame held of it; None for a child."""

    def renumbered(self) -> tuple[Renumbered, ...]:
        """Streams of this node that went on under another incarnation."""

    def held_before(self, peer: str, hello: Hello) -> tuple[HeldBefore, ...]:
        """What is held here of the streams that the peer's Hello says it renumbered."""

    def shaken(self, peer: str, hello: Hello) -> None:
        """A handshake is done; `hello` is the peer's last."""

    def above_age_us(self) -> int | None:
        """How old what is known here of those above is; None when nobody can say."""


BUNDLES_BYTES_MAX = 12 << 20
"""Bytes of the bundles that go in one message; a link takes messages of 16 MiB, and one bundle has at most 8."""


def offer_messages(offer: Offer) -> list[Message]:
    """What a peer is offered in as many messages as its size needs, at least one: in the handshake an empty one says that nothing lacks."""
    groups: list[list[Offered]] = [[]]
    for one in offer:
        if groups[-1] and sum(map(_size, groups[-1])) + _size(one) > BUNDLES_BYTES_MAX:
            groups.append([])
        groups[-1].append(one)
    return [Bundles(tuple(one.bundle for one in group if one.bundle), tuple(one.part for one in group if one.part)) for group in groups]


def bundle_messages(bundles: Iterable[bytes]) -> list[Message]:
    """As `offer_messages`, for whole bundles."""
    return offer_messages(tuple(map(Offered, bundles)))


def _size(one: Offered) -> int:
    return len(one.bundle) + len(one.part)


class Step(Enum):
    """What the handshake waits for."""

    INTRO = "intro"
    REPLY = "reply"
    CONFIRM = "confirm"
    BUNDLES = "bundles"
    DONE = "done"


class Handshake:
    """One end of the beginning of a link.

    Feed `receive` and send what it returns until `step` is DONE; then `hello` is the peer's last Hello.
    """

    def __init__(
        self,
        me: Me,
        *,
        peer: str,
        is_parent: bool,
        positions: Callable[[int], tuple[Position, ...]],
        shelf: BundleShelf,
        tick: Callable[[], HybridTime],
        certified: tuple[Level, str] | None = None,
        lives: LifeShelf | None = None,
        reseed: bool = False,
        heard: Callable[[int], tuple[Heard, ...]] = lambda incarnation: (),
        slicing: Slicing | None = None,
    ) -> None:
        """`certified` is the level and territory code in the peer's certificate; None where links have none (simulator).

        Without `slicing` this end knows whole bundles alone.

        Without `lives` nothing is told of them: a fork is then divided by the share ledger alone. `reseed` asks the parent for what this
        node had brought there and lost. `heard` gives the last refusals by the peer that were entered here, of that life of it.
        """
        self.hello: Hello | None = None
        self._offered = PolicyVersion()
        self.step = Step.REPLY if is_parent else Step.INTRO
        self._me = me
        self._peer = peer
        self._positions = positions
        self._shelf = shelf
        self._tick = tick
        self._certified = certified
        self._lives = lives
        self._reseed = reseed
        self._heard = heard
        self._slicing = slicing

    def begin(self) -> list[Message]:
        """What to send first: the child's intro; the parent waits."""
        return [self._own_hello(0)] if self.step is Step.REPLY else []

    def receive(self, message: object) -> list[Message]:
        """The next message of the peer; what to send in answer. Raises LinkError when the peer does not keep to the order."""
        if isinstance(message, Stop):
            raise LinkError(f"{self._peer} refused the link: {message.reason}")
        if self.step is Step.BUNDLES:
            return self._take_bundles(message)
        hello = self._check_hello(message)
        self.hello = hello
        if self.step is Step.INTRO:
            self.step = Step.CONFIRM
            return [self._own_hello(hello.incarnation)]
        answer: list[Message] = [self._own_hello(hello.incarnation)] if self.step is Step.REPLY else []
        self.step = Step.BUNDLES
        self._offered = self._shelf.version
        if self._slicing is not None:
            return [*answer, *offer_messages(self._slicing.met(self._peer, hello))]
        return [*answer, *bundle_messages(self._shelf.missing_in(hello.policy, hello.territory))]

    def late_bundles(self) -> list[Message]:
        """To send right after the handshake: what came into force here while it went on, and the peer was not told of."""
        assert self.hello is not None, "late bundles before a Hello"
        if self._slicing is not None:
            offer = self._slicing.news(self._peer)
            return offer_messages(offer) if offer else []
        if self._shelf.version == self._offered:
            return []
        return bundle_messages(self._shelf.missing_in(self.hello.policy, self.hello.territory))

    def _take_bundles(self, message: object) -> list[Message]:
        if not isinstance(message, Bundles):
            raise LinkError(f"{self._peer} sent {type(message).__name__} before its policy")
        if self._slicing is not None:
            self._slicing.take(self._peer, message)
        else:
            self._shelf.take(message.bundles)
        if self._lives is not None and self.hello is not None:
            self._lives.shaken(self._peer, self.hello)
        self.step = Step.DONE
        return []

    def _check_hello(self, message: object) -> Hello:
        if not isinstance(message, Hello):
            raise LinkError(f"{self._peer} began with {type(message).__name__} instead of Hello")
        if message.node != self._peer:
            raise LinkError(f"{self._peer} calls itself {message.node}")
        claimed = (message.level, message.territory)
        if self._certified is not None and claimed != self._certified:
            level, territory = self._certified
            raise LinkError(
                f"{self._peer} calls itself {message.level.word} of {message.territory}, its certificate says {level.word} of {territory}"
            )
        if message.protocol_newest < PROTOCOL_OLDEST or message.protocol_oldest > PROTOCOL_NEWEST:
            raise LinkError(
                f"{self._peer} speaks link protocol {message.protocol_oldest} to {message.protocol_newest}, this node {PROTOCOL_OLDEST} to "
                f"{PROTOCOL_NEWEST}: update the older of the two"
            )
        return message

    def _own_hello(self, for_incarnation: int) -> Hello:
        me, lives = self._me, self._lives
        return Hello(
            node=me.node,
            incarnation=me.incarnation,
            level=me.level,
            territory=me.territory,
            policy=self._shelf.version,
            positions=self._positions(for_incarnation),
            for_incarnation=for_incarnation,
            software=me.software,
            sent_at=self._tick(),
            lives=lives.told() if lives else (),
            known_lives=lives.known(self._peer, for_incarnation) if lives else (),
            fork_proof=lives.proof(self._peer, for_incarnation) if lives and for_incarnation else None,
            reseed=self._reseed,
            heard=self._heard(for_incarnation) if for_incarnation else (),
            renumbered=lives.renumbered() if lives else (),
            held_before=lives.held_before(self._peer, self.hello) if lives and self.hello else (),
            wants=self._slicing.wants(self._peer) if self._slicing is not None and for_incarnation else None,
            takes_envelopes=True,
            above_age_us=lives.above_age_us() if lives else None,
        )
