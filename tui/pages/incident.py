"""One incident: what became of it, who said so, and the picture or the numbers that opened it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import CameraEvent, Incident, SentStep
from tui.desk import Desk, age_of
from tui.feed import Question
from tui.pages.alarms import alarm_of, alarm_sentence
from tui.pages.events import rule_of
from tui.pages.incidents import event_behind, incident_of, incident_subject, sent_text, subject_of
from tui.pages.pictured import Pictured
from tui.pages.stepping import Stepping, Subject
from tui.pages.verdicts import rule_questions, verdict_fields
from tui.questions import ALARMS, ALARMS_BELOW, EVENTS, INCIDENTS, incident_shown


class IncidentPage(Stepping, Pictured):
    """The incident whose id is `about`."""

    name_key: ClassVar[str] = "incident"
    tab: ClassVar[str] = "incidents"

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._event: CameraEvent | None = None
        """Kept, so that its picture stays when newer events push it off the list."""

    def questions(self) -> Sequence[Question[Struct]]:
        """The newest incidents."""
        return (INCIDENTS,)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """What opened it: an event with its picture and rule, or an alarm of a sensor."""
        listed = incident_of(self.desk.seen(INCIDENTS).value, self.about)
        old = () if listed else (incident_shown(self.about),)
        return (EVENTS, ALARMS, ALARMS_BELOW, *old, *self.picture_questions(self._find_event()), *rule_questions(self.rule()))

    def node_in_focus(self) -> str | None:
        """The node that opened it."""
        incident = self._find()
        return incident.node or None if incident else None

    def subject(self) -> Subject | None:
        """The incident of the page."""
        found = incident_subject(self.desk, self.about)
        return found or subject_of(self.desk.live(incident_shown(self.about)).value)

    def rule(self) -> tuple[str, str] | None:
        """The rule that made its event, when it is one of this node."""
        return rule_of(self._find_event(), self.desk)

    def _find(self) -> Incident | None:
        """Among the newest, else by its id."""
        return incident_of(self.desk.seen(INCIDENTS).value, self.about) or self.desk.seen(incident_shown(self.about)).value

    def _find_event(self) -> CameraEvent | None:
        self._event = event_behind(self.desk, self._find()) or self._event
        return self._event

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the incident."""
        incident, event = self._find(), self._find_event()
        if incident is None:
            return self.missing()
        if event is None:
            return self._facts(incident, None, cells)
        return self.with_picture(self._facts(incident, event, self.facts_cells(cells)), event, cells)

    def _facts(self, incident: Incident, event: CameraEvent | None, cells: int) -> list[Text]:
        words, age_s = self.desk.words, self.desk.seen(INCIDENTS).age_s
        return [
            self.field("rule", words.rule(incident.class_), f"bold {self.desk.palette.accent}"),
            self.field("severity", words.number(incident.severity)),
            self.field("state", words.term("incident", incident.state)),
            *self._said(incident, cells),
            self.field("handling", words.term("level", incident.handling_level or "-")),
            self.field("node", self.desk.name_of(incident.node) if incident.node else "-"),
            self.field("territory", incident.territory or "-"),
            self.field("age", words.age(age_of(incident.age_s, age_s))),
            *self._camera(event),
            self.field("event", incident.event_id or "-"),
            self.field("id", incident.incident_id),
            Text(""),
            *self.paragraph(incident.summary or "", cells),
            *self._alarm(incident, cells),
        ]

    def _camera(self, event: CameraEvent | None) -> list[Text]:
        if event is None:
            return []
        grade = self.desk.words.term("evidence_grade_long", event.evidence_grade or "none")
        return [self.field("camera", event.camera), *verdict_fields(self, self.rule()), self.field("evidence_grade", grade)]

    def _alarm(self, incident: Incident, cells: int) -> list[Text]:
        """The numbers of the sensor's alarm, while it holds."""
        alarm = alarm_of(self.desk, incident.event_id or "")
        return [] if alarm is None else self.paragraph(alarm_sentence(self.desk, alarm), cells)

    def _said(self, incident: Incident, cells: int) -> Sequence[Text]:
        """Who said the state, where, when and why; nothing for an incident nobody spoke about."""
        sent = [line for step in incident.sent_steps[-1:] for line in self._sent(step, cells)]
        if not incident.by:
            return sent
        words, age = self.desk.words, age_of(incident.state_age_s, self.desk.seen(INCIDENTS).age_s)
        by = words("incident_by", by=words.value(incident.by), node=self.desk.name_of(incident.state_node), age=words.age(age))
        return [*self.named("said_by", by, cells), *self.named("said_why", incident.why, cells), *sent]

    def _sent(self, step: SentStep, cells: int) -> Sequence[Text]:
        """What a node above said, and what became of it."""
        words = self.desk.words
        said = words("sent_by", by=words.value(step.by), node=self.desk.name_of(step.said_at), step=sent_text(words, step))
        return [*self.named("said_above", said, cells), *(self.named("sent_answer", step.answer, cells) if step.answer else [])]
