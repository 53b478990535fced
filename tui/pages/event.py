"""One camera event with its evidence: what was seen, by which algorithm, how often its rule was right, and the picture beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import CameraEvent
from tui.desk import Desk, age_of
from tui.feed import Question
from tui.pages.events import event_of, event_subject, rule_of
from tui.pages.pictured import Pictured
from tui.pages.stepping import Stepping, Subject
from tui.pages.verdicts import rule_questions, verdict_fields
from tui.questions import EVENTS

HASH_CHARACTERS = 16


class EventPage(Stepping, Pictured):
    """The event whose id is `about`."""

    name_key: ClassVar[str] = "event"
    tab: ClassVar[str] = "events"

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._event: CameraEvent | None = None
        """Kept, so that the page stays when newer events push this one off the list."""

    def questions(self) -> Sequence[Question[Struct]]:
        """The events."""
        return (EVENTS,)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """The picture, and how often the rule was right."""
        event = self._find()
        return (*self.picture_questions(event), *rule_questions(self.rule()))

    def node_in_focus(self) -> str | None:
        """The node whose camera saw it."""
        event = self._find()
        return event.node if event else None

    def subject(self) -> Subject | None:
        """The event of the page."""
        return event_subject(event_of(self.desk.live(EVENTS).value, self.about) or self._event)

    def rule(self) -> tuple[str, str] | None:
        """The rule that made it, when it is one of this node."""
        return rule_of(self._find(), self.desk)

    def _find(self) -> CameraEvent | None:
        self._event = event_of(self.desk.seen(EVENTS).value, self.about) or self._event
        return self._event

    def lines(self, cells: int) -> Sequence[Text]:
        """Text and picture."""
        event = self._find()
        return self.missing() if event is None else self.with_picture(self._facts(event), event, cells)

    def _facts(self, event: CameraEvent) -> list[Text]:
        desk, words = self.desk, self.desk.words
        age = words.age(age_of(event.age_s, desk.seen(EVENTS).age_s))
        return [
            self.field("class", words.term("class", event.class_), f"bold {desk.palette.accent}"),
            self.field("rule", words.rule(event.rule)),
            self.field("score", words.number(event.score, digits=2)),
            self.field("time", words.time(event.time_us)),
            self.field("age", age),
            self.field("camera", event.camera),
            self.field("place", event.place or "-"),
            self.field("node", desk.name_of(event.node)),
            self.field("territory", event.territory or "-"),
            self.field("ended", words("yes") if event.ended else words("no")),
            self.field("was_real", words.term("was_real_long", event.verdict or "none")),
            *verdict_fields(self, self.rule()),
            Text(""),
            self.field("algorithm", event.algorithm or "-"),
            self.field("algorithm_hash", (event.algorithm_sha256 or "-")[:HASH_CHARACTERS]),
            self.field("evidence_grade", words.term("evidence_grade_long", event.evidence_grade or "none")),
            self.field("evidence_hash", (event.evidence_sha256 or "-")[:HASH_CHARACTERS]),
        ]
