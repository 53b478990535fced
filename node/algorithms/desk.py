"""Packages between the nodes of the tree: published by one person, approved by another, taken by nodes below. Called by the API."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from edge_ai.models.package import read_card
from node.algorithms.errors import AlgorithmRefused
from node.algorithms.following import LibraryFollower
from node.algorithms.kind import ALGORITHM, APPROVER, CONTENT, PACKAGE, PUBLISHER, Published, published_of
from node.algorithms.news import unheld
from node.algorithms.news_desk import NewsDesk
from node.algorithms.offers import Offer, OfferDesk
from node.algorithms.shelf import Shelf, told_as_refusal
from node.algorithms.usage_desk import UsageDesk
from node.cases.desk import CaseDesk
from node.cases.kind import Case, Party, taken_from
from node.cases.views import history_of
from node.requests.arbiters import Parties
from node.tree.routes import RouteDesk

CASES_MAX = 1_000

Plain = dict[str, Any]


@dataclass(slots=True)
class AlgorithmDesk:
    """One node's publications and what it takes."""

    cases: CaseDesk
    shelf: Shelf
    routes: RouteDesk
    parties: Parties
    parent: str
    """Empty at the top."""
    usage: UsageDesk
    follower: LibraryFollower

    offers: OfferDesk = field(init=False)
    news: NewsDesk = field(init=False)

    def __post_init__(self) -> None:
        """Offer what was approved."""
        self.offers = OfferDesk(self.shelf, self.routes, self.approved)

    def background(self) -> list[Coroutine[Any, Any, object]]:
        """What runs as long as the node does."""
        return [self.usage.run(), self.news.run(), self.follower.run()]

    async def publish(self, id_: str, version: str, *, by: str, why: str, approver: str) -> Plain:
        """Open the case of a package; without an approver other persons of this node decide. Raises CaseError, AlgorithmRefused."""
        package = await asyncio.to_thread(self._published, id_, version)
        party = self.cases.me if approver in ("", self.cases.me.node) else await self._above(approver)
        body = {PACKAGE: _plain(package), "why": why, CONTENT: package.content}
        return await self._told(await self.cases.open(ALGORITHM, body, by=by, parties={APPROVER: party}))

    async def say(self, case_id: str, word: str, *, by: str, why: str) -> Plain:
        """Approve, refuse or withdraw; what is said names the bytes it is about. Raises CaseError."""
        await self.cases.follow()
        case = await asyncio.to_thread(self.cases.case, ALGORITHM, case_id)
        body = {CONTENT: published_of(case).content} | ({"why": why} if why else {})
        return await self._told(await self.cases.say(ALGORITHM, case_id, word, body, by=by))

    async def listed(self, limit: int) -> list[Plain]:
        """The newest cases that are known here."""
        await self.cases.follow()
        cases = await asyncio.to_thread(lambda: self.cases.register.cases(ALGORITHM, limit=limit))
        return await asyncio.to_thread(lambda: [self._shown(case) for case in cases])

    async def one(self, case_id: str) -> Plain:
        """One case. Raises CaseError."""
        await self.cases.follow()
        return await self._told(await asyncio.to_thread(self.cases.case, ALGORITHM, case_id))

    async def heard(self) -> list[Plain]:
        """What nodes above offer and is not here, the newest last, each with its version that is live. Raises AlgorithmRefused."""
        return await asyncio.to_thread(self._heard)

    async def offered_by(self, node: str) -> list[Plain]:
        """What a node offers, without a name the parent, at the top this node. Raises RouteRefused."""
        return [_offer(offer) for offer in await self.offers.ask(node or self.parent or self.cases.me.node)]

    async def take(self, id_: str, version: str, node: str, *, by: str) -> Plain:
        """Take a package that a node offers, without a name the one that was heard to have it. Raises RouteRefused, AlgorithmRefused."""
        heard = [one.told for one in self.news.heard.heard.values()]
        known = [told.at for told in heard if (told.offer.package.id, told.offer.package.version) == (id_, version)]
        source = node or (known[-1] if known else self.parent)
        if not source:
            raise AlgorithmRefused("this node has no parent: name the node to take from with --from NODE")
        return _offer(await self.offers.take(source, id_, version, by=by))

    def approved(self) -> list[Offer]:
        """What was approved and is this node's to give: it published or approved it. Blocking."""
        cases = self.cases.register.cases(ALGORITHM, states=("approved",), limit=CASES_MAX)
        return [Offer(package=published_of(case), publisher=_node(case, PUBLISHER), approver=_node(case, APPROVER)) for case in cases]

    def _heard(self) -> list[Plain]:
        library = self.shelf.library
        with told_as_refusal():
            return [
                _offer(one.told.offer) | {"at": one.told.at, "heard_us": one.at_us, "live": library.state(one.told.offer.package.id).live}
                for one in unheld(library, self.news.heard.heard)
            ]

    async def _told(self, case: Case) -> Plain:
        return await asyncio.to_thread(self._shown, case)

    def _shown(self, case: Case) -> Plain:
        """A case as the local API shows it, with what this node may say about it. Blocking."""
        with told_as_refusal():
            live = self.shelf.library.state(published_of(case).id).live
        takes = {word: list(step.needs) for word, step in taken_from(ALGORITHM, case, self.cases.me.node).items()}
        return shown(case) | {"opened_us": case.opened_us, "live": live, "takes": takes}

    async def _above(self, node: str) -> Party:
        return await self.parties.provider(node, "")

    def _published(self, id_: str, version: str) -> Published:
        maker = self.shelf.maker(id_, version)
        with told_as_refusal():
            folder = self.shelf.library.checked(id_, version)
            manifest, card = self.shelf.library.manifest(id_, version), read_card(folder)
        return Published(
            id=id_,
            version=version,
            content=card.content_sha256,
            family=manifest.family.value,
            classes=len(manifest.classes),
            licence=manifest.licence[:200],
            evidence_grade=manifest.evidence_grade.value,
            maker=maker,
        )


def shown(case: Case) -> Plain:
    """A case as the local API shows it."""
    return {
        "case": case.id,
        "state": case.state,
        "since_us": case.since_us,
        "publisher": _node(case, PUBLISHER),
        "approver": _node(case, APPROVER),
        **_plain(published_of(case)),
        "history": history_of(case),
    }


def _node(case: Case, role: str) -> str:
    return case.parties[role].node


def _offer(offer: Offer) -> Plain:
    return {**_plain(offer.package), "publisher": offer.publisher, "approver": offer.approver}


def _plain(package: Published) -> Plain:
    return {name: getattr(package, name) for name in Published.__struct_fields__}
