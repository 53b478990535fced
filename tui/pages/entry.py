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
from tui.case_answers import Entry, EntryCase, Exemption, Listed
from tui.decision import Decision, hindrance
from tui.desk import chain
from tui.feed import Question
from tui.keys import DECISIONS, Key
from tui.marks import unmarked
from tui.pages.deciding_page import DecidingPage
from tui.pages.entries import DATE_CHARACTERS, case_state, listed_state, state_words
from tui.questions import REGISTER, entry_case
from tui.safe import cut

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
            state = self.named("state", unmarked(listed_state(listed, self.desk, stale=stale)))
            here = self.named("here", words.shared(f"entry.why_{listed.why}"))
            head = [Text(""), *state, *here, *self.named("issuer", listed.issuer, cells)]
            told = self.paragraph(words("history_none", issuer=listed.issuer), cells, style=self.desk.palette.dim)
            return [*head, *self._entry(listed, cells), *self.basis_lines(listed.basis, cells), Text(""), *told]
        case = self.desk.seen(entry_case(self.about)).value
        if case is None:
            return self.missing()
        state = self.named("state", unmarked(case_state(case, self.desk, stale=stale)))
        undrawn = self.undrawn(case.whole, f"yunnao entry show {case.id}", cells)
        fault = self.fault_lines(words("title_fault"), case.fault, cells)
        head = [Text(""), *undrawn, *state, *fault, *self._here(case), *self._due(case)]
        entry = self._entry(case.whole, cells, case)
        return [*head, *entry, *self.basis_lines(case.whole.basis, cells), *self.history(case.history, cells)]

    def _here(self, case: EntryCase) -> list[Text]:
        """Whether what was approved has effect at this node."""
        register = self.desk.seen(REGISTER).value
        if case.state != "approved" or register is None:
            return []
        found = [listed for listed in register.entries if listed.id == case.entry]
        words = self.desk.words
        return self.named("here", words.shared(f"entry.why_{found[0].why}") if found else words("not_here_yet"))

    def _due(self, case: EntryCase) -> list[Text]:
        return self.named("due", self.desk.words.time(case.due_us)) if case.due_us is not None else []

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
            self.named("effect", words.term("effect", entry.effect), cells),
            self.named("resource", entry.resource, cells),
            self.named("selects", selected(case, self), cells) if case else [],
            *(self.named(name, ", ".join(values), cells) for name, values in lists.items()),
            self.named("valid", span, cells),
            self.named("proposer", entry.proposer, cells),
            self.named("approver", entry.approver or (case.approver if case else ""), cells),
            self.named("appeal", entry.appeal, cells),
            self.named("entry", entry.id, cells),
            self.paragraph(words("demonstration"), cells, style=self.desk.palette.warn) if entry.demonstration else [],
        ]
        return [line for part in parts for line in part]

    def _exemption(self, exemption: Exemption) -> str:
        words = self.desk.words
        levels = " ".join(words.term("level", level) for level in exemption.levels)
        return words("exempt_for", purposes=" ".join(exemption.purposes), levels=levels, approver=exemption.approver).strip()

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
        seen = self.desk.live(entry_case(self.about))
        state = state_words(seen.value, self.desk) if seen.value else ""
        return hindrance(self.desk.words, seen.problem, seen.value.takes if seen.value else None, name, state=state)

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
