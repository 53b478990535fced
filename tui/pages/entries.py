"""The negative list: cases that wait for a decision first, then what is approved with its standing, then what was decided.

Entries in force that no case brought, such as those of a bundle that ships, stand with the approved ones. Owns how a case's state looks;
the order, the clocks and the standing are the node's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.case_answers import EntryCase, EntryCases, Listed
from tui.desk import Desk
from tui.errors import ApiProblem
from tui.feed import Question
from tui.marks import marked
from tui.pages.list_page import ListPage
from tui.questions import APPROVED, DECIDED, REGISTER, WAITING, WAITING_MAX
from tui.widgets.table import Column, Row, rest_of

DATE_CHARACTERS = 10
STATE_CELLS = 21
WIDE_CELLS = 110
"""From this width on the list shows until when a case should be decided."""
SEARCH_CHARACTERS_MAX = 600
NEVER_US = 1 << 63
NOT_BEGUN = ("not-yet", "expired")
"""Reasons without effect that are no fault."""


class EntriesPage(ListPage):
    """One row per case, and per entry in force without one."""

    name_key: ClassVar[str] = "entries"
    tab: ClassVar[str] = "entries"
    detail: ClassVar[str] = "entry"

    def questions(self) -> Sequence[Question[Struct]]:
        """Cases by group, and what is in force."""
        return (WAITING, APPROVED, DECIDED, REGISTER)

    def problem(self) -> tuple[ApiProblem, float | None] | None:
        """Cases that the node does not keep up to date are a problem too."""
        seen = self.desk.seen(WAITING)
        if seen.value is not None and seen.value.fault:
            return ApiProblem("NOT_KEPT", self.desk.words("fault_not_kept", fault=self.desk.words.value(seen.value.fault))), seen.age_s
        return super().problem()

    def count_shown(self) -> str:
        """How many wait, or what the filter leaves."""
        if self.wanted:
            return super().count_shown()
        waiting = len(self._cases(WAITING))
        return self.desk.words("count_waiting", waiting=f"{waiting}+" if waiting >= WAITING_MAX else waiting)

    def columns(self, cells: int) -> Sequence[Column]:
        """Resource, proposer and approver share what the narrow columns leave."""
        words = self.desk.words
        first = (Column(words("column_state"), STATE_CELLS), Column(words("column_effect"), 8), Column(words("column_ends"), 10))
        due = (Column(words("column_due"), 10),) if cells >= WIDE_CELLS else ()
        room = rest_of(cells, (*first, *due), least=24, most=110) - 2
        share = room // 3
        resource = Column(words("column_resource"), room - 2 * share)
        return (*first, *due, resource, Column(words("column_proposer"), share), Column(words("column_approver"), share))

    def rows(self, cells: int) -> Sequence[Row]:
        """The groups, one after the other."""
        is_wide = cells >= WIDE_CELLS
        register = self.desk.seen(REGISTER).value
        by_case = {case.entry for question in (WAITING, APPROVED, DECIDED) for case in self._cases(question)}
        others = [listed for listed in register.entries if listed.id not in by_case] if register else []
        waiting = sorted(self._cases(WAITING), key=lambda case: (not case.takes, _moment(case.due_us)))
        return [
            *(self._case(case, is_wide=is_wide) for case in waiting),
            *(self._case(case, is_wide=is_wide) for case in sorted(self._cases(APPROVED), key=_approved_rank)),
            *(self._listed(listed, is_wide=is_wide) for listed in others),
            *(self._case(case, is_wide=is_wide) for case in self._cases(DECIDED)),
        ]

    def _cases(self, question: Question[EntryCases]) -> list[EntryCase]:
        found = self.desk.seen(question).value
        return found.entries if found else []

    def _case(self, case: EntryCase, *, is_wide: bool) -> Row:
        state = case_state(case, self.desk, stale=self.problem() is not None)
        return self._row(case.id, state, case, [case.entry, case.id], due_us=case.due_us, is_wide=is_wide)

    def _listed(self, listed: Listed, *, is_wide: bool) -> Row:
        state = listed_state(listed, self.desk, stale=self.problem() is not None)
        return self._row(listed.key, state, listed, [listed.id, listed.issuer], due_us=None, is_wide=is_wide)

    def _row(self, key: str, state: Text, entry: EntryCase | Listed, names: list[str], *, due_us: int | None, is_wide: bool) -> Row:
        words, style = self.desk.words, self.desk.palette.stale if self.problem() else ""
        dates = [words.time(entry.valid_to_us)[:DATE_CHARACTERS], *[words.time(due_us)[:DATE_CHARACTERS]] * is_wide]
        shown = [words.term("effect", entry.effect), *dates, entry.resource, entry.proposer or "-", entry.approver or "-"]
        search = " ".join((state.plain, *shown, *names))
        return Row(key, (state, *(self.cell(value, style) for value in shown)), search=search[:SEARCH_CHARACTERS_MAX])


def _approved_rank(case: EntryCase) -> tuple[bool, bool, int]:
    """What needs somebody first: not in force, then by end; what has ended last."""
    return (not case.fault, case.standing == "expired", _moment(case.valid_to_us))


def _moment(moment_us: int | None) -> int:
    return NEVER_US if moment_us is None else moment_us


def case_state(case: EntryCase, desk: Desk, *, stale: bool) -> Text:
    """State of a case as mark, words and colour: `X` approved and not in force, `!` past its time or near its end."""
    words, palette = desk.words, desk.palette
    shown = words.shared(f"entry.state_{case.standing or case.state}")
    mark, colour = " ", palette.ok if case.standing == "live" else palette.text
    if case.overdue:
        mark, colour, shown = "!", palette.warn, words.shared("entry.overdue", state=shown)
    elif case.fault:
        mark, colour, shown = "X", palette.fail, words("entry_unissued")
    elif case.standing in ("ending", "expiring"):
        mark, colour = "!", palette.warn
    return marked(mark, shown, palette.stale if stale else colour)


def state_words(case: EntryCase, desk: Desk) -> str:
    """State of a case inside a sentence."""
    shown = desk.words.shared(f"entry.state_{case.standing or case.state}")
    return desk.words("entry_approved", standing=shown) if case.standing and case.standing != "not-yet" else shown


def listed_state(listed: Listed, desk: Desk, *, stale: bool) -> Text:
    """State of an entry in force that no case here is about."""
    words, palette = desk.words, desk.palette
    if listed.has_effect or listed.why in NOT_BEGUN:
        shown = words.shared(f"entry.state_{'live' if listed.has_effect else listed.why}")
        return marked(" ", shown, palette.stale if stale else palette.ok if listed.has_effect else palette.text)
    return marked("X", words("entry_void"), palette.stale if stale else palette.fail)
