"""What keeps a node's data right in the background: the proof of equality, the walk over stored payloads, the repair of what is damaged.

Owns the wiring of node/equality and node/repair. Made and started by node/appliance.py before anything else reads the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from node.assembly import Parts
from node.equality.audit import Asked, Auditor, Hop
from node.equality.desk import EqualityDesk
from node.equality.keeper import ProofKeeper
from node.equality.memory import FILE_NAME, ProofMemory
from node.keeping.quarantine import QuarantineDesk
from node.repair.desk import RepairDesk
from node.repair.giving import Giver
from node.repair.scrub import Scrub
from sync.core.ready import PeerFacts
from sync.model import MICROSECONDS, Direction

HOUR_S = 3_600.0

Plain = dict[str, Any]


@dataclass(slots=True)
class Care:
    """The parts of one node."""

    parts: Parts
    auditor: Auditor
    repairs: RepairDesk
    scrub: Scrub
    keeper: ProofKeeper
    quarantine: QuarantineDesk

    @classmethod
    def of(cls, parts: Parts) -> Care:
        """Wire the parts; nothing runs yet."""
        parent = parts.parent.node if parts.parent else ""

        def hops() -> Sequence[Hop]:
            above = [(parent, Direction.UP)] if parent else []
            return above + [(child, Direction.RETURN) for child in parts.directory.children()]

        def speaks_for(peer: str, origin: str) -> bool:
            return peer == parent or origin in parts.directory.subtree(peer)

        def facts(peer: str) -> PeerFacts | None:
            known = parts.links.facts_of(peer)
            return known if known is None or known.is_parent else replace(known, subtree=parts.directory.subtree(peer))

        desk = EqualityDesk(parts.me.node, parts.journal, parts.queries, lambda: parts.clock.now().us / MICROSECONDS, speaks_for)
        memory = ProofMemory(parts.config.data_dir / FILE_NAME)
        auditor = Auditor(parts.journal, desk, hops, memory, parts.clock.wall_us)
        proof = parts.config.proof
        return cls(
            parts,
            auditor,
            RepairDesk(
                node=parts.me.node,
                parent=parent,
                journal=parts.journal,
                runtime=parts.runtime,
                queries=parts.queries,
                giver=Giver(parts.journal, parts.runtime.pipeline, lambda: parts.policy.version),
                facts=facts,
                linked=parts.links.children,
                is_child=lambda node: node in parts.children(),
            ),
            Scrub(parts.journal, proof.scrub_h * HOUR_S),
            ProofKeeper(auditor, proof.every_h * HOUR_S, parts.clock.wall_us, lambda peer: parts.links.facts_of(peer) is not None),
            QuarantineDesk(parts.me.node, parent, parts.journal, parts.runtime, parts.queries, parts.clock),
        )

    async def start(self, damaged: Sequence[int]) -> None:
        """Hear of damage from now on; batches that ended the last life of this process are set aside first."""
        self.repairs.start()
        self.parts.links.on_linked = self.repairs.met
        self.quarantine.start()
        for lsn in damaged:
            await self.repairs.settle(lsn)

    def background(self) -> list[Coroutine[Any, Any, object]]:
        """What runs for as long as the node does."""
        return [self.repairs.keep_repairing(), self.scrub.run(), self.keeper.run(), self.quarantine.keep_counting()]

    async def audit_flow(self, asked: Asked, *, ask_peers: bool) -> Plain:
        """The equation of every stream on every hop, and the first difference; with `ask_peers` also what the peers say."""
        answer = await asyncio.to_thread(self.auditor.own_half, asked)
        if not ask_peers:
            return answer
        return await self.auditor.with_peers(answer, await asyncio.to_thread(asked.scope, self.parts.journal))

    def proofs(self) -> list[Plain]:
        """The newest proof of each hop, with its age."""
        now_us = self.parts.clock.wall_us()
        known = [(hop, self.auditor.memory.newest(hop[0], hop[1].word)) for hop in self.auditor.hops()]
        return [
            {
                "peer": hop[0],
                "direction": hop[1].word,
                "is_equal": None if last is None else last.is_equal,
                "age_s": None if last is None else max(0, now_us - last.at_us) / MICROSECONDS,
            }
            for hop, last in known
        ]

    def damage(self) -> Plain:
        """Damaged batches for the status."""
        damage = self.repairs.damage
        missing = [asdict(entry) for entry in self.repairs.missing()]
        return {"asked": damage.asked, "lost": damage.lost, "checked": self.scrub.checked, "missing": missing}
