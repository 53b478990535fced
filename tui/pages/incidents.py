"""Incidents and what is known about one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import Incident
from tui.desk import age_of
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.pages.list_page import ListPage
from tui.pages.stepping import Stepping, Subject
from tui.questions import INCIDENTS
from tui.widgets.table import Column, Row, rest_of


class IncidentsPage(Stepping, ListPage):
    """One row per incident, newest first."""

    name_key: ClassVar[str] = "incidents"
    tab: ClassVar[str] = "incidents"
    detail: ClassVar[str] = "incident"

    def questions(self) -> Sequence[Question[Struct]]:
        """The newest incidents."""
        return (INCIDENTS,)

    def subject(self) -> Subject | None:
        """The incident under the cursor."""
        return _subject(self, self.table.cursor_key)

    def columns(self, cells: int) -> Sequence[Column]:
        """The summary takes what the others leave."""
        words = self.desk.words
        others = (
            Column(words("column_age"), 5, right=True),
            Column(words("column_severity"), 8, right=True),
            Column(words("column_class"), 12),
            Column(words("column_state"), 12),
            Column(words("column_handling"), 8),
        )
        return (*others, Column(words("column_summary"), rest_of(cells, others, least=16, most=120)))

    def rows(self, cells: int) -> Sequence[Row]:
        """One row per incident."""
        seen = self.desk.seen(INCIDENTS)
        style = "" if seen.answered else self.desk.palette.stale
        return [self._row(incident, seen.age_s, style) for incident in seen.value.incidents] if seen.value else []

    def _row(self, incident: Incident, elapsed_s: float | None, style: str) -> Row:
        words = self.desk.words
        shown = (
            words.age(age_of(incident.age_s, elapsed_s)),
            words.number(incident.severity),
            words.term("class", incident.class_),
            words.term("incident", incident.state),
            words.term("level", incident.handling_level or "-"),
            incident.summary or "-",
        )
        search = " ".join((*shown, incident.incident_id, incident.class_, incident.territory))
        return Row(incident.incident_id, tuple(self.cell(value, style) for value in shown), search=search[:600])


class IncidentPage(Stepping, DetailPage):
    """The incident whose id is `about`."""

    name_key: ClassVar[str] = "incident"
    tab: ClassVar[str] = "incidents"

    def questions(self) -> Sequence[Question[Struct]]:
        """The newest incidents."""
        return (INCIDENTS,)

    def subject(self) -> Subject | None:
        """The incident of the page."""
        return _subject(self, self.about)

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the incident."""
        seen, words = self.desk.seen(INCIDENTS), self.desk.words
        found = [incident for incident in seen.value.incidents if incident.incident_id == self.about] if seen.value else []
        if not found:
            return self.missing()
        incident = found[0]
        return [
            Text(""),
            self.field("class", words.term("class", incident.class_), f"bold {self.desk.palette.accent}"),
            self.field("severity", words.number(incident.severity)),
            self.field("state", words.term("incident", incident.state)),
            *self._said(incident, cells),
            self.field("handling", words.term("level", incident.handling_level or "-")),
            self.field("territory", incident.territory or "-"),
            self.field("age", words.age(age_of(incident.age_s, seen.age_s))),
            self.field("event", incident.event_id or "-"),
            self.field("id", incident.incident_id),
            Text(""),
            *self.paragraph(incident.summary or "", cells),
        ]

    def _said(self, incident: Incident, cells: int) -> Sequence[Text]:
        """Who said the state, where, when and why; nothing for an incident nobody spoke about."""
        if not incident.by:
            return []
        words, age = self.desk.words, age_of(incident.state_age_s, self.desk.seen(INCIDENTS).age_s)
        by = words("incident_by", by=words.value(incident.by), node=self.desk.name_of(incident.state_node), age=words.age(age))
        return [*self.named("said_by", by, cells), *self.named("said_why", incident.why, cells)]


def _subject(page: Stepping, incident_id: str | None) -> Subject | None:
    """The incident of that id as the newest answer has it, freeze or not."""
    seen = page.desk.live(INCIDENTS)
    found = [each for each in seen.value.incidents if each.incident_id == incident_id] if seen.value else []
    return Subject(found[0].incident_id, found[0].state, found[0].summary or found[0].class_) if found else None
