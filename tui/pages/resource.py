"""One resource: its fictitious specimen as each level would get it, side by side, and the rules that decide, each with its basis.

The first line says that the specimen is invented. Nothing here is computed: outcomes, masked values and reasons are the node's answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import Explanation, Form, Resource, Specimen, Step
from tui.desk import Desk
from tui.errors import ApiProblem
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.pages.resources import outcome_text, title_of
from tui.questions import RESOURCES, explain, specimen
from tui.safe import fit

FIELD_CELLS = 14
FIELD_CELLS_WIDE = 22
FORM_CELLS_MAX = 34
TIME_FIELDS = frozenset({"event_time", "last_seen", "window_start"})
"""Fields whose integers are microseconds since 1970; the specimen shows their date."""
DATE_CHARACTERS = 10
WAYS = (("parent", "up", 1), ("above", "up", 2), ("return", "return", 1))
"""The three ways that are explained: name in the catalogue, direction, distance."""


class ResourcePage(DetailPage):
    """The resource whose code is `about`."""

    name_key: ClassVar[str] = "resource"
    tab: ClassVar[str] = "resources"

    def questions(self) -> Sequence[Question[Struct]]:
        """The catalogue."""
        return (RESOURCES,)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """The specimen, and the explanation of every way."""
        ways = [explain(self.about, direction, distance) for _, direction, distance in WAYS]
        return (specimen(self.about), *ways)

    def lines(self, cells: int) -> Sequence[Text]:
        """Head, specimen, reasons, rules."""
        catalogue = self.desk.seen(RESOURCES).value
        found = [resource for resource in catalogue.resources if resource.code == self.about] if catalogue else []
        if not found:
            return self.missing()
        seen = self.desk.seen(specimen(self.about))
        lines = self._head(found[0], cells)
        lines += self._specimen(seen.value, cells) if seen.value else self._absent(seen.problem, cells)
        for name, direction, distance in WAYS:
            way = self.desk.seen(explain(self.about, direction, distance))
            lines += self._way(name, way.value, cells) if way.value else [Text(""), *self._absent(way.problem, cells)]
        return lines

    def _absent(self, problem: ApiProblem | None, cells: int) -> list[Text]:
        """What stands where an answer is missing."""
        return self.paragraph(problem.message if problem else self.desk.words("waiting"), cells, style=self.desk.palette.dim)

    def _head(self, resource: Resource, cells: int) -> list[Text]:
        words, palette = self.desk.words, self.desk.palette
        facts = [
            words.value(resource.code),
            words.value(resource.grade),
            words.term("share", resource.share),
            words.term("lane", resource.lane),
        ]
        if resource.source_level:
            facts.append(words("source_level", level=words.term("level", resource.source_level)))
        head = Text.assemble(
            " ", (self.desk.words.value(title_of(resource, self.desk)), "bold"), "  ", ("  ".join(facts), palette.dim), no_wrap=True, end=""
        )
        return [head, *self.paragraph(words("fictitious"), cells, style=f"bold {palette.warn}"), Text("")]

    def _specimen(self, shown: Specimen, cells: int) -> list[Text]:
        field_cells = FIELD_CELLS if cells < 120 else FIELD_CELLS_WIDE
        form_cells = min(FORM_CELLS_MAX, (cells - field_cells - 2) // max(1, len(shown.forms)) - 1)
        lead = Text(" " * (field_cells + 1))
        words, palette, stale = self.desk.words, self.desk.palette, self.problem() is not None
        places = [Text(words.term("where", form.where), style=f"bold {palette.accent}") for form in shown.forms]
        outcomes = [outcome_text(form.outcome, self.desk, stale=stale) for form in shown.forms]
        lines = [_side_by_side(lead, places, form_cells), _side_by_side(lead, outcomes, form_cells)]
        for name in shown.fields:
            label = fit(Text(f" {words.term('specimen', name)}", style=palette.dim), field_cells + 1)
            values = [field_value(form, name, self.desk, stale=stale) for form in shown.forms]
            lines.append(_side_by_side(label, values, form_cells))
        return [*lines, Text(""), *self._reasons(shown, cells)]

    def _reasons(self, shown: Specimen, cells: int) -> list[Text]:
        lines: list[Text] = []
        for form in shown.forms:
            if form.reason:
                label = self.desk.words.term("where", form.where)
                lines += self._labelled(label, self.desk.words.reason_for(form.reason, form.outcome), cells)
        return lines

    def _labelled(self, label: str, text: str, cells: int) -> list[Text]:
        body = self.paragraph(text, cells, indent=FIELD_CELLS + 1)
        head = fit(Text(f" {label}", style=self.desk.palette.accent), FIELD_CELLS + 1)
        return [Text.assemble(head, body[0][FIELD_CELLS + 1 :], no_wrap=True, end=""), *body[1:]]

    def _way(self, name: str, explanation: Explanation, cells: int) -> list[Text]:
        words = self.desk.words
        outcome = outcome_text(explanation.outcome, self.desk, stale=self.problem() is not None)
        title = Text.assemble(self.heading(words(f"way_{name}")), "  ", outcome, no_wrap=True, end="")
        lines = [Text(""), title]
        for place, step in enumerate(explanation.steps, start=1):
            lines += self._step(place, step, cells)
        for column in explanation.columns:
            why = f"  ({words.reason('reason', column.reason)})" if column.reason else ""
            said = words("pair", what=words.term("specimen", column.name), said=words.term("method", column.method))
            lines += self.paragraph(f"- {said}{why}", cells, indent=4)
        return lines

    def _step(self, place: int, step: Step, cells: int) -> list[Text]:
        words = self.desk.words
        passed = words("step_passes") if step.outcome == "allow" else words.term("outcome", step.outcome)
        outcome = f" -> {passed}" if step.outcome else ""
        said = words("pair", what=f"{words.term('rule', step.rule)}{outcome}", said=words.reason("step", step.reason, step.values))
        lines = self.paragraph(f"{place}. {said}", cells, indent=2)
        basis = " ".join(step.basis.values()) if isinstance(step.basis, dict) else step.basis
        return lines + (self.paragraph(words("basis", basis=basis), cells, indent=5, style=self.desk.palette.dim) if basis else [])


def field_value(form: Form, name: str, desk: Desk, *, stale: bool) -> Text:
    """The field `name` as it is in this form, grey when `stale`; a dash where no record goes at all."""
    if form.row is None:
        return Text("-", style=desk.palette.dim)
    value = form.row.get(name)
    if value is None:
        return Text(desk.words("none" if form.where == "source" else "withheld"), style=desk.palette.dim)
    if name in TIME_FIELDS and isinstance(value, int):
        value = desk.words.time(value)[:DATE_CHARACTERS]
    return desk.value(value, desk.palette.stale if stale else "")


def _side_by_side(lead: Text, cells: Sequence[Text], width: int) -> Text:
    parts = [part for cell in cells for part in (fit(cell, width), " ")]
    return Text.assemble(lead, *parts, no_wrap=True, end="")
