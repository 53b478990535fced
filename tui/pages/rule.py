"""One rule of a camera of this node: how often it was right in the last days, and what would have kept its false alarms away.

Counts and suggestions are the node's. A person may take one suggestion over: the dialog says what changes, and the node checks it, writes
it into cameras.toml and serves it. Nothing changes by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.camera_answers import RuleVerdict, RuleVerdicts, Suggestion
from tui.decision import Decision
from tui.desk import Desk
from tui.feed import Question
from tui.keys import CHANGE_RULE, NEXT_CHANGE, RULE_KEYS, Key
from tui.pages.deciding_page import DecidingPage
from tui.pages.verdicts import suggestion_words
from tui.questions import rule_verdicts
from tui.safe import cut

NAME_CELLS = 40
VALUE_CELLS = 120


class RulePage(DecidingPage):
    """The rule that `about` names: camera, tab, rule."""

    name_key: ClassVar[str] = "rule"
    tab: ClassVar[str] = "cameras"
    decisions: ClassVar[Sequence[Key]] = (CHANGE_RULE,)
    BINDINGS: ClassVar = [key.binding() for key in RULE_KEYS]

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self.camera, _, self.rule = about.partition("\t")
        self._chosen = ""
        """Key of the suggestion that a decision is about; empty: the first."""

    def questions(self) -> Sequence[Question[Struct]]:
        """The rule."""
        return (self._question(),)

    def _question(self) -> Question[RuleVerdicts]:
        return rule_verdicts(self.camera, self.rule)

    def _verdict(self) -> RuleVerdict | None:
        seen = self.desk.seen(self._question()).value
        return next(iter(seen.rules), None) if seen else None

    def _suggestions(self) -> Sequence[Suggestion]:
        verdict = self._verdict()
        return verdict.suggestions if verdict else ()

    def _suggestion(self) -> Suggestion | None:
        found = self._suggestions()
        return next((each for each in found if each.key == self._chosen), found[0] if found else None)

    def own_keys(self) -> Sequence[Key]:
        """What can be taken over, and the next suggestion where there are several."""
        return (*super().own_keys(), *([NEXT_CHANGE] if len(self._suggestions()) > 1 else []))

    def action_next_change(self) -> None:
        """Choose the next suggestion, round and round."""
        found, chosen = self._suggestions(), self._suggestion()
        if chosen is not None:
            self._chosen = found[(list(found).index(chosen) + 1) % len(found)].key
            self.paint()

    # ---- what is shown

    def lines(self, cells: int) -> Sequence[Text]:
        """Counts, then every suggestion."""
        seen, words = self.desk.seen(self._question()).value, self.desk.words
        if seen is None:
            return self.missing()
        name = self.field("rule", words.rule(self.rule), f"bold {self.desk.palette.accent}")
        head = [Text(""), name, self.field("camera", self.camera)]
        verdict = self._verdict()
        if verdict is None:
            return [*head, Text(""), *self.paragraph(words("no_events_in", days=seen.days), cells)]
        counts = [self.field(f"judged_{name}", words.number(getattr(verdict, name))) for name in ("false", "true", "unjudged")]
        days = self.field("days", words.number(seen.days))
        return [*head, days, *counts, Text(""), *self._suggested(verdict, seen, cells)]

    def _suggested(self, verdict: RuleVerdict, seen: RuleVerdicts, cells: int) -> list[Text]:
        words, shown = self.desk.words, {"camera": self.desk.words.value(self.camera), "rule": self.desk.words.value(self.rule)}
        if not verdict.suggestions:
            key = "suggest_nothing" if verdict.false >= seen.false_min else "suggest_too_few"
            return self.paragraph(words.shared(f"rule.{key}", false=verdict.false, least=seen.false_min, **shown), cells)
        lines = [self.heading(words("title_suggestions"))]
        if not verdict.true:
            lines += self.paragraph(words("suggested_blind"), cells, indent=2, style=f"bold {self.desk.palette.warn}")
        for each in verdict.suggestions:
            lines += self._one(each, verdict, cells)
        return [*lines, Text(""), *self.paragraph(words("suggestions_hint"), cells, style=self.desk.palette.dim)]

    def _one(self, suggestion: Suggestion, verdict: RuleVerdict, cells: int) -> list[Text]:
        words, is_chosen = self.desk.words, suggestion == self._suggestion()
        lead, style = (">", f"bold {self.desk.palette.accent}") if is_chosen else (" ", self.desk.palette.text)
        counts = {"drops": suggestion.drops, "of": suggestion.of, "true": verdict.true}
        return [
            *self.paragraph(f"{lead} {suggestion_words(self.desk, suggestion)}", cells, style=style),
            *self.paragraph(words("suggestion_keeps", **counts), cells, indent=5),
            *self.whole(f"{suggestion.key} = {suggestion.then}", cells, indent=5, style=self.desk.palette.dim),
        ]

    # ---- what is decided

    def decision(self, name: str) -> Decision | None:
        """To take the chosen suggestion over."""
        suggestion, verdict = self._suggestion(), self._verdict()
        if suggestion is None or verdict is None:
            return None
        words = self.desk.words
        brief = suggestion_words(self.desk, suggestion)
        shown = {"rule": cut(words.value(self.rule), NAME_CELLS), "camera": cut(words.value(self.camera), NAME_CELLS)}
        values = {"part": suggestion.key, "now": suggestion.now, "then": suggestion.then}
        change = {name: cut(words.value(value), VALUE_CELLS) for name, value in values.items()}
        counts = {"drops": suggestion.drops, "of": suggestion.of, "true": verdict.true}
        return Decision(
            verb="rule_change",
            arguments=(("camera", self.camera), ("rule", self.rule), ("key", suggestion.key), ("then", suggestion.then)),
            title=words("change_rule_title", what=brief, **shown),
            sentence=words("change_rule_sentence", **shown, **change, **counts),
            affected="",
            button=words("change_rule_button", what=cut(brief, NAME_CELLS)),
            needs_why=False,
            takes_why=False,
            hindrance=lambda: self._hindrance(suggestion),
            answered=lambda answer: words("change_rule_done", **shown, **change),
        )

    def _hindrance(self, suggestion: Suggestion) -> str:
        """Why it cannot be taken over now, from the newest answer, freeze or not."""
        seen = self.desk.live(self._question())
        if seen.problem is not None:
            return self.desk.words("decide_away", code=self.desk.words.value(seen.problem.code))
        found = [each for rule in seen.value.rules for each in rule.suggestions] if seen.value else []
        return "" if suggestion in found else self.desk.words("change_rule_gone")
