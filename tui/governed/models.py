"""Packages of models: publications that wait for another person, and offers of nodes above that nobody here has taken.

A publication is a case; that its approver is another person than its publisher is the node's rule. An offer is no case: taking one fetches
it, checks its signature and runs its golden pictures, and makes nothing live. How large a package is, nobody knows before it is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.client import ArgumentValue
from tui.decision import Decision
from tui.desk import Desk
from tui.feed import Question
from tui.governed.answers import PackageOffer, PackageOffers, Publication, Publications
from tui.governed.kind import LASTS_S, LISTED_MAX, CaseKind, Matter, MatterKind, Rank, Weight, brief
from tui.keys import SAYS, Key
from tui.pages.deciding_page import DecidingPage

PUBLISHED = Question("algorithm_list", Publications, (("limit", LISTED_MAX),), lasts_s=LASTS_S)
HEARD = Question("algorithm_heard", PackageOffers, lasts_s=LASTS_S)
FIELD_TESTED = "field-tested"
TAKE_TIMEOUT_S = 3_600.0
"""Some hundred MiB over a thin line, then a golden run."""


class ModelKind(CaseKind[Publication]):
    """Publications."""

    name: ClassVar[str] = "model"
    keys: ClassVar[tuple[Key, ...]] = (SAYS["approve"], SAYS["refuse"], SAYS["withdraw"])

    @property
    def listing(self) -> Question[Struct]:
        """The newest."""
        return PUBLISHED

    def shown(self, matter_id: str) -> Question[Publication]:
        """One with its history."""
        return Question("algorithm_show", Publication, (("case", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per publication."""
        seen = desk.seen(PUBLISHED).value
        return [self.matter(one, desk) for one in seen.cases] if seen else []

    def matter(self, case: Publication, desk: Desk) -> Matter:
        """Which package, what it was proved on, who decides."""
        grade = desk.words.term("evidence_grade_long", case.evidence_grade or "none")
        about = f"{case.algorithm} {case.version}"
        return self.line(case, desk, about=about, figure=grade, by=case.publisher, to=case.approver, settled=case.state != "published")

    def state_words(self, case: Publication, desk: Desk) -> str:
        """The words of the command line."""
        return desk.words.shared(f"model.case_{case.state}")

    def parts(self, case: Publication, page: DecidingPage, cells: int) -> list[Text]:
        """The package."""
        desk = page.desk
        nodes = {"publisher": desk.name_of(case.publisher), "package_approver": desk.name_of(case.approver)}
        return [*_package(case, page, cells), *(line for name, value in nodes.items() for line in page.named(name, value, cells))]

    def said(self, case: Publication, word: str) -> tuple[str, tuple[tuple[str, ArgumentValue], ...]]:
        """Publications have a verb of their own."""
        return "algorithm_say", (("case", case.id), ("fact", word))

    def sentence_values(self, case: Publication, desk: Desk) -> dict[str, object]:
        """Which package, and whose."""
        return {"package": brief(f"{case.algorithm} {case.version}", desk), "publisher": brief(desk.name_of(case.publisher), desk)}


class OfferKind(MatterKind[PackageOffers]):
    """Offers that were heard."""

    name: ClassVar[str] = "offer"
    section: ClassVar[str] = "model"
    keys: ClassVar[tuple[Key, ...]] = (SAYS["take"],)

    @property
    def listing(self) -> Question[Struct]:
        """What nodes above offer and is not here."""
        return HEARD

    def shown(self, matter_id: str) -> Question[PackageOffers]:
        """One, by the content of its package."""
        return Question("algorithm_heard", PackageOffers, (("content", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per package."""
        seen = desk.seen(HEARD).value
        return [self._matter(one, desk) for one in seen.offers] if seen else []

    def _matter(self, offer: PackageOffer, desk: Desk) -> Matter:
        words = desk.words
        grade = words.term("evidence_grade_long", offer.evidence_grade or "none")
        about = f"{offer.algorithm} {offer.version}"
        key = f"{self.name}/{offer.content}"
        return Matter(key, words("offer_state"), Weight.CALM, Rank.MINE, about, grade, offer.at, "", None, offer.heard_us or 0)

    def lines(self, matter: PackageOffers, page: DecidingPage, cells: int) -> list[Text]:
        """The package, what it would stand beside, and what taking it does."""
        desk, words = page.desk, page.desk.words
        if not matter.offers:
            return [Text(""), *page.paragraph(words("offer_gone"), cells)]
        offer = matter.offers[0]
        nodes = {"offered_by": offer.at, "publisher": offer.publisher, "package_approver": offer.approver}
        return [
            Text(""),
            *page.undrawn(offer, "yunnao model list", cells),
            *page.named("state", words("offer_state")),
            *_package(offer, page, cells),
            *(line for name, node in nodes.items() for line in page.named(name, desk.name_of(node), cells)),
            *page.named("heard", words.time(offer.heard_us)),
            Text(""),
            *page.paragraph(words("offer_hint"), cells, style=desk.palette.dim),
        ]

    def decision(self, matter_id: str, name: str, desk: Desk) -> Decision | None:
        """To take it."""
        seen = desk.seen(self.shown(matter_id)).value
        if seen is None or not seen.offers:
            return None
        offer, words = seen.offers[0], desk.words
        package = brief(f"{offer.algorithm} {offer.version}", desk)

        def told(_: Mapping[str, object]) -> str:
            return words("offer_taken", id=words.value(offer.algorithm), version=words.value(offer.version))

        return Decision(
            verb="algorithm_take",
            arguments=(("id", offer.algorithm), ("version", offer.version), ("node", offer.at)),
            title=words("take_title", package=package),
            sentence=words("take_sentence", package=package, node=brief(desk.name_of(offer.at), desk)),
            affected="",
            button=words("take_title", package=package),
            needs_why=False,
            takes_why=False,
            hindrance=lambda: self._hindrance(matter_id, desk),
            answered=told,
            timeout_s=TAKE_TIMEOUT_S,
        )

    def _hindrance(self, matter_id: str, desk: Desk) -> str:
        seen = desk.live(self.shown(matter_id))
        if seen.problem is not None:
            return desk.words("decide_away", code=desk.words.value(seen.problem.code))
        return "" if seen.value and seen.value.offers else desk.words("offer_gone")


def _package(package: Publication | PackageOffer, page: DecidingPage, cells: int) -> list[Text]:
    """What a package is, what it was proved on, and what it replaces here."""
    words, palette = page.desk.words, page.desk.palette
    grade = words.term("evidence_grade_long", package.evidence_grade or "none")
    replaces = words("replaces_version", version=words.value(package.live)) if package.live else words("replaces_nothing")
    facts = {"family": package.family, "classes": words.number(package.classes), "licence": package.licence, "maker": package.maker}
    return [
        *page.named("package", f"{package.algorithm} {package.version}", cells),
        page.field("evidence_grade", grade, "" if package.evidence_grade == FIELD_TESTED else f"bold {palette.warn}"),
        *page.named("replaces", replaces, cells),
        *(line for name, value in facts.items() for line in page.named(name, value, cells)),
        *page.named("content", package.content, cells),
    ]
