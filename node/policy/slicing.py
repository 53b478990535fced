"""Which slices of policy bundles this node wants, and what each peer is offered: whole bundles, or its slices of them, and only news.

A node that takes slices wants them for the resources that ship with the program, those of its configuration and its journal, those that
somebody named here, and what its children want. A parent that has no more than a slice itself serves what lies in it and asks its own
parent for the rest. Whoever says no resources gets whole bundles. What a peer was sent on its link is remembered, so that nothing goes
twice over one. Called by node/links/handshake.py and other rooms of the links, on the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from node.policy.held import Held
from node.policy.store import PolicyStore
from policies.slice_wire import encode
from policies.slices import MARK_BYTES, Slice
from sync.core.messages import Bundles, Hello, Wants
from sync.model import LinkError, ModelError, PolicyVersion, check_resource

log = logging.getLogger("yunnao.policy")

WANTED_BYTES_MAX = 12 << 10
"""Characters of the codes that a node wants slices for: a Hello has 64 KiB in all. One that works with more takes whole bundles."""
HAVE_BYTES_MAX = 8 << 10
"""What a node says of the texts it has; with more it says nothing, and every text travels."""
WANTS_PER_LINK_MAX = 256
"""Times that a child may want something else on one link: cutting slices is work."""
NEEDED_MAX = 100
"""Resources that were named here and are of no other list, in one life of the node: whoever names nonsense costs the parent no more."""

Said = tuple[int, frozenset[str] | None]
"""What a peer was sent of an issuer: the epoch, and the resources that the slice answered for; None: the whole bundle."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What a peer is sent of one issuer; these two belong into one message."""

    bundle: bytes = b""
    """The whole bundle, or empty."""
    part: bytes = b""
    """A slice, or the signed root of the whole bundle; empty when it is not here."""


Offer = tuple[Offered, ...]
"""What a peer is sent."""


@dataclass(slots=True)
class _Told:
    """What a peer wants and was sent."""

    territory: str
    wants: Wants | None
    """None: it knows no slices."""
    sent: dict[str, Said] = field(default_factory=dict)
    marks: dict[str, frozenset[bytes]] = field(default_factory=dict)
    """By issuer, the texts of the slice that it was sent last."""
    asked: int = 0
    """Times that it wanted something else."""

    @property
    def is_sliced(self) -> bool:
        """True when it gets slices."""
        return self.wants is not None and bool(self.wants.resources)

    def without(self, issuer: str) -> frozenset[bytes]:
        """Marks of texts that need not travel."""
        if issuer in self.marks or self.wants is None:
            return self.marks.get(issuer, frozenset())
        have = self.wants.have
        return frozenset(have[at : at + MARK_BYTES] for at in range(0, len(have), MARK_BYTES))


class Slicing:
    """The slices of a node."""

    def __init__(self, policy: PolicyStore, *, node: str, parent: str, is_sliced: bool, codes: Iterable[str]) -> None:
        """`codes` are those that the node works with in any case; without `is_sliced` it takes whole bundles."""
        self.on_wants: Callable[[Wants], bool] = lambda wants: False
        """Called when the parent is to hear what is wanted now; False when there is no link, so that the next Hello says it."""
        self._policy = policy
        self._node = node
        self._parent = parent
        self._is_sliced = is_sliced
        self._own = frozenset(codes)
        self._needed: dict[str, None] = {}
        self._peers: dict[str, _Told] = {}
        self._taking = ""
        self._named: dict[str, tuple[Slice, frozenset[str]]] = {}
        self._asked: frozenset[str] = frozenset()
        """What the parent was asked for last."""
        policy.needed = self.need

    # ---- what this node wants

    def wants(self, peer: str) -> Wants:
        """What this node says in a Hello: to its parent what it wants, to others that it knows slices."""
        if peer != self._parent:
            return Wants()
        codes = self._codes()
        self._asked = frozenset(codes)
        return self._wants(codes)

    def need(self, resource: str) -> bool:
        """Ask for the slice of a resource that was named here; True when it is not here, or not known to be none."""
        if not self._is_sliced or not _is_code(resource) or self._policy.covers(resource):
            return False
        if resource not in self._needed and len(self._needed) < NEEDED_MAX:
            self._needed[resource] = None
            self.ask()
        return True

    def _codes(self) -> tuple[str, ...]:
        """The resources wanted, sorted; none for whole bundles."""
        children = [told for name, told in self._peers.items() if name != self._parent]
        if not self._is_sliced or any(not told.is_sliced for told in children):
            return ()
        issued = self._policy.held(self._node)
        found = {*self._own, *self._needed, *(one.code for one in (issued.contents.catalogue if issued else ()))}
        for told in children:
            found |= set(told.wants.resources if told.wants is not None else ())
        for issuer, held in self._policy.slices.items():
            found |= self._named_by(issuer, held) | {resource.code for resource in held.bundle.contents.catalogue}
        return tuple(sorted(found)) if sum(map(len, found)) <= WANTED_BYTES_MAX else ()

    def _named_by(self, issuer: str, held: Held) -> frozenset[str]:
        """What the resources of a slice cannot be worked with without."""
        assert held.part is not None, "only slices are looked through"
        known = self._named.get(issuer)
        if known is None or known[0] is not held.part:
            known = self._named[issuer] = (held.part, held.part.named())
        return known[1]

    def _wants(self, codes: tuple[str, ...]) -> Wants:
        parts = [held.part for held in self._policy.slices.values() if held.part is not None]
        have = b"".join(sorted({mark for part in parts for mark in part.marks})) if codes else b""
        lacking = any(not part.covers(code) for part in parts for code in codes) or (bool(parts) and not codes)
        return Wants(codes, have if len(have) <= HAVE_BYTES_MAX else b"", lacking)

    def ask(self) -> None:
        """Tell the parent when something is wanted that it was not asked for."""
        codes = frozenset(self._codes())
        is_more = bool(codes - self._asked) or bool(self._asked and not codes)
        if is_more and self.on_wants(self._wants(tuple(sorted(codes)))):
            self._asked = codes

    # ---- what peers are offered

    async def prepare(self, wants: Wants | None) -> None:
        """Grow the trees that slices for such a peer are cut from, in a thread."""
        if wants is not None and wants.resources:
            await asyncio.to_thread(self._policy.grow_trees)

    def met(self, peer: str, hello: Hello) -> Offer:
        """What a peer lacks at the beginning of a link; `hello` is its last."""
        told = self._peers[peer] = _Told(hello.territory, hello.wants)
        if not (told.wants is not None and told.wants.lacking):
            self._note_held(peer, told, hello.policy)
        offer = self.news(peer)
        if peer != self._parent:
            self.ask()
        return offer

    def heard(self, peer: str, wants: Wants) -> Offer:
        """A peer wants something else now: what it lacks of it. Raises LinkError when it never settles."""
        if (told := self._peers.get(peer)) is None:
            return ()
        told.asked += 1
        if told.asked > WANTS_PER_LINK_MAX:
            raise LinkError(f"{peer} asked for other slices more than {WANTS_PER_LINK_MAX} times on one link: have it take whole bundles")
        told.wants = wants
        told.marks.clear()
        if wants.lacking:
            told.sent.clear()
        offer = self.news(peer)
        self.ask()
        return offer

    def news(self, peer: str) -> Offer:
        """What came into force here and a peer was not sent; nothing to whoever it came from."""
        told = self._peers.get(peer)
        if told is None or peer == self._taking:
            return ()
        offer: list[Offered] = []
        for issuer, held in self._policy.concerning(told.territory):
            source = self._source(peer, told, held)
            said = _said(held, told, source)
            if _is_known(told.sent.get(issuer), said):
                continue
            if source is not None and told.wants is not None:
                whole = source.narrowed(told.wants.resources)
                offer.append(Offered(part=encode(source.narrowed(told.wants.resources, without=told.without(issuer)))))
                told.marks[issuer] = whole.marks
            elif held.data:
                offer.append(Offered(held.data, held.root_alone() if told.wants is not None else b""))
            else:
                continue
            told.sent[issuer] = said
        return tuple(offer)

    def take(self, peer: str, message: Bundles) -> None:
        """Bring what a peer sends into force; raises PolicyError. The peer itself is told nothing of it again."""
        self._taking = peer
        try:
            self._policy.take(message.bundles, message.slices)
        finally:
            self._taking = ""
        if (told := self._peers.get(peer)) is not None and (message.bundles or message.slices):
            for issuer, held in self._policy.concerning(told.territory):
                said = _said(held, told, self._source(peer, told, held))
                if issuer not in told.sent or told.sent[issuer][0] < said[0]:
                    told.sent[issuer] = said
        self.ask()

    def _note_held(self, peer: str, told: _Told, version: PolicyVersion) -> None:
        for issuer, held in self._policy.concerning(told.territory):
            if version.epoch(issuer) >= held.bundle.epoch:
                told.sent[issuer] = _said(held, told, self._source(peer, told, held))

    def _source(self, peer: str, told: _Told, held: Held) -> Slice | None:
        """What a peer's slice of a bundle is cut from; None when it gets it whole: a node keeps its own bundle whole."""
        return held.source() if told.is_sliced and held.bundle.issuer != peer else None


def _is_code(name: str) -> bool:
    try:
        check_resource(name)
    except ModelError:
        return False
    return True


def _is_known(before: Said | None, said: Said) -> bool:
    """True when it is what was sent before, or less: a whole bundle has every slice of its epoch in it."""
    return before is not None and (before == said or (before[1] is None and before[0] == said[0]))


def _said(held: Held, told: _Told, source: Slice | None) -> Said:
    if source is None or told.wants is None:
        return held.bundle.epoch, None
    return held.bundle.epoch, frozenset(code for code in told.wants.resources if source.covers(code))
