"""The recalls of a node put together from its parts. Called by node/wiring.py."""

from __future__ import annotations

from collections.abc import Sequence

from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.recall.desk import RecallDesk
from node.recall.eraser import Eraser
from node.recall.pages import Pages
from node.recall.regain_giving import RegainGiver
from node.recall.regaining import Regaining
from node.repair.desk import RepairDesk
from node.requests.wiring import Requests
from sync.model import MICROSECONDS


def pages_of(parts: Parts, requests: Requests) -> Pages | None:
    """The books of pages of the node's requests."""
    fetched = requests.taking.fetched
    return None if fetched is None else Pages(requests.desk.shares, fetched, parts.journal)


def recalls_of(parts: Parts, cases: CaseDesk, repairs: RepairDesk, pages: Pages | None = None) -> RecallDesk:
    """The desk, with every reader and every link asking it; raises JournalError when its book cannot be read."""
    directory = parts.directory

    def below() -> frozenset[str]:
        return frozenset().union(*(directory.subtree(child) for child in directory.children()))

    def linked() -> Sequence[str]:
        parent = repairs.parent
        above = [parent] if parent and repairs.facts(parent) is not None else []
        return above + [peer for peer in repairs.linked() if peer != parent]

    eraser = Eraser(parts.me.node, parts.me.level, parts.journal, parts.runtime, parts.policy, parts.marts, parts.clock, below)
    desk = RecallDesk(cases, eraser, lambda: parts.runtime.engine.clock, parts.policy.territory_of, pages=pages)
    desk.regaining = Regaining(
        repairs.node, repairs.parent, repairs.journal, repairs.runtime, repairs.queries,
        RegainGiver(repairs.journal, repairs.giver.pipeline), desk.tombs, repairs.facts, linked, repairs.is_child,
        lambda: parts.clock.now().us / MICROSECONDS,
    )  # fmt: skip
    desk.regaining.start()
    desk.start()
    parts.on_policy(lambda schemas: desk.look())
    parts.policy.closed = parts.marts.closed = desk.refusal
    parts.runtime.pipeline.recalled = desk.tombs.left
    told, met = repairs.on_repaired, parts.links.on_linked

    def repaired(resource: str) -> None:
        told(resource)
        desk.repaired()

    def linked_with(peer: str) -> None:
        met(peer)
        desk.met()

    repairs.on_repaired, parts.links.on_linked = repaired, linked_with
    return desk
