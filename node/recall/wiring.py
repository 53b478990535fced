"""The recalls of a node put together from its parts. Called by node/appliance.py."""

from __future__ import annotations

from node.assembly import Parts
from node.cases.desk import CaseDesk
from node.recall.desk import RecallDesk
from node.recall.eraser import Eraser
from node.recall.pages import Pages
from node.repair.desk import RepairDesk
from node.requests.wiring import Requests


def pages_of(parts: Parts, requests: Requests) -> Pages | None:
    """The books of pages of the node's requests."""
    fetched = requests.taking.fetched
    return None if fetched is None else Pages(requests.desk.shares, fetched, parts.journal)


def recalls_of(parts: Parts, cases: CaseDesk, repairs: RepairDesk, pages: Pages | None = None) -> RecallDesk:
    """The desk, with every reader and every link asking it; raises JournalError when its book cannot be read."""
    directory = parts.directory

    def below() -> frozenset[str]:
        return frozenset().union(*(directory.subtree(child) for child in directory.children()))

    eraser = Eraser(parts.me.node, parts.me.level, parts.journal, parts.runtime, parts.policy, parts.marts, parts.clock, below)
    desk = RecallDesk(cases, eraser, lambda: parts.runtime.engine.clock, parts.policy.territory_of, pages=pages)
    desk.start()
    parts.on_policy(lambda schemas: desk.look())
    parts.policy.closed = parts.marts.closed = desk.refusal
    parts.runtime.pipeline.recalled = desk.tombs.refusal
    forget = repairs.on_repaired

    def repaired(resource: str) -> None:
        forget(resource)
        desk.repaired(resource)

    repairs.on_repaired = repaired
    return desk
