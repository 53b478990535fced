"""Oversight: does what should come back come back, how good are the records of each source, and what was done here.

Sections: returns with their alarm, quality scores, the audit log. The log is walked a page at a time (`o` older, `i` newer), filtered by
the node by kind or subject (`:log case`, `:log residents`), and verified on a page of its own. Nothing is judged here: states, scores and
the verdict are the node's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from node.audit.words import AuditKind
from tui.desk import Desk
from tui.feed import Question
from tui.governed.kind import Weight, state_badge
from tui.keys import NEWER, OLDER, SECTION_NAMES, VERIFY_LOG, Key
from tui.oversight_answers import Came, LogEntry, LogPage, Score
from tui.pages.oversight_details import kind_words, share_words
from tui.pages.page import Go
from tui.pages.sectioned_page import SectionedPage
from tui.questions import RETURNS, SCORES, audit_page
from tui.widgets.table import Column, Row, rest_of

RETURNS_, SCORED, LOG = SECTION_NAMES["oversight"]
WIDE_CELLS = 110
SEARCH_CHARACTERS_MAX = 600
PAGES_BACK_MAX = 10_000
"""Older pages that can be gone back through."""
BAD_SHARE_WARNS = 0.95
"""Below this share of good records a score carries a mark; the figure stands beside it."""


class OversightPage(SectionedPage):
    """A table per section."""

    name_key: ClassVar[str] = "oversight"
    tab: ClassVar[str] = "oversight"
    sections: ClassVar[tuple[str, ...]] = SECTION_NAMES["oversight"]
    BINDINGS: ClassVar = [key.binding() for key in (VERIFY_LOG, OLDER, NEWER)]

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._before: list[int] = []
        """Where each older page that was opened begins; empty on the newest."""

    def questions(self) -> Sequence[Question[Struct]]:
        """What the open section shows."""
        return ({RETURNS_: RETURNS, SCORED: SCORES, LOG: self._log()}[self.section],)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """The alarm stands in the line of sections whatever is open."""
        return (RETURNS, SCORES)

    def _log(self) -> Question[LogPage]:
        kinds = (self.wish,) if self.wish in set(AuditKind) else ()
        before = self._before[-1] if self._before else None
        return audit_page(kinds, subject="" if kinds else self.wish, before_seq=before)

    def own_keys(self) -> Sequence[Key]:
        """In the log: verify, older, newer."""
        if self.section != LOG:
            return super().own_keys()
        page = self.desk.seen(self._log()).value
        older = [OLDER] if page is not None and page.next is not None else []
        return (*super().own_keys(), VERIFY_LOG, *older, *([NEWER] if self._before else []))

    def count_of(self, section: str) -> str:
        """What is missing, and what is open."""
        returns, scores = self.desk.seen(RETURNS).value, self.desk.seen(SCORES).value
        if section == RETURNS_ and returns is not None and returns.missing:
            return f"!{len(returns.missing)}"
        open_ = sum(score.open for score in scores.scores) if section == SCORED and scores is not None else 0
        return str(open_) if open_ else ""

    def count_shown(self) -> str:
        """Rows, and what the node was asked to filter by."""
        wish = f"[{self.desk.words.value(self.wish)[:20]}] " if self.wish and self.section == LOG else ""
        return wish + super().count_shown()

    # ---- tables

    def columns(self, cells: int) -> Sequence[Column]:
        """Those of the open section."""
        return {RETURNS_: self._return_columns, SCORED: self._score_columns, LOG: self._log_columns}[self.section](cells)

    def rows(self, cells: int) -> Sequence[Row]:
        """Those of the open section."""
        return {RETURNS_: self._returns, SCORED: self._scores, LOG: self._entries}[self.section](cells)

    def _return_columns(self, cells: int) -> list[Column]:
        words = self.desk.words
        others = (
            Column(words("column_state"), 22),
            Column(words("column_way"), 12),
            Column(words("column_territory"), 12),
            Column(words("column_age"), 6, right=True),
            Column(words("column_period"), 7, right=True),
        )
        return [*others[:3], Column(words("column_resource"), rest_of(cells, others, least=12, most=60)), *others[3:]]

    def _returns(self, cells: int) -> list[Row]:
        seen = self.desk.seen(RETURNS)
        if seen.value is None:
            return []
        here = self.desk.words("return_here")
        lines = [(here, one) for one in seen.value.received] + [(self.desk.name_of(one.child), one) for one in seen.value.given]
        lines.sort(key=lambda line: line[1].state != "missing")
        return [self._return(way, one, seen.age_s or 0.0) for way, one in lines]

    def _return(self, way: str, one: Came, elapsed_s: float) -> Row:
        words, stale = self.desk.words, self.problem() is not None
        weight = Weight.FAIL if one.state == "missing" else Weight.LIVE if one.state == "fresh" else Weight.CALM
        state = state_badge(words.shared(f"return.state_{one.state}"), weight, self.desk, stale=stale)
        age = words.age(one.age_s + elapsed_s if one.age_s is not None else None)
        shown = [way, one.territory, one.resource, age, words.age(one.period_s or None)]
        return self._made(f"{one.child}/{one.territory}/{one.resource}", state, shown, stale=stale)

    def _score_columns(self, cells: int) -> list[Column]:
        words, is_wide = self.desk.words, cells >= WIDE_CELLS
        numbers = [("good", 9), ("records", 8), ("bad", 7), ("open", 6)]
        numbers += [("tickets", 7), ("disputed", 8), ("wrong", 8), ("correct", 8)] if is_wide else []
        others = [Column(words(f"column_{name}"), width, right=True) for name, width in numbers]
        source = Column(words("column_source"), 16)
        return [Column(words("column_resource"), rest_of(cells, (*others, source), least=12, most=60)), source, *others]

    def _scores(self, cells: int) -> list[Row]:
        seen = self.desk.seen(SCORES).value
        scores = sorted(seen.scores, key=_score_rank) if seen else []
        return [self._score(score, is_wide=cells >= WIDE_CELLS) for score in scores]

    def _score(self, score: Score, *, is_wide: bool) -> Row:
        words, stale = self.desk.words, self.problem() is not None
        warns = score.good_share is not None and score.good_share < BAD_SHARE_WARNS
        share = Text("! " * warns + share_words(score, self.desk), style=self._colour(stale=stale, warns=warns))
        wrong = score.disputes_upheld + score.wrong_corrections
        more = [words.compact(count) for count in (score.tickets, score.disputed, wrong)] + [words.age(score.correct_s)] if is_wide else []
        counts = [words.compact(count) for count in (score.records, score.bad, score.open)]
        style = self.desk.palette.stale if stale else ""
        heads = [self.cell(score.resource, style), self.cell(self.desk.name_of(score.origin), style)]
        cells = (*heads, share, *(self.cell(value, style) for value in (*counts, *more)))
        return Row(score.key, cells, search=f"{score.resource} {score.origin} {heads[1].plain}"[:SEARCH_CHARACTERS_MAX])

    def _colour(self, *, stale: bool, warns: bool) -> str:
        palette = self.desk.palette
        return palette.stale if stale else f"bold {palette.warn}" if warns else palette.text

    def _log_columns(self, cells: int) -> list[Column]:
        words, is_wide = self.desk.words, cells >= WIDE_CELLS
        others = [Column(words("column_entry"), 7, right=True), Column(words("column_time"), 19 if is_wide else 8)]
        others += [Column(words("column_kind"), 12), Column(words("column_who"), 14)]
        room = rest_of(cells, others, least=20, most=160) - 1
        subject = min(40, room // 2)
        return [*others[:3], Column(words("column_about"), subject), others[3], Column(words("column_detail"), room - subject)]

    def _entries(self, cells: int) -> list[Row]:
        page = self.desk.seen(self._log()).value
        return [self._entry(entry, is_wide=cells >= WIDE_CELLS) for entry in page.entries] if page else []

    def _entry(self, entry: LogEntry, *, is_wide: bool) -> Row:
        words, stale = self.desk.words, self.problem() is not None
        time = words.time(entry.at_us)
        detail = " ".join(f"{name}={value}" for name, value in entry.detail.items() if not isinstance(value, list))
        shown = [time if is_wide else time[-8:], kind_words(entry, self.desk), entry.subject, entry.by or "-", detail]
        number = self.cell(entry.seq, self.desk.palette.stale if stale else self.desk.palette.dim)
        return self._made(str(entry.seq), number, shown, stale=stale)

    def _made(self, key: str, first: Text, shown: list[str], *, stale: bool) -> Row:
        style = self.desk.palette.stale if stale else ""
        search = " ".join((first.plain, *shown))[:SEARCH_CHARACTERS_MAX]
        return Row(key, (first, *(self.cell(value, style) for value in shown)), search=search)

    # ---- keys

    def opens(self, key: str) -> Go:
        """A return leads to its resource, a score and an entry to a page of their own."""
        if self.section == RETURNS_:
            return Go("resource", key.rpartition("/")[2])
        return Go("score" if self.section == SCORED else "log_entry", key)

    def go_to(self, section: str) -> None:
        """Open `section`, the log at its newest page."""
        self._before = []
        super().go_to(section)

    def action_older(self) -> None:
        """The page of the log before this one."""
        page = self.desk.seen(self._log()).value if self.section == LOG else None
        if page is not None and page.next is not None and len(self._before) < PAGES_BACK_MAX:
            self._before.append(page.next)
            self.paint()
            self.want_answers()

    def action_newer(self) -> None:
        """The page of the log after this one."""
        if self._before:
            self._before.pop()
            self.paint()

    def action_verify_log(self) -> None:
        """Have the whole log walked and its witnesses asked."""
        if self.section == LOG:
            self.post_message(Go("verdict"))


def _score_rank(score: Score) -> tuple[float, str]:
    """The worst first; what was not judged last."""
    return (2.0 if score.good_share is None else score.good_share, score.key)
