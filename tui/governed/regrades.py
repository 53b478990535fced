"""Changes of grades of single records: proposed, signed by another person, lifted by two again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from node.verb import UsageError
from node.verbs.regrade import GRADES, read_keys
from node.verbs.request import read_basis
from tui.client import ArgumentValue
from tui.decision import Blank, Decision
from tui.desk import Desk
from tui.errors import ApiProblem
from tui.feed import Question
from tui.governed.answers import Regrade, Regrades
from tui.governed.kind import LASTS_S, LISTED_MAX, CaseKind, Matter, Weight, brief, proposal
from tui.keys import SAYS, Key
from tui.pages.deciding_page import DecidingPage

REGRADES = Question("regrade_list", Regrades, (("limit", LISTED_MAX),), lasts_s=LASTS_S)
SETTLED = frozenset({"refused", "withdrawn", "lifted", "approved"})
"""States in which nothing waits; an approved change is in force."""
LOWER_MARK = "-"
"""Before a grade in the dialog: records count as at most that."""


class RegradeKind(CaseKind[Regrade]):
    """Changes of grades."""

    name: ClassVar[str] = "regrade"
    keys: ClassVar[tuple[Key, ...]] = tuple(SAYS[word] for word in ("approve", "refuse", "withdraw", "lift", "end", "keep"))
    typed: ClassVar[frozenset[str]] = frozenset({"approve", "end"})

    @property
    def listing(self) -> Question[Struct]:
        """The newest."""
        return REGRADES

    def shown(self, matter_id: str) -> Question[Regrade]:
        """One with its basis and history."""
        return Question("regrade_show", Regrade, (("id", matter_id),))

    def matters(self, desk: Desk) -> list[Matter]:
        """One line per change."""
        seen = desk.seen(REGRADES).value
        return [self.matter(one, desk) for one in seen.regrades] if seen else []

    def matter(self, case: Regrade, desk: Desk) -> Matter:
        """What it does, by whom, for whom."""
        figure = self._figure(case, desk)
        settled = case.state in SETTLED and not case.fault
        return self.line(case, desk, about=case.resource, figure=figure, by=case.proposer, to=case.approver, settled=settled)

    def weight(self, case: Regrade) -> Weight:
        """A change that cannot be issued is a fault; one in force is at work."""
        if case.fault:
            return Weight.FAIL
        return super().weight(case) if not case.in_force or case.overdue else Weight.LIVE

    def _figure(self, case: Regrade, desk: Desk) -> str:
        name = "regrade_raise" if case.raises else "regrade_lower"
        return desk.words(name, records=desk.words.compact(case.records), grade=desk.words.value(case.grade))

    def parts(self, case: Regrade, page: DecidingPage, cells: int) -> list[Text]:
        """Which records, and the law."""
        words = page.desk.words
        grade = words.shared("regrade.at_least" if case.raises else "regrade.at_most", grade=words.value(case.grade))
        return [
            *page.fault_lines(words("title_fault"), case.fault, cells),
            *page.named("here", words("yes") if case.in_force else words("no")),
            *page.named("resource", case.resource, cells),
            *page.named("grade", grade, cells),
            *page.named("records", words.number(case.records), cells),
            *page.named("origins", ", ".join(case.origins), cells),
            *page.named("proposer", case.proposer, cells),
            *page.named("approver", case.approver, cells),
            *page.basis_lines(case.basis, cells),
            Text(""),
        ]

    def sentence(self, case: Regrade, word: str) -> str:
        """What is signed differs with the way the grade goes."""
        return f"say_regrade_{word}_lower" if word == "approve" and not case.raises else super().sentence(case, word)

    def sentence_values(self, case: Regrade, desk: Desk) -> dict[str, object]:
        """Who, what, how many."""
        return {
            "resource": brief(case.resource, desk),
            "records": desk.words.number(case.records),
            "grade": brief(case.grade, desk),
            "proposer": brief(case.proposer, desk),
            "approver": brief(case.approver, desk),
        }

    def opening(self, desk: Desk) -> Decision:
        """Propose a change."""
        blanks = (
            Blank("resource"),
            Blank("grade", "L4"),
            Blank("where", is_needed=False),
            Blank("key", is_needed=False),
            Blank("keys", is_needed=False),
            Blank("basis"),
        )
        return proposal(desk, kind=self.name, verb="regrade_propose", blanks=blanks, told=_proposed)


def _proposed(filled: Mapping[str, str]) -> Mapping[str, ArgumentValue]:
    """As `yunnao regrade propose` says it: files are read here, on the machine of the console. Raises ApiProblem."""
    grade = filled["grade"].strip().upper()
    lowers = grade.startswith(LOWER_MARK)
    if grade.removeprefix(LOWER_MARK) not in GRADES:
        raise ApiProblem("INVALID", f"grade {filled['grade'][:20]!r} is not one of {', '.join(GRADES)}; -L2 means: count as at most L2")
    said: dict[str, ArgumentValue] = {
        "resource": filled["resource"],
        "grade": int(grade[-1]),
        "raises": not lowers,
        "where": filled["where"],
    }
    try:
        said["basis"] = read_basis(Path(filled["basis"]).expanduser())
        if filled["keys"]:
            said |= {"key": filled["key"], "keys": tuple(read_keys(Path(filled["keys"]).expanduser()))}
    except UsageError as error:
        raise ApiProblem("INVALID", str(error)) from error
    return said
