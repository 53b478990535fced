"""One camera event with its evidence: what was seen, by which algorithm, and the picture beside it.

The picture is drawn from the thumbnail that the node keeps, in half-blocks, or by brightness in ASCII.
On a slow link it is left out, and the page says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import CameraEvent, Evidence
from tui.desk import Desk, age_of
from tui.errors import PictureError
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.pages.events import event_of, event_subject
from tui.pages.stepping import Stepping, Subject
from tui.picture import Picture, half_blocks, ramp
from tui.questions import EVENTS, evidence
from tui.safe import fit

SIDE_BY_SIDE_CELLS = 70
"""From this width on the picture stands beside the text."""

FACTS_CELLS = 38
HASH_CHARACTERS = 16
FRAME_LINES = 5
"""Lines of the page that the picture cannot have: breadcrumb, tabs, its caption, one of air, keys."""


class EventPage(Stepping, DetailPage):
    """The event whose id is `about`."""

    name_key: ClassVar[str] = "event"
    tab: ClassVar[str] = "events"

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._drawn_for: tuple[str, int, int] = ("", 0, 0)
        self._drawn: list[Text] = []
        self._event: CameraEvent | None = None
        """Kept, so that the page stays when newer events push this one off the list."""

    def questions(self) -> Sequence[Question[Struct]]:
        """The events."""
        return (EVENTS,)

    def side_questions(self) -> Sequence[Question[Struct]]:
        """The picture, unless the link is slow."""
        event = self._find()
        if event is None or not event.evidence_sha256 or self.desk.setting.slow_link:
            return ()
        return (evidence(event.evidence_sha256),)

    def node_in_focus(self) -> str | None:
        """The node whose camera saw it."""
        event = self._find()
        return event.node if event else None

    def subject(self) -> Subject | None:
        """The event of the page."""
        return event_subject(event_of(self.desk.live(EVENTS).value, self.about) or self._event)

    def _find(self) -> CameraEvent | None:
        self._event = event_of(self.desk.seen(EVENTS).value, self.about) or self._event
        return self._event

    def lines(self, cells: int) -> Sequence[Text]:
        """Text and picture, side by side where there is room."""
        event = self._find()
        if event is None:
            return self.missing()
        if cells < SIDE_BY_SIDE_CELLS:
            return [*self._facts(event), Text(""), *self._picture(event, cells - 2, self.size.height - FRAME_LINES)]
        left = max(FACTS_CELLS, cells * 9 // 20)
        facts = self._facts(event)
        picture = self._picture(event, cells - left - 2, self.size.height - FRAME_LINES)
        height = max(len(facts), len(picture))
        facts += [Text("")] * (height - len(facts))
        picture += [Text("")] * (height - len(picture))
        return [Text.assemble(fit(fact, left), " ", part, no_wrap=True, end="") for fact, part in zip(facts, picture, strict=True)]

    def _facts(self, event: CameraEvent) -> list[Text]:
        desk, words = self.desk, self.desk.words
        age = words.age(age_of(event.age_s, desk.seen(EVENTS).age_s))
        return [
            Text(""),
            self.field("class", words.term("class", event.class_), f"bold {desk.palette.accent}"),
            self.field("rule", words.term("rule", event.rule)),
            self.field("score", words.number(event.score, digits=2)),
            self.field("time", words.time(event.time_us)),
            self.field("age", age),
            self.field("camera", event.camera),
            self.field("place", event.place or "-"),
            self.field("node", desk.name_of(event.node)),
            self.field("territory", event.territory or "-"),
            self.field("ended", words("yes") if event.ended else words("no")),
            self.field("was_real", words.term("was_real", event.verdict or "none")),
            Text(""),
            self.field("algorithm", event.algorithm or "-"),
            self.field("algorithm_hash", (event.algorithm_sha256 or "-")[:HASH_CHARACTERS]),
            self.field("evidence_grade", words.term("evidence_grade_long", event.evidence_grade or "none")),
            self.field("evidence_hash", (event.evidence_sha256 or "-")[:HASH_CHARACTERS]),
        ]

    def _picture(self, event: CameraEvent, columns: int, rows: int) -> list[Text]:
        words = self.desk.words
        if not event.evidence_sha256:
            return self._note(words("picture_none"))
        if self.desk.setting.slow_link:
            return self._note(words("picture_slow_link"))
        seen = self.desk.seen(evidence(event.evidence_sha256))
        if seen.value is None:
            trouble = f"{words('picture_missing')} {seen.problem.message}" if seen.problem else words("waiting")
            return [Text(""), *self.paragraph(trouble, columns, indent=0, style=self.desk.palette.dim)]
        return [*self._draw(seen.value, columns, max(4, rows)), self._caption(event, seen.value)]

    def _note(self, text: str) -> list[Text]:
        return [Text(""), Text(text, style=self.desk.palette.dim, no_wrap=True, end="")]

    def _caption(self, event: CameraEvent, found: Evidence) -> Text:
        palette, words = self.desk.palette, self.desk.words
        caption = Text(no_wrap=True, end="")
        if event.scene:
            caption.append(words.term("scene", event.scene), style=f"bold {palette.warn}").append("  ")
        return caption.append(words("picture_masked") if found.masked else words("picture_whole"), style=palette.dim)

    def _draw(self, found: Evidence, columns: int, rows: int) -> list[Text]:
        """The picture's lines; drawn once per size, because averaging pixels is the dearest thing on any page."""
        drawn_for = (found.sha256, columns, rows)
        if drawn_for != self._drawn_for:
            self._drawn_for, self._drawn = drawn_for, self._draw_anew(found, columns, rows)
        return list(self._drawn)

    def _draw_anew(self, found: Evidence, columns: int, rows: int) -> list[Text]:
        try:
            return drawn(found, columns, rows, self.desk)
        except PictureError as error:
            return self._note(self.desk.words.value(error))


def drawn(found: Evidence, columns: int, rows: int, desk: Desk) -> list[Text]:
    """The picture in at most `columns` by `rows` cells, in the characters that the terminal has; raises PictureError."""
    picture = Picture.from_base64(found.thumb_width, found.thumb_height, found.thumb_rgb)
    return ramp(picture, columns, rows) if desk.setting.ascii_only else half_blocks(picture, columns, rows)
