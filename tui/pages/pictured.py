"""A detail page with the picture of a camera event beside its text, or below it where there is no room.

The picture is drawn from the thumbnail that the node keeps, in half-blocks, or by brightness in ASCII. On a slow link it is left out, and
the page says so. A subclass gives the text and names the event.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from rich.text import Text

from tui.answers import CameraEvent, Evidence
from tui.desk import Desk
from tui.errors import PictureError
from tui.feed import Question
from tui.pages.detail_page import DetailPage
from tui.picture import Picture, half_blocks, ramp
from tui.questions import evidence
from tui.safe import fit

SIDE_BY_SIDE_CELLS = 70
"""From this width on the picture stands beside the text."""

FACTS_CELLS = 38
FRAME_LINES = 5
"""Lines of the page that the picture cannot have: breadcrumb, tabs, its caption, one of air, keys."""


class Pictured(DetailPage):
    """Lines about one thing, and a picture."""

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        self._drawn_for: tuple[str, int, int] = ("", 0, 0)
        self._drawn: list[Text] = []

    def picture_questions(self, event: CameraEvent | None) -> Sequence[Question[Struct]]:
        """The picture of `event`, unless there is none or the link is slow."""
        if event is None or not event.evidence_sha256 or self.desk.setting.slow_link:
            return ()
        return (evidence(event.evidence_sha256),)

    def facts_cells(self, cells: int) -> int:
        """The room that the text has on a page of `cells` cells."""
        return cells if cells < SIDE_BY_SIDE_CELLS else max(FACTS_CELLS, cells * 9 // 20)

    def with_picture(self, facts: Sequence[Text], event: CameraEvent, cells: int) -> list[Text]:
        """Text and picture, side by side where there is room."""
        rows = self.size.height - FRAME_LINES
        if cells < SIDE_BY_SIDE_CELLS:
            return [*facts, Text(""), *self._picture(event, cells - 2, rows)]
        left = self.facts_cells(cells)
        picture = self._picture(event, cells - left - 2, rows)
        height = max(len(facts), len(picture))
        facts = [*facts, *[Text("")] * (height - len(facts))]
        picture += [Text("")] * (height - len(picture))
        return [Text.assemble(fit(fact, left), " ", part, no_wrap=True, end="") for fact, part in zip(facts, picture, strict=True)]

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
