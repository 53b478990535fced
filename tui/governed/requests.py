"""Requests for data: what waits here for an answer, and what was answered. Asking, fetching and rating are the command line's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from node.verb import UsageError
from node.verbs.request import read_basis
from tui.client import ArgumentValue
from tui.decision import Blank
from tui.desk import Desk
from tui.errors import ApiProblem
from tui.feed import Question
from tui.governed.answers import Request, Requests
from tui.governed.emergencies import shared
from tui.governed.kind import LASTS_S, LISTED_MAX, CaseKind, Matter, Weight, brief
from tui.keys import SAYS, Key
from tui.pages.deciding_page import DecidingPage

REQUESTS = Question("request_list", Requests, (("limit", LISTED_MAX),), lasts_s=LASTS_S)
WORDS = ("grant", "refuse", "missing", "supply", "appeal", "uphold", "overturn", "withdraw", "revoke")
SETTLED = frozenset({"granted", "refused", "upheld", "revoked", "withdrawn"})
OWN_VERBS = {"grant": "request_grant", "refuse": "request_refuse", "missing": "request_missing"}


class RequestKind(CaseKind[Request]):
    """Requests."""

    name: ClassVar[str] = "request"
    keys: ClassVar[tuple[Key, ...]] = tuple(SAYS[word] for word in WORDS)

    @property
    def listing(self) -> Question[Struct]:
        """The newest."""
        return REQUESTS

    def shown(self, matter_id: str) -> Question[Request]:
        """One with its grant, basis and history."""
        return Question("request_show", Request, (("id", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per request."""
        seen = desk.seen(REQUESTS).value
        return [self.matter(one, desk) for one in seen.requests] if seen else []

    def matter(self, case: Request, desk: Desk) -> Matter:
        """What is asked for, why, of whom."""
        settled = case.state in SETTLED
        return self.line(case, desk, about=case.resource, figure=case.purpose, by=case.asker, to=case.provider, settled=settled)

    def weight(self, case: Request) -> Weight:
        """A grant that lives is at work."""
        return Weight.LIVE if case.standing == "live" and not case.overdue else super().weight(case)

    def state_name(self, case: Request) -> str:
        """A granted one is told by how it stands to its dates."""
        return case.standing or case.state

    def parts(self, case: Request, page: DecidingPage, cells: int) -> list[Text]:
        """What was asked, granted, refused on which law, handed out."""
        words, desk = page.desk.words, page.desk
        basis = page.basis_lines(case.basis, cells) if case.basis.instrument else []
        return [
            *page.named("resource", case.resource, cells),
            *page.named("fields", ", ".join(case.fields), cells),
            *page.named("predicate", case.ask.filter, cells),
            *page.named("granted_rows", case.grant.filter, cells),
            *page.named("conditions", case.grant.conditions, cells),
            *page.named("purpose", case.purpose, cells),
            *page.named("until", words.time(case.until_us)),
            *page.named("why", case.ask.why, cells),
            *page.named("asker", desk.name_of(case.asker), cells),
            *page.named("provider", desk.name_of(case.provider), cells),
            *page.named("authority", desk.name_of(case.arbiter), cells),
            *page.named("supplier", case.supplier, cells),
            *shared(case, page, cells),
            *basis,
        ]

    def said(self, case: Request, word: str) -> tuple[str, tuple[tuple[str, ArgumentValue], ...]]:
        """Three answers have verbs of their own."""
        own = OWN_VERBS.get(word)
        return (own, (("id", case.id),)) if own else ("request_say", (("id", case.id), ("fact", word)))

    def takes_why(self, word: str) -> bool:
        """A grant says what was asked for, and no more."""
        return word != "grant"

    def needs_why(self, case: Request, word: str) -> bool:
        """What goes on the duty list goes there with a reason."""
        return word == "missing" or super().needs_why(case, word)

    def blanks(self, word: str) -> tuple[Blank, ...]:
        """A grant may have conditions, a refusal stands on a law, missing data has a supplier."""
        named = {"grant": (Blank("conditions", is_needed=False),), "refuse": (Blank("basis"),), "missing": (Blank("supplier"),)}
        return named.get(word, ())

    def told(self, word: str) -> Callable[[Mapping[str, str]], Mapping[str, ArgumentValue]]:
        """The law is read from the file that the command line takes too."""
        return _refused if word == "refuse" else dict

    def sentence_values(self, case: Request, desk: Desk) -> dict[str, object]:
        """Who asks what of whom until when."""
        return {
            "asker": brief(desk.name_of(case.asker), desk),
            "provider": brief(desk.name_of(case.provider), desk),
            "resource": brief(case.resource, desk),
            "fields": len(case.fields),
            "until": desk.words.time(case.until_us),
        }


def _refused(filled: Mapping[str, str]) -> Mapping[str, ArgumentValue]:
    try:
        return {"basis": read_basis(Path(filled["basis"]).expanduser())}
    except UsageError as error:
        raise ApiProblem("INVALID", str(error)) from error
