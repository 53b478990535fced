"""One entry of the negative list: the entry whole, the law it stands on, what was said about it, and the decisions that it takes here.

What may be decided, by whom and when is the node's word (`takes`); the page only asks. Texts of peers are never cut unseen here: an
approver must be able to read all of a quote or a predicate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import shaped
from tui.case_answers import Basis, Entry, EntryCase, Exemption, Fact, Listed
from tui.decision import Decision
from tui.desk import chain
from tui.feed import Question
from tui.keys import DECISIONS, Key
from tui.pages.deciding_page import DecidingPage
from tui.pages.detail_page import INDENT, LABEL_CELLS
from tui.pages.entries import DATE_CHARACTERS, case_state, listed_state, state_words
from tui.questions import REGISTER, entry_case
from tui.safe import cut, fit

NAME_CELLS = 40
"""What a value of a peer takes at most inside a sentence of the console."""
NARROWING = ("fields", "categories", "predicate", "territories", "levels", "purposes")
"""Selectors of an entry that leave out some of its resource when they are set."""
TYPED_DECISIONS = frozenset({"approve", "revoke"})
"""Decisions that take effect on records: about a prefix of resources, its pattern must be typed."""


class EntryPage(DecidingPage):
    """The case whose id is `about`, or the entry in force whose key it is."""

    name_key: ClassVar[str] = "entry"
    tab: ClassVar[str] = "entries"
    decisions: ClassVar[Sequence[Key]] = DECISIONS
    BINDINGS: ClassVar = [key.binding() for key in DECISIONS]

    def questions(self) -> Sequence[Question[Struct]]:
        """The case, where there is one."""
        return () if self._listed_alone() else (entry_case(self.about),)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """What is in force."""
        return (REGISTER,)

    def _listed_alone(self) -> Listed | None:
        """The entry in force that was opened without a case."""
        register = self.desk.seen(REGISTER).value
        found = [listed for listed in register.entries if listed.key == self.about] if register else []
        return found[0] if found else None

    # ---- what is shown

    def lines(self, cells: int) -> Sequence[Text]:
        """Head, fault, entry, basis, history."""
        words, stale = self.desk.words, self.problem() is not None
        if listed := self._listed_alone():
            state = self._named("state", _unmarked(listed_state(listed, self.desk, stale=stale)))
            here = self._named("here", words.shared(f"entry.why_{listed.why}"))
            head = [Text(""), *state, *here, *self._named("issuer", listed.issuer, cells)]
            told = self.paragraph(words("history_none", issuer=listed.issuer), cells, style=self.desk.palette.dim)
            return [*head, *self._entry(listed, cells), *self._basis(listed.basis, cells), Text(""), *told]
        case = self.desk.seen(entry_case(self.about)).value
        if case is None:
            return self.missing()
        state = self._named("state", _unmarked(case_state(case, self.desk, stale=stale)))
        head = [Text(""), *self._undrawn(case, cells), *state, *self._fault(case, cells), *self._here(case), *self._due(case)]
        return [*head, *self._entry(case.whole, cells, case), *self._basis(case.whole.basis, cells), *self._history(case, cells)]

    def _named(self, name: str, value: Text | str, cells: int = 0) -> list[Text]:
        """`label  value`, on as many lines as the value takes; nothing when it is empty."""
        if isinstance(value, Text):
            return [self.field(name, value)]
        if not value:
            return []
        style = self.desk.palette.stale if self.problem() else ""
        indent = len(INDENT) + LABEL_CELLS + 1
        body = self._long(value, max(cells, self.size.width), indent=indent, style=style)
        label = fit(Text(self.desk.words(f"field_{name}"), style=self.desk.palette.dim), LABEL_CELLS)
        return [Text.assemble(INDENT, label, " ", body[0][indent:], no_wrap=True, end=""), *body[1:]]

    def _long(self, value: object, cells: int, *, indent: int, style: str = "") -> list[Text]:
        """A foreign text whole."""
        return self.paragraph(self.desk.words.whole(value), cells, indent=indent, style=style, is_safe=True)

    def _undrawn(self, case: EntryCase, cells: int) -> list[Text]:
        """A person must not decide on question marks: said where this terminal cannot draw the entry."""
        if not self.desk.setting.ascii_only or repr(case.whole).isascii():
            return []
        return self.paragraph(self.desk.words("undrawn", id=case.id), cells, style=f"bold {self.desk.palette.warn}")

    def _fault(self, case: EntryCase, cells: int) -> list[Text]:
        if not case.fault:
            return []
        style = f"bold {self.desk.palette.fail}"
        return [Text(f"{INDENT}X {self.desk.words('title_fault')}", style=style), *self._long(case.fault, cells, indent=3, style=style)]

    def _here(self, case: EntryCase) -> list[Text]:
        """Whether what was approved has effect at this node."""
        register = self.desk.seen(REGISTER).value
        if case.state != "approved" or register is None:
            return []
        found = [listed for listed in register.entries if listed.id == case.entry]
        words = self.desk.words
        return self._named("here", words.shared(f"entry.why_{found[0].why}") if found else words("not_here_yet"))

    def _due(self, case: EntryCase) -> list[Text]:
        return self._named("due", self.desk.words.time(case.due_us)) if case.due_us is not None else []

    def _entry(self, entry: Entry, cells: int, case: EntryCase | None = None) -> list[Text]:
        words = self.desk.words
        span = words("valid_span", begin=words.time(entry.valid_from_us), end=words.time(entry.valid_to_us))
        lists = {
            "fields": entry.fields,
            "categories": entry.categories,
            "predicate": [entry.predicate],
            "territories": entry.territories,
            "levels": [words.term("level", level) for level in entry.levels],
            "ways": [words.term("way_word", way) for way in entry.ways],
            "purposes": entry.purposes,
            "exempt": [self._exemption(exemption) for exemption in entry.exemptions],
        }
        parts = [
            self._named("effect", words.term("effect", entry.effect), cells),
            self._named("resource", entry.resource, cells),
            self._named("selects", selected(case, self), cells) if case else [],
            *(self._named(name, ", ".join(values), cells) for name, values in lists.items()),
            self._named("valid", span, cells),
            self._named("proposer", entry.proposer, cells),
            self._named("approver", entry.approver or (case.approver if case else ""), cells),
            self._named("appeal", entry.appeal, cells),
            self._named("entry", entry.id, cells),
            self.paragraph(words("demonstration"), cells, style=self.desk.palette.warn) if entry.demonstration else [],
        ]
        return [line for part in parts for line in part]

    def _exemption(self, exemption: Exemption) -> str:
        words = self.desk.words
        levels = " ".join(words.term("level", level) for level in exemption.levels)
        return words("exempt_for", purposes=" ".join(exemption.purposes), levels=levels, approver=exemption.approver).strip()

    def _basis(self, basis: Basis, cells: int) -> list[Text]:
        words, palette = self.desk.words, self.desk.palette
        lines = [Text(""), self.heading(words("title_basis"))]
        if not (basis.instrument or basis.article or basis.quote):
            return [*lines, *self.paragraph(words("no_basis"), cells, style=f"bold {palette.fail}")]
        lines += self._long(f"{basis.instrument} {basis.article}", cells, indent=2)
        lines += self._long(basis.quote, cells, indent=4)
        return lines + self._long(words("quote_hash", sha256=basis.sha256), cells, indent=2, style=palette.dim)

    def _history(self, case: EntryCase, cells: int) -> list[Text]:
        lines = [Text(""), self.heading(self.desk.words("title_history"))]
        return lines + [line for fact in case.history for line in self._said(fact, cells)]

    def _said(self, fact: Fact, cells: int) -> list[Text]:
        words, palette = self.desk.words, self.desk.palette
        shown = {"when": words.time(fact.at_us), "fact": words.term("fact", fact.fact), "by": fact.by, "node": self.desk.name_of(fact.node)}
        style = palette.dim if fact.fault else ""
        lines = self._long(words("history_said", **shown), cells, indent=2, style=style)
        if fact.why:
            lines += self._long(words("history_why", why=fact.why), cells, indent=4, style=style)
        if fact.fault:
            lines += self._long(words("history_uncounted", fault=fact.fault), cells, indent=4, style=palette.warn)
        return lines

    # ---- what is decided

    def decision(self, name: str) -> Decision | None:
        """The decision `name` about the case, when the node says that the case takes it."""
        case = self.desk.seen(entry_case(self.about)).value
        if case is None or name not in case.takes:
            return None
        words = self.desk.words
        return Decision(
            verb="entry_decide",
            arguments=(("id", case.id), ("fact", name)),
            title=words(f"decide_title_{name}", entry=self._brief(case.entry)),
            sentence=words(f"decide_{name}", **self._sentence_values(case)),
            affected=self._affected(case),
            button=words(f"decide_title_{name}", entry=self._brief(case.entry)),
            needs_why="why" in case.takes[name],
            hindrance=lambda: self._hindrance(name),
            answered=self._answered,
            typed=case.resource if name in TYPED_DECISIONS and case.resource.endswith("*") else "",
        )

    def _sentence_values(self, case: EntryCase) -> dict[str, object]:
        words, tree = self.desk.words, self.desk.tree().value
        return {
            "proposer": self._brief(case.proposer),
            "approver": self._brief(self.desk.name_of(case.parties.get("approver", ""))),
            "begin": words.time(case.valid_from_us)[:DATE_CHARACTERS],
            "end": words.time(case.valid_to_us)[:DATE_CHARACTERS],
            "effect": words.term("effect", case.effect),
            "resource": self._brief(case.resource),
            "nodes": len(tree.nodes) - len(chain(tree, tree.self_id)) if tree else words("none"),
        }

    def _brief(self, value: object) -> str:
        return cut(self.desk.words.value(value), NAME_CELLS)

    def _affected(self, case: EntryCase) -> str:
        words, whole = self.desk.words, case.whole
        if not case.selects_count:
            return words("decide_affects_none")
        limits = {name: getattr(whole, name) for name in NARROWING}
        narrowed = ", ".join(words(f"field_{name}") for name, limit in limits.items() if limit)
        count, shown = case.selects_count, selected(case, self)
        return (
            words("decide_affects_some", count=count, shown=shown, by=narrowed)
            if narrowed
            else words("decide_affects", count=count, shown=shown)
        )

    def _hindrance(self, name: str) -> str:
        """Why `name` cannot be said now, from the newest answers, freeze or not."""
        words, seen = self.desk.words, self.desk.live(entry_case(self.about))
        if seen.problem is not None:
            return words("decide_away", code=words.value(seen.problem.code))
        if seen.value is None:
            return words("decide_waiting")
        return "" if name in seen.value.takes else words("decide_moved", state=state_words(seen.value, self.desk))

    def _answered(self, answer: Mapping[str, object]) -> str:
        """The case after the decision, in words."""
        words, case = self.desk.words, shaped(answer, EntryCase)
        if case.fault:
            return words("decide_done_fault", fault=words.value(case.fault))
        return words("decide_done", state=state_words(case, self.desk))


def selected(case: EntryCase, page: DecidingPage) -> str:
    """The resources that a case is about, as far as the node names them."""
    shown = ", ".join(page.desk.words.value(code) for code in case.selects)
    more = case.selects_count - len(case.selects)
    return page.desk.words("selects_more", shown=shown, more=more) if more > 0 else shown


def _unmarked(badge: Text) -> Text:
    """A badge without the room for a mark where it has none."""
    return badge if badge.plain.strip() == badge.plain else badge[2:]
