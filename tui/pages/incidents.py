"""Incidents, newest first, of this node and of those below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from tui.answers import CameraEvent, Incident, SentStep
from tui.desk import Desk, age_of
from tui.feed import Question
from tui.pages.events import event_of, rule_of
from tui.pages.list_page import ListPage
from tui.pages.stepping import Stepping, Subject
from tui.questions import EVENTS, INCIDENTS
from tui.widgets.table import Column, Row, rest_of
from tui.words import Words

WIDE_CELLS = 110
"""From this width on the list shows which level handles an incident, and its camera."""


class IncidentsPage(Stepping, ListPage):
    """One row per incident."""

    name_key: ClassVar[str] = "incidents"
    tab: ClassVar[str] = "incidents"
    detail: ClassVar[str] = "incident"

    def questions(self) -> Sequence[Question[Struct]]:
        """The newest incidents."""
        return (INCIDENTS,)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """The events behind them say which camera it was."""
        return (EVENTS,)

    def node_in_focus(self) -> str | None:
        """The node of the incident under the cursor."""
        incident = incident_of(self.desk.seen(INCIDENTS).value, self.table.cursor_key)
        return incident.node or None if incident else None

    def subject(self) -> Subject | None:
        """The incident under the cursor."""
        return incident_subject(self.desk, self.table.cursor_key)

    def rule(self) -> tuple[str, str] | None:
        """The rule that made the event under the cursor."""
        return rule_of(event_behind(self.desk, incident_of(self.desk.seen(INCIDENTS).value, self.table.cursor_key)), self.desk)

    def columns(self, cells: int) -> Sequence[Column]:
        """Node and summary share what the others leave."""
        words, is_wide = self.desk.words, cells >= WIDE_CELLS
        first = (
            Column(words("column_age"), 5, right=True),
            Column(words("column_severity"), 4, right=True),
            Column(words("column_rule"), 12),
            Column(words("column_state"), 12),
        )
        wide = (Column(words("column_handling"), 8), Column(words("column_camera"), 16)) if is_wide else ()
        room = rest_of(cells, (*first, *wide), least=28, most=120) - 1
        node = room * 5 // 12
        return (*first, Column(words("column_node"), node), *wide, Column(words("column_summary"), room - node))

    def rows(self, cells: int) -> Sequence[Row]:
        """One row per incident."""
        seen = self.desk.seen(INCIDENTS)
        style = "" if seen.answered else self.desk.palette.stale
        is_wide = cells >= WIDE_CELLS
        events = _by_id(self.desk)
        found = seen.value.incidents if seen.value else []
        return [self._row(each, events.get(each.event_id or ""), seen.age_s, style, is_wide=is_wide) for each in found]

    def _row(self, incident: Incident, event: CameraEvent | None, elapsed_s: float | None, style: str, *, is_wide: bool) -> Row:
        words, node = self.desk.words, self.desk.name_of(incident.node) if incident.node else "-"
        camera = event.camera if event else "-"
        first = (
            words.age(age_of(incident.age_s, elapsed_s)),
            words.number(incident.severity),
            words.rule(incident.class_),
            words.term("incident", incident.state),
        )
        wide = (words.term("level", incident.handling_level or "-"), camera) if is_wide else ()
        sent = "".join(f"({sent_text(words, step)}) " for step in incident.sent_steps[-1:])
        shown = (*first, node, *wide, sent + (incident.summary or "-"))
        search = " ".join((*shown, camera, incident.incident_id, incident.class_, incident.territory, incident.node))
        return Row(incident.incident_id, tuple(self.cell(value, style) for value in shown), search=search[:600])


def sent_text(words: Words, step: SentStep) -> str:
    """A step that a node above said and what became of it, in two words."""
    return words("sent_step", step=words.term("step", step.step), became=words.term("sent", step.state))


def incident_of(incidents: Struct | None, incident_id: str | None) -> Incident | None:
    """The incident of that id in an answer; None when it is not there."""
    return next((each for each in getattr(incidents, "incidents", []) if each.incident_id == incident_id), None)


def incident_subject(desk: Desk, incident_id: str | None) -> Subject | None:
    """The incident of that id as the newest answer has it, freeze or not."""
    return subject_of(incident_of(desk.live(INCIDENTS).value, incident_id))


def subject_of(incident: Incident | None) -> Subject | None:
    """What may be said about an incident."""
    return Subject(incident.incident_id, incident.state, incident.summary or incident.class_) if incident else None


def event_behind(desk: Desk, incident: Incident | None) -> CameraEvent | None:
    """The camera event that opened an incident, while it is among the newest."""
    return event_of(desk.seen(EVENTS).value, incident.event_id) if incident and incident.event_id else None


def _by_id(desk: Desk) -> dict[str, CameraEvent]:
    seen = desk.seen(EVENTS).value
    return {event.event_id: event for event in seen.events} if seen else {}
