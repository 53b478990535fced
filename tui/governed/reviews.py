"""Reviews that nodes opened by themselves: sets that grew too large, entries of two levels that contradict each other."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.desk import Desk
from tui.feed import Question
from tui.governed.answers import Review, Reviews
from tui.governed.kind import LASTS_S, LISTED_MAX, CaseKind, Matter, brief
from tui.keys import SAYS, Key
from tui.pages.deciding_page import DecidingPage

REVIEWS = Question("review_list", Reviews, (("limit", LISTED_MAX),), lasts_s=LASTS_S)


class ReviewKind(CaseKind[Review]):
    """Reviews."""

    name: ClassVar[str] = "review"
    keys: ClassVar[tuple[Key, ...]] = (SAYS["release"], SAYS["uphold"])

    @property
    def listing(self) -> Question[Struct]:
        """The newest."""
        return REVIEWS

    def shown(self, matter_id: str) -> Question[Review]:
        """One with its history."""
        return Question("review_show", Review, (("id", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per review."""
        seen = desk.seen(REVIEWS).value
        return [self.matter(one, desk) for one in seen.reviews] if seen else []

    def matter(self, case: Review, desk: Desk) -> Matter:
        """What about, how many persons, who decides."""
        words = desk.words
        figure = words("review_persons", count=words.compact(case.count), persons=words.compact(case.persons))
        figure = figure if case.persons else words("review_conflict")
        about = ", ".join(case.resources) or case.key
        return self.line(case, desk, about=about, figure=figure, by=case.opener, to=case.authority, settled=case.state != "open")

    def parts(self, case: Review, page: DecidingPage, cells: int) -> list[Text]:
        """The matter."""
        words, desk = page.desk.words, page.desk
        persons = words("review_counted", count=words.number(case.count), persons=words.number(case.persons)) if case.persons else ""
        return [
            *page.named("topic", words.shared(f"review.topic_{case.topic}"), cells),
            *page.named("matter", case.key, cells),
            *page.named("resources", ", ".join(case.resources), cells),
            *page.named("persons", persons, cells),
            *page.named("opener", desk.name_of(case.opener), cells),
            *page.named("authority", desk.name_of(case.authority), cells),
            *(page.named("other", desk.name_of(case.other), cells) if case.other else []),
        ]

    def sentence(self, case: Review, word: str) -> str:
        """A set and a contradiction are decided with other consequences."""
        return f"say_review_{word}_{'conflict' if case.topic == 'conflict' else 'accumulation'}"

    def sentence_values(self, case: Review, desk: Desk) -> dict[str, object]:
        """What about, and who opened it."""
        return {"matter": brief(case.key, desk), "opener": brief(desk.name_of(case.opener), desk)}
