"""Tickets about records that break a rule: what the source and the holder say to each other until the records are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.client import ArgumentValue
from tui.decision import Blank, Decision
from tui.desk import Desk
from tui.feed import Question
from tui.governed.answers import Ticket, Tickets
from tui.governed.kind import LASTS_S, LISTED_MAX, CaseKind, Matter, brief, proposal
from tui.keys import SAYS, Key
from tui.pages.deciding_page import DecidingPage

TICKETS = Question("quality_tickets", Tickets, (("limit", LISTED_MAX),), lasts_s=LASTS_S)
WORDS = ("accept", "correct", "dispute", "insist", "verify", "reopen", "close")


class TicketKind(CaseKind[Ticket]):
    """Tickets."""

    name: ClassVar[str] = "quality"
    keys: ClassVar[tuple[Key, ...]] = tuple(SAYS[word] for word in WORDS)

    @property
    def listing(self) -> Question[Struct]:
        """The newest."""
        return TICKETS

    def shown(self, matter_id: str) -> Question[Ticket]:
        """One with its history."""
        return Question("quality_show", Ticket, (("id", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per ticket."""
        seen = desk.seen(TICKETS).value
        return [self.matter(one, desk) for one in seen.tickets] if seen else []

    def matter(self, case: Ticket, desk: Desk) -> Matter:
        """Which rule, how many records, whose."""
        words = desk.words
        figure = words("ticket_bad", bad=words.compact(case.bad), judged=words.compact(case.judged)) if case.judged else ""
        about = f"{case.resource} {case.rule}".strip()
        return self.line(case, desk, about=about, figure=figure, by=case.holder, to=case.source, settled=case.state == "closed")

    def parts(self, case: Ticket, page: DecidingPage, cells: int) -> list[Text]:
        """The records that are meant, by number and never by value."""
        words, desk = page.desk.words, page.desk
        found = words("ticket_counts", bad=words.number(case.bad), judged=words.number(case.judged)) if case.judged else ""
        return [
            *page.named("waits_for_me", words("yes") if case.for_me else words("no")),
            *page.named("resource", case.resource, cells),
            *page.named("broken_rule", case.rule or words("by_hand"), cells),
            *page.named("found", found, cells),
            *page.named("samples", ", ".join(case.samples), cells),
            *page.named("source", desk.name_of(case.source), cells),
            *page.named("holder", desk.name_of(case.holder), cells),
        ]

    def sentence(self, case: Ticket, word: str) -> str:
        """The holder disputes a correction, the source a ticket; either may insist."""
        if word == "dispute" and case.state == "corrected":
            return "say_quality_dispute_correction"
        return super().sentence(case, word)

    def sentence_values(self, case: Ticket, desk: Desk) -> dict[str, object]:
        """Whose records of what."""
        return {
            "resource": brief(case.resource, desk),
            "source": brief(desk.name_of(case.source), desk),
            "holder": brief(desk.name_of(case.holder), desk),
        }

    def opening(self, desk: Desk) -> Decision:
        """Tell a source by hand."""
        blanks = (Blank("source"), Blank("resource"), Blank("samples", is_needed=False))
        return proposal(desk, kind=self.name, verb="quality_report", blanks=blanks, told=_reported)


def _reported(filled: Mapping[str, str]) -> Mapping[str, ArgumentValue]:
    return {**filled, "samples": tuple(filled["samples"].split())}
