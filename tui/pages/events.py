"""Camera events, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from node.incidents.states import DISMISSED, RESOLVED, Step
from tui.answers import CameraEvent
from tui.desk import Desk, age_of
from tui.feed import Question
from tui.pages.list_page import ListPage
from tui.pages.stepping import Stepping, Subject
from tui.questions import EVENTS
from tui.widgets.table import Column, Row, rest_of

STATE_OF_VERDICT = {"true": RESOLVED, "false": DISMISSED}
VERDICT_STEPS = frozenset({Step.DISMISS, Step.RESOLVE, Step.REOPEN})


class EventsPage(Stepping, ListPage):
    """One row per event."""

    name_key: ClassVar[str] = "events"
    tab: ClassVar[str] = "events"
    detail: ClassVar[str] = "event"

    def questions(self) -> Sequence[Question[Struct]]:
        """The newest events."""
        return (EVENTS,)

    def node_in_focus(self) -> str | None:
        """The node whose camera saw the event under the cursor."""
        event = event_of(self.desk.seen(EVENTS).value, self.table.cursor_key)
        return event.node if event else None

    def subject(self) -> Subject | None:
        """The event under the cursor."""
        return event_subject(event_of(self.desk.live(EVENTS).value, self.table.cursor_key))

    def rule(self) -> tuple[str, str] | None:
        """The rule that made the event under the cursor."""
        return rule_of(event_of(self.desk.seen(EVENTS).value, self.table.cursor_key), self.desk)

    def columns(self, cells: int) -> Sequence[Column]:
        """Camera and node share what the narrow columns leave."""
        words = self.desk.words
        age = Column(words("column_age"), 5, right=True)
        others = (
            Column(words("column_class"), 10),
            Column(words("column_rule"), 12),
            Column(words("column_score"), 5, right=True),
            Column(words("column_picture"), 4),
            Column(words("column_proved"), 6),
            Column(words("column_was_real"), 3),
        )
        room = rest_of(cells, (age, *others), least=14, most=80)
        node = room * 5 // 12
        return (age, Column(words("column_node"), node), Column(words("column_camera"), room - node - 1), *others)

    def rows(self, cells: int) -> Sequence[Row]:
        """One row per event."""
        seen = self.desk.seen(EVENTS)
        return [self._row(event, seen.age_s) for event in seen.value.events] if seen.value else []

    def _row(self, event: CameraEvent, elapsed_s: float | None) -> Row:
        words = self.desk.words
        node = self.desk.name_of(event.node)
        shown = (
            words.age(age_of(event.age_s, elapsed_s)),
            node,
            event.camera,
            words.term("class", event.class_),
            words.rule(event.rule),
            words.number(event.score, digits=2),
            words("has_picture") if event.evidence_sha256 else "-",
            words.term("evidence_grade", event.evidence_grade or "none"),
            words.term("was_real", event.verdict or "none"),
        )
        style = "" if self.desk.seen(EVENTS).answered else self.desk.palette.stale
        search = f"{node} {event.node} {event.camera} {event.class_} {event.rule} {shown[3]} {shown[4]} {event.place} {event.territory}"
        return Row(event.event_id, tuple(self.cell(value, style) for value in shown), search=search[:600])


def event_subject(event: CameraEvent | None) -> Subject | None:
    """What may be said about an event: whether it was an alarm. The node knows its incident."""
    if event is None:
        return None
    state = STATE_OF_VERDICT.get(event.verdict, "")
    return Subject(event.event_id, state, event.class_, takes_only=VERDICT_STEPS, node=event.node)


def rule_of(event: CameraEvent | None, desk: Desk) -> tuple[str, str] | None:
    """The rule that made an event, when it is one of the answering node: no other node's rules are counted here."""
    tree = desk.tree().value
    return (event.camera, event.rule) if event and tree and event.node == tree.self_id else None


def event_of(events: Struct | None, event_id: str | None) -> CameraEvent | None:
    """The event `event_id` of an events answer; None when it is not there."""
    found = [event for event in getattr(events, "events", []) if event.event_id == event_id]
    return found[0] if found else None
