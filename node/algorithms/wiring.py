"""The desk of packages put together from the parts of a node. Called by node/wiring.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edge_ai.wire.events import EventRow
from node.algorithms.desk import AlgorithmDesk
from node.algorithms.following import LibraryFollower
from node.algorithms.kind import NAME
from node.algorithms.news_desk import NewsDesk, Wanted
from node.algorithms.shelf import FOLDER, Shelf
from node.algorithms.usage_book import UsageBook
from node.algorithms.usage_desk import UsageDesk
from node.algorithms.usage_fold import RESOURCE
from node.assembly import Parts
from node.cameras.rows import EVENTS
from node.cases.desk import CaseDesk
from node.identity.chance import new_id
from node.incidents.states import Verdict
from node.ingest.handing_in import HandingIn
from node.requests.wiring import Requests
from node.store.records import find_row


def usage_book_of(parts: Parts) -> UsageBook:
    """Where the node's cameras count; before the cameras begin."""
    return UsageBook.open(parts.config.data_dir / FOLDER, parts.clock)


def count_event(book: UsageBook, row: EventRow) -> None:
    """An event counts for the model that made it; one without a hash has no model."""
    if row.algorithm_sha256:
        book.count_event(row.algorithm, row.algorithm_sha256)


def count_judged_of(parts: Parts, book: UsageBook) -> Callable[[str, Verdict], Awaitable[None]]:
    """Counts what a person said of an event for the model that made it, which the event's row names; here or at a node below."""

    async def count(event_id: str, verdict: Verdict) -> None:
        row = await asyncio.to_thread(find_row, parts.journal, EVENTS, "event_id", event_id)
        if row is not None and row.get("algorithm_sha256"):
            book.count_judged(str(row["algorithm"]), str(row["algorithm_sha256"]), is_false=verdict is Verdict.FALSE)

    return count


def algorithms_of(parts: Parts, cases: CaseDesk, requests: Requests, handing_in: HandingIn, book: UsageBook) -> AlgorithmDesk:
    """The desk; it answers the tree from now on."""
    shelf = Shelf(parts.config, parts.clock)
    parent, edge = parts.parent.node if parts.parent is not None else "", parts.config.file.edge
    usage = UsageDesk(
        book=book,
        territory=parts.me.territory,
        resource=lambda: parts.policy.ruleset.resources.get(RESOURCE),
        handing_in=handing_in,
        marts=parts.marts,
        clock=parts.clock,
    )
    follower = LibraryFollower(shelf.library, parts.audit, book.count_rollback)
    desk = AlgorithmDesk(cases, shelf, requests.taking.routes, requests.parties, parent, usage, follower)
    news = desk.news = NewsDesk(
        offers=desk.offers,
        shelf=shelf,
        me=parts.me.node,
        parent=parent,
        is_linked=parts.links.is_linked,
        children=parts.links.children,
        clock=parts.clock,
        life=new_id(),
        wanted=Wanted(frozenset(edge.models_wanted), goes_on=edge.models_then == "shadow"),
    )
    cases.on_change(lambda kind, _: news.changed() if kind.name == NAME else None)
    return desk
