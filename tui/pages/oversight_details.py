"""The pages behind the lines of oversight: one score by rule, one entry of the audit log, and whether the log holds.

Nothing is judged here: states, scores and the verdict are the node's. The walk over the log begins when its page opens.
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
from tui.keys import VERIFY_LOG, Key
from tui.marks import unmarked
from tui.oversight_answers import LogEntry, Score
from tui.pages.detail_page import DetailPage
from tui.pages.page import Fetch
from tui.questions import SCORES, VERDICT, audit_page

COUNTS = ("bad", "judged", "unjudged")
SEQ_DIGITS_MAX = 18


def share_words(score: Score, desk: Desk) -> str:
    """The good share in per cent, never rounded up to a whole hundred; a dash where nothing was judged."""
    if score.good_share is None:
        return "-"
    return desk.words("per_cent", n=f"{int(score.good_share * 1_000) / 10:.1f}")


def kind_words(entry: LogEntry, desk: Desk) -> str:
    """The kind of an entry in words; as the node wrote it where it is none."""
    return desk.words.shared(f"audit_log.kind_{entry.kind.replace('-', '_')}") if entry.kind in set(AuditKind) else entry.kind


class ScorePage(DetailPage):
    """The score whose key, `resource/source`, is `about`: by rule, and what its tickets came to."""

    name_key: ClassVar[str] = "score"
    tab: ClassVar[str] = "oversight"

    def questions(self) -> Sequence[Question[Struct]]:
        """All scores."""
        return (SCORES,)

    def lines(self, cells: int) -> Sequence[Text]:
        """Figures, then rules, the worst first."""
        seen = self.desk.seen(SCORES).value
        found = [score for score in seen.scores if score.key == self.about] if seen else []
        if not found:
            return self.missing()
        score, words = found[0], self.desk.words
        figures = ("records", "bad", "tickets", "open", "disputed", "disputes_upheld", "wrong_corrections")
        rules = sorted(score.rules.items(), key=lambda item: (-item[1].bad, item[0]))
        told = [words("rule_score", rule=name, **{key: words.number(getattr(one, key)) for key in COUNTS}) for name, one in rules]
        return [
            Text(""),
            *self.named("resource", score.resource, cells),
            *self.named("source", self.desk.name_of(score.origin), cells),
            *self.named("good", share_words(score, self.desk)),
            *(line for name in figures for line in self.named(name, words.number(getattr(score, name)))),
            *self.named("correct_s", words.age(score.correct_s)),
            Text(""),
            self.heading(words("title_rules")),
            *(line for one in told for line in self.whole(one, cells, indent=2)),
        ]


class LogEntryPage(DetailPage):
    """The entry of the audit log whose number is `about`, whole."""

    name_key: ClassVar[str] = "log_entry"
    tab: ClassVar[str] = "oversight"

    def questions(self) -> Sequence[Question[Struct]]:
        """The one entry; it never changes."""
        return (audit_page(before_seq=self._number() + 1, limit=1),)

    def _number(self) -> int:
        return int(self.about) if self.about.isdecimal() and len(self.about) <= SEQ_DIGITS_MAX else 0

    def lines(self, cells: int) -> Sequence[Text]:
        """Head, detail, hash."""
        page = self.desk.seen(audit_page(before_seq=self._number() + 1, limit=1)).value
        if page is None or not page.entries or page.entries[0].seq != self._number():
            return self.missing()
        entry, words = page.entries[0], self.desk.words
        detail = [words("detail_line", name=name, value=value) for name, value in entry.detail.items()]
        return [
            Text(""),
            *self.named("number", str(entry.seq)),
            *self.named("time", words.time(entry.at_us)),
            *self.named("kind", kind_words(entry, self.desk), cells),
            *self.named("subject", entry.subject, cells),
            *self.named("by", entry.by or "-", cells),
            *self.named("hash", entry.hash, cells),
            Text(""),
            self.heading(words("title_detail")),
            *(line for one in detail for line in self.whole(one, cells, indent=2)),
        ]


class VerdictPage(DetailPage):
    """Whether the audit log is what was written: asked when the page opens, and again with the same key."""

    name_key: ClassVar[str] = "verdict"
    tab: ClassVar[str] = "oversight"
    BINDINGS: ClassVar = [VERIFY_LOG.binding()]

    def own_keys(self) -> Sequence[Key]:
        """Ask anew."""
        return (VERIFY_LOG,)

    def on_mount(self) -> None:
        """The walk begins when the page opens."""
        self.action_verify_log()

    def action_verify_log(self) -> None:
        """Have the log walked and its witnesses asked."""
        self.post_message(Fetch(VERDICT))

    def lines(self, cells: int) -> Sequence[Text]:
        """Verdict, figures, findings, what nobody could confirm."""
        seen, words, palette = self.desk.seen(VERDICT), self.desk.words, self.desk.palette
        failed = self.paragraph(str(seen.problem), cells, style=f"bold {palette.fail}") if seen.problem else []
        if seen.value is None:
            return [Text(""), *(failed or self.paragraph(words("verdict_waits"), cells, style=palette.dim))]
        found = seen.value
        weight = {"holds": Weight.LIVE, "touched": Weight.FAIL}.get(found.verdict, Weight.WARN)
        word = {"holds": "log_holds", "touched": "log_touched"}.get(found.verdict, "log_untold")
        said = words.shared(f"audit_log.{word}", witnessed=found.witnessed, last=found.last)
        mark = state_badge(words.term("verdict", found.verdict), weight, self.desk, stale=seen.problem is not None)
        figures = {name: getattr(found, name) for name in ("entries", "first", "last", "stamps", "rows", "open_rows")}
        findings = [words("finding", fault=words.shared(f"audit_log.fault_{one.fault}"), text=one.text) for one in found.findings]
        return [
            Text(""),
            *failed,
            *self.named("verdict", unmarked(mark)),
            *self.named("checked", words("age_of", age=words.age(seen.age_s))),
            *self.paragraph(said, cells),
            *self.paragraph(words.shared("audit_log.walked", **figures), cells),
            *self.named("witnesses", ", ".join(self.desk.name_of(node) for node in found.witnesses), cells),
            *self.named("hash", found.hash, cells),
            *(line for one in findings for line in self.whole(one, cells, indent=2, style=f"bold {palette.fail}")),
            *(line for one in found.unheard for line in self.whole(one, cells, indent=2, style=palette.warn)),
        ]
