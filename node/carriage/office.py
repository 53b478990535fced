"""What carriage shares with the rest of the node, and whom it may write to: the parent, and admitted children whose certificate is known.

Owns: the look-up of a peer's certified key, the positions a peer is known to have, the first messages of every file. Called by the other
modules of this package; made by carrier.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from node.assembly import Parts
from node.carriage.errors import CarriageClosed, ParcelRefused
from node.carriage.file_link import FileLinks
from node.carriage.papers import Paper, Papers
from node.carriage.parcel import Header, LanePoint, Opened, open_parcel, peek_header, refuse_foreign
from node.carriage.renewing import renewal_messages
from node.carriage.writer import Sealing
from node.identity.errors import IdentityError
from node.identity.keys import read_manifest_key, read_tls_key
from node.identity.verify import load_chain, verify_chain
from node.store.heard import is_entered, last_heard, unheard
from sync.core.messages import Bundles, Heartbeat, Hello, Message, Position, Refused
from sync.core.ready import PeerFacts
from sync.model import EMPTY_CHAIN, Direction, Lane, Level, LinkError, PolicyVersion


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A peer that files may be written to."""

    node: str
    level: Level
    territory: str
    is_parent: bool
    key: ec.EllipticCurvePublicKey

    @property
    def out(self) -> Direction:
        """The direction of what this node sends it."""
        return Direction.UP if self.is_parent else Direction.RETURN

    @property
    def back(self) -> Direction:
        """The direction of what it sends this node."""
        return Direction.RETURN if self.is_parent else Direction.UP


@dataclass(slots=True)
class Office:
    """The parts of a running node that carriage works with."""

    parts: Parts
    papers: Papers
    links: FileLinks

    @property
    def policy(self) -> list[tuple[str, int]]:
        """The policy version in force, as headers name it."""
        return list(self.parts.policy.version.components)

    def correspondent(self, peer: str) -> Correspondent:
        """Whom `peer` names; raises CarriageClosed saying what is missing."""
        parts, parent = self.parts, self.parts.parent
        if parent is not None and peer == parent.node:
            pem, is_parent = parts.files.read(parts.files.certificate("parent")), True
        else:
            pem, is_parent = self._child_chain(peer), False
        who = verify_chain(pem, root_pem=parts.files.root_pem(), now_us=None)
        key = load_chain(pem)[0].public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise CarriageClosed(f"the certificate of {peer} has no P-256 key to encrypt to: let it renew its certificate")
        return Correspondent(peer, who.level, who.territory.code, is_parent, key)

    def _child_chain(self, peer: str) -> bytes:
        parent = self.parts.parent
        if not self.parts.admissions.is_admitted(peer):
            above = f" ({parent.node})" if parent else ""
            raise CarriageClosed(f"{peer} is neither the parent{above} nor an admitted child of this node: files go one hop only")
        pem = self.papers.chain(peer)
        if not pem:
            raise CarriageClosed(f"the certificate of {peer} is not known here yet: export a file there and import it here first")
        return pem

    def facts(self, peer: Correspondent, incarnation: int) -> PeerFacts:
        """The peer as the engine knows it."""
        subtree: frozenset[str] = frozenset() if peer.is_parent else self.parts.directory.subtree(peer.node)
        return PeerFacts(peer.node, incarnation, peer.level, peer.territory, peer.is_parent, subtree)

    def sealing(self, peer: Correspondent) -> Sealing:
        """How files for the peer are closed."""
        return Sealing(peer.key, read_manifest_key(self.parts.files.key("manifest")).sign)

    # ---- positions

    async def known(self, peer: Correspondent, paper: Paper) -> dict[Lane, Position]:
        """What the peer is known to have of this node's journal: by its newest file, or by a session since."""
        node, direction, journal = peer.node, peer.out, self.parts.journal
        marks = await self.parts.runtime.ask(lambda engine, now: {lane: engine.out_mark(node, direction, lane) for lane in Lane})
        found: dict[Lane, Position] = {}
        for lane, mark in marks.items():
            told = paper.told.get(int(lane))
            if told is not None and told.mark_wire == mark.wire:
                found[lane] = Position(direction, lane, told.upto, told.chain)
            else:
                chain = journal.ledger_chain(node, direction, lane, mark.wire) if mark.wire else EMPTY_CHAIN
                found[lane] = Position(direction, lane, mark.wire, chain or EMPTY_CHAIN)
        return found

    def hello_of(self, peer: Correspondent, paper: Paper, known: dict[Lane, Position]) -> Hello:
        """The peer's Hello as the engine is to hear it: `known`, whatever file said so."""
        heard = paper.heard()
        policy = heard.policy if heard else PolicyVersion()
        incarnation = heard.incarnation if heard else 0
        positions = tuple(position for position in known.values() if position.upto)
        takes = heard.takes_envelopes if heard else False
        me = self.parts.me.incarnation
        return Hello(peer.node, incarnation, peer.level, peer.territory, policy, positions, me, takes_envelopes=takes)

    # ---- writing and opening

    async def preface(self, peer: Correspondent, paper: Paper) -> list[Message]:
        """What every file for the peer begins with: who writes, what it holds, the policy the peer lacks, the nodes' state, a renewal."""
        parts, me, heard = self.parts, self.parts.me, paper.heard()
        life, name = (heard.incarnation if heard else 0), peer.node
        held = await parts.runtime.ask(lambda engine, now: engine.positions_by_incarnation(name))
        entered = parts.journal.look("look at refusals", lambda db: last_heard(db, name, life, own=me.incarnation)) if life else ()
        hello = Hello(
            me.node, me.incarnation, me.level, me.territory, parts.policy.version, held.get(life, ()), life,
            software=me.software, sent_at=parts.hybrid.tick(), heard=entered, takes_envelopes=True,
            above_age_us=None if peer.is_parent else parts.forks.above_age_us(),
        )  # fmt: skip
        lacking = parts.policy.missing_in(heard.policy if heard else PolicyVersion(), peer.territory)
        own, now_us = parts.own_status(), parts.clock.wall_us()
        body = parts.directory.upward(own, now_us) if peer.is_parent else parts.directory.downward(own, now_us)
        return [hello, Bundles(lacking), Heartbeat(body, parts.hybrid.tick()), *renewal_messages(parts, paper, is_parent=peer.is_parent)]

    async def unheard(self, paper: Paper) -> list[Message]:
        """Refusals that the peer had not entered when it wrote its newest file and that the engine does not tell by itself."""
        heard = paper.heard()
        if heard is None or heard.for_incarnation != self.parts.me.incarnation:
            return []
        return await asyncio.to_thread(lambda: list(unheard(self.parts.journal, heard, self.parts.policy.version)))

    def has_entered(self, refused: Refused, header: Header) -> bool:
        """True for a refusal that an earlier file brought: a receipt goes on from the newest Hello that its writer knows.

        One look into an index, and no waiting: all refusals of a file are entered in one turn, before anything is decided again.
        """
        sender, own = (header.sender, header.sender_incarnation), self.parts.me.incarnation
        return self.parts.journal.look("look at refusals", lambda db: is_entered(db, *sender, refused, own=own))

    def header(self, peer: Correspondent, paper: Paper, *, serial: int, part: int, start: list[LanePoint]) -> Header:
        """The header of the next file for the peer; counts it in the paper, which must be kept before the file has its name."""
        paper.number += 1
        heard, created = paper.heard(), self.parts.hybrid.tick()
        return Header(
            kind="data" if serial else "receipt",
            sender=self.parts.me.node,
            target=peer.node,
            sender_incarnation=self.parts.me.incarnation,
            target_incarnation=heard.incarnation if heard else 0,
            number=paper.number,
            serial=serial,
            part=part,
            policy=self.policy,
            direction=int(peer.out),
            start=start,
            created_wall_us=created.wall_us,
            created_counter=created.counter,
            ephemeral=b"",
            chain_pem=self.parts.tls().chain_pem.decode(),
        )

    async def open(self, path: Path) -> Opened:
        """The parcel at `path`, verified; the file is read off the event loop. Raises ParcelRefused."""
        own, key = self.parts.me.node, read_tls_key(self.parts.files.key("tls"))
        seen = await asyncio.to_thread(peek_header, path)
        refuse_foreign(path, seen, own)
        manifest_key = self._authorise(path, seen)

        def authorised(header: Header) -> bytes:
            if header != seen:
                raise ParcelRefused(path, "it changed while it was read: wait for the copy, or copy it again")
            return manifest_key

        return await asyncio.to_thread(open_parcel, path, own=own, key=key, authorise=authorised)

    def _authorise(self, path: Path, header: Header) -> bytes:
        parts, pem = self.parts, header.chain_pem.encode()
        is_parent = parts.parent is not None and header.sender == parts.parent.node
        check: Callable[[bytes, str], object] = parts.authorise_parent if is_parent else parts.authorise_child
        try:
            check(pem, header.sender)
            return verify_chain(pem, root_pem=parts.files.root_pem(), now_us=None).manifest_key
        except (LinkError, IdentityError) as error:
            raise ParcelRefused(path, str(error)) from None
