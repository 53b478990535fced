"""Emergencies (break-glass): declared by one person, signed by another, run against a clock, reviewed when over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from sync.model import MICROSECONDS
from tui.client import ArgumentValue
from tui.decision import Blank, Decision
from tui.desk import Desk
from tui.errors import ApiProblem
from tui.feed import Question
from tui.governed.answers import Emergencies, Request
from tui.governed.kind import LASTS_S, LISTED_MAX, CaseKind, Matter, Weight, brief, proposal
from tui.keys import SAYS, Key
from tui.pages.deciding_page import DecidingPage

EMERGENCIES = Question("emergency_list", Emergencies, (("limit", LISTED_MAX),), lasts_s=LASTS_S)
HOURS_START = "6"
SETTLED = frozenset({"withdrawn", "reviewed"})


class EmergencyKind(CaseKind[Request]):
    """Emergencies."""

    name: ClassVar[str] = "emergency"
    keys: ClassVar[tuple[Key, ...]] = (SAYS["approve"], SAYS["withdraw"], SAYS["end"], SAYS["review"])
    words: ClassVar[Mapping[str, str]] = {"approve": "grant"}
    typed: ClassVar[frozenset[str]] = frozenset({"grant"})

    @property
    def listing(self) -> Question[Struct]:
        """The newest."""
        return EMERGENCIES

    def shown(self, matter_id: str) -> Question[Request]:
        """One with its history."""
        return Question("emergency_show", Request, (("id", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per emergency."""
        seen = desk.seen(EMERGENCIES).value
        return [self.matter(one, desk) for one in seen.emergencies] if seen else []

    def matter(self, case: Request, desk: Desk) -> Matter:
        """What data, of whom, and how long it still runs."""
        to = case.arbiter if case.state in ("over", "ended") else case.provider
        settled = case.state in SETTLED
        return self.line(case, desk, about=case.resource, figure=left(case, desk), by=case.asker, to=to, settled=settled)

    def weight(self, case: Request) -> Weight:
        """An open one is never quiet: data leaves that the ceiling would hold."""
        return Weight.FAIL if case.overdue else Weight.CALM if case.state in SETTLED else Weight.WARN

    def parts(self, case: Request, page: DecidingPage, cells: int) -> list[Text]:
        """What, why, until when, and what was handed out."""
        words, desk = page.desk.words, page.desk
        return [
            *page.named("until", words.time(case.until_us)),
            *page.named("left", left(case, desk)),
            *page.named("resource", case.resource, cells),
            *page.named("fields", ", ".join(case.fields), cells),
            *page.named("predicate", case.ask.filter, cells),
            *page.named("purpose", case.purpose, cells),
            *page.named("why", case.ask.why, cells),
            *page.named("asker", desk.name_of(case.asker), cells),
            *page.named("provider", desk.name_of(case.provider), cells),
            *page.named("authority", desk.name_of(case.arbiter), cells),
            *shared(case, page, cells),
        ]

    def said(self, case: Request, word: str) -> tuple[str, tuple[tuple[str, ArgumentValue], ...]]:
        """The second signature has a verb of its own."""
        return ("emergency_approve", (("id", case.id),)) if word == "grant" else ("emergency_say", (("id", case.id), ("fact", word)))

    def takes_why(self, word: str) -> bool:
        """The second signature gives no reason: the first one did."""
        return word != "grant"

    def sentence_values(self, case: Request, desk: Desk) -> dict[str, object]:
        """Who gets what of whom until when."""
        return {
            "asker": brief(desk.name_of(case.asker), desk),
            "provider": brief(desk.name_of(case.provider), desk),
            "authority": brief(desk.name_of(case.arbiter), desk),
            "resource": brief(case.resource, desk),
            "fields": len(case.fields),
            "until": desk.words.time(case.until_us),
        }

    def opening(self, desk: Desk) -> Decision:
        """Declare an emergency."""
        blanks = (
            Blank("provider"),
            Blank("resource"),
            Blank("hours", HOURS_START),
            Blank("fields", is_needed=False),
            Blank("filter", is_needed=False),
        )
        return proposal(desk, kind=self.name, verb="emergency_open", blanks=blanks, told=_opened)


def _opened(filled: Mapping[str, str]) -> Mapping[str, ArgumentValue]:
    if not filled["hours"].isdecimal():
        raise ApiProblem("INVALID", f"hours {filled['hours'][:20]!r} is not a number: 1 to 72")
    fields = tuple(name.strip() for name in filled["fields"].split(",") if name.strip())
    return {**filled, "hours": int(filled["hours"]), "fields": fields}


def left(case: Request, desk: Desk) -> str:
    """The clock of an emergency: how long it still gives, counted to the second it is drawn."""
    if case.state != "granted" or case.until_us is None:
        return ""
    left_s = (case.until_us - desk.wall_us) / MICROSECONDS
    return desk.words("time_left", age=desk.words.age(left_s)) if left_s > 0 else desk.words("time_over")


def shared(case: Request, page: DecidingPage, cells: int) -> list[Text]:
    """What was handed out, which only the provider knows."""
    words, shares = page.desk.words, case.shares
    if not shares.pages:
        return []
    return page.named("shared", words("shared_rows", rows=words.number(shares.rows), pages=words.number(shares.pages)), cells)
