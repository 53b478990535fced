"""What a newcomer sees unasked on the home page: the newest camera event with its picture, and who gets what of one fictitious resident.

Owns which event is in the window and how both halves look. Refuses to be trouble: whatever is missing is said in one dim line.
The home page (`tui/pages/tree.py`) gives it its place and asks its questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text

from sync.model import Instant
from tui.answers import CameraEvent, Evidence, Form, Specimen
from tui.desk import Desk, age_of
from tui.errors import PictureError
from tui.feed import Question
from tui.pages.pictured import drawn
from tui.pages.resource import field_value
from tui.pages.resources import outcome_text
from tui.questions import NEWEST, evidence, specimen
from tui.safe import cut, fit
from tui.widgets.lines import LineView

RESOURCE = "residents"
FIELDS = ("name", "id_number", "phone")
SIDES = ("source", "parent", "above")
"""The forms that stand side by side; the one of a listed record has the last line."""

SHOWCASE_LINES = 10
PICTURE_LINES = 8
LEFT_CELLS = 29
"""The picture of a 16:9 camera is 28 cells wide at eight lines."""

CLASS_CELLS = 12
LABEL_CELLS = 10
FORM_CELLS_MAX = 22
TOTAL_CELLS = 14
"""The last column has no values, only the words `aggregate only`."""

SPECIMEN_LASTS_S = 60.0
PICTURE_KEPT_S = 60.0
"""An event whose picture is still on its way leaves the window to the one before, whose age is shown, for so long."""


@dataclass(frozen=True, slots=True)
class _Shot:
    """An event in the window; `age_s` is its age at the instant `at`."""

    event: CameraEvent
    found: Evidence | None
    age_s: float | None
    at: Instant

    def age(self, now: Instant) -> float | None:
        """Its age at `now`."""
        return age_of(self.age_s, now.seconds_since(self.at))


class Showcase(LineView, can_focus=False):
    """The two halves side by side."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(id="showcase")
        self._desk = desk
        self._shot: _Shot | None = None
        self._drawn_for: Evidence | None = None
        self._drawn: list[Text] = []

    def questions(self) -> Sequence[Question[Struct]]:
        """The specimen, and the picture of the newest event unless the link is slow."""
        event = self._newest()
        asked: list[Question[Struct]] = [specimen(RESOURCE, lasts_s=SPECIMEN_LASTS_S, policy=self._policy())]
        if event is not None and event.evidence_sha256 and not self._desk.setting.slow_link:
            asked.append(evidence(event.evidence_sha256))
        return asked

    def paint(self, cells: int, *, stale: bool) -> None:
        """Show what is known in `cells` cells, in grey when `stale`."""
        left, right = self._event_lines(stale=stale), self._resident_lines(cells - LEFT_CELLS - 3, stale=stale)
        left += [Text("")] * (SHOWCASE_LINES - len(left))
        right += [Text("")] * (SHOWCASE_LINES - len(right))
        self.show([Text.assemble(" ", fit(a, LEFT_CELLS), "  ", b, no_wrap=True, end="") for a, b in zip(left, right, strict=True)])

    def _policy(self) -> str:
        tree = self._desk.tree().value
        own = [node.policy for node in tree.nodes if node.id == tree.self_id] if tree else []
        return str(own[0]) if own else ""

    def _newest(self) -> CameraEvent | None:
        seen = self._desk.seen(NEWEST)
        return seen.value.events[0] if seen.value and seen.value.events else None

    def _dim(self, text: str, cells: int) -> Text:
        return Text(cut(self._desk.words.value(text), cells), style=self._desk.palette.dim, no_wrap=True, end="")

    def _event_lines(self, *, stale: bool) -> list[Text]:
        desk, seen = self._desk, self._desk.seen(NEWEST)
        shot = self._choose()
        if shot is None:
            trouble = desk.words("waiting") if seen.problem is None else seen.problem.message
            return [self._dim(trouble if seen.value is None else desk.words("no_events"), LEFT_CELLS)]
        return [*self._picture(shot), *self._caption(shot, stale=stale or not seen.answered)]

    def _choose(self) -> _Shot | None:
        """The newest event, or the one before while the picture of the newest is on its way."""
        desk, event, kept = self._desk, self._newest(), self._shot
        if event is None:
            return None
        seen = desk.seen(NEWEST)
        found = desk.seen(evidence(event.evidence_sha256)).value if event.evidence_sha256 else None
        fresh = _Shot(event, found, age_of(event.age_s, seen.age_s), desk.now)
        if kept is None or kept.found is None or found is not None or (kept.age(desk.now) or 0.0) > PICTURE_KEPT_S:
            self._shot = fresh
        return self._shot

    def _picture(self, shot: _Shot) -> list[Text]:
        """The picture's lines, drawn once per picture; one dim line where there is none."""
        if shot.found is None:
            return [self._dim(self._why_no_picture(shot.event), LEFT_CELLS)]
        if shot.found is not self._drawn_for:
            self._drawn_for, self._drawn = shot.found, self._draw(shot.found)
        return list(self._drawn)

    def _draw(self, found: Evidence) -> list[Text]:
        try:
            return drawn(found, LEFT_CELLS, PICTURE_LINES, self._desk)
        except PictureError as error:
            return [self._dim(str(error), LEFT_CELLS)]

    def _why_no_picture(self, event: CameraEvent) -> str:
        words = self._desk.words
        if not event.evidence_sha256:
            return words("picture_none")
        if self._desk.setting.slow_link:
            return words("picture_slow_link")
        problem = self._desk.seen(evidence(event.evidence_sha256)).problem
        return words("waiting") if problem is None else f"{words('picture_missing')} {problem.message}"

    def _caption(self, shot: _Shot, *, stale: bool) -> list[Text]:
        """What was seen, by which camera, how long ago; and that the scene is rendered, or how its picture was treated."""
        desk, words, event = self._desk, self._desk.words, shot.event
        what, age = cut(words.term("class", event.class_), CLASS_CELLS), words.age(shot.age(desk.now))
        camera = cut(words.value(event.camera), LEFT_CELLS - cell_len(f"{what}    {age}"))
        figure = desk.palette.stale if stale else desk.palette.text
        line = Text(f"{what}  {camera}  {age}", style=figure, no_wrap=True, end="")
        return [line, *self._origin(shot)]

    def _origin(self, shot: _Shot) -> list[Text]:
        words, palette = self._desk.words, self._desk.palette
        if shot.event.scene == "rendered":
            return [Text(words.term("scene", "rendered"), style=f"bold {palette.warn}")]
        if shot.found is None:
            return []
        return [Text(words("picture_masked" if shot.found.masked else "picture_whole"), style=palette.dim)]

    def _resident_lines(self, cells: int, *, stale: bool) -> list[Text]:
        desk, seen = self._desk, self._desk.seen(specimen(RESOURCE))
        title = Text(cut(desk.words("showcase_title"), cells), style=f"bold {desk.palette.accent}", no_wrap=True, end="")
        if seen.value is None:
            return [title, self._dim(seen.problem.message if seen.problem else desk.words("waiting"), cells)]
        stale = stale or not seen.answered
        forms = {form.where: form for form in seen.value.forms}
        sides = [forms[where] for where in SIDES if where in forms]
        return [title, *self._columns(sides, seen.value, cells, stale=stale), *self._reasons(forms, cells, stale=stale)]

    def _columns(self, sides: Sequence[Form], shown: Specimen, cells: int, *, stale: bool) -> list[Text]:
        """Who, what becomes of it, and the fields, one column per form."""
        desk, words = self._desk, self._desk.words
        width = min(FORM_CELLS_MAX, (cells - LABEL_CELLS - TOTAL_CELLS - 2) // 2)
        who = [Text(words.term("seen_by", form.where), style=f"bold {desk.palette.accent}") for form in sides]
        lines = [_row(Text(""), who, width), _row(Text(""), [outcome_text(form.outcome, desk, stale=stale) for form in sides], width)]
        for name in FIELDS:
            if name in shown.fields:
                values = [field_value(form, name, desk, stale=stale) for form in sides]
                lines.append(_row(Text(words.term("specimen", name), style=desk.palette.dim), values, width))
        return lines

    def _reasons(self, forms: dict[str, Form], cells: int, *, stale: bool) -> list[Text]:
        """One line per reason, after one of air; the line of a listed record says its outcome too."""
        desk, words = self._desk, self._desk.words
        why = {where: words.brief_for(form.reason or "", form.outcome) for where, form in forms.items()}
        lines = [self._reason(where, Text(why[where]), cells) for where in SIDES[1:] if where in forms]
        if "listed" in forms:
            outcome = outcome_text(forms["listed"].outcome, desk, stale=stale)
            lines.append(self._reason("listed", outcome.append(f": {why['listed']}", style=desk.palette.text), cells))
        return [Text(""), *lines]

    def _reason(self, where: str, reason: Text, cells: int) -> Text:
        desk = self._desk
        label = fit(Text(desk.words.term("seen_by", where), style=desk.palette.accent), LABEL_CELLS)
        return Text.assemble(label, fit(reason, cells - LABEL_CELLS), no_wrap=True, end="")


def _row(label: Text, values: Sequence[Text], width: int) -> Text:
    """A label and one value per form; the last column is as wide as its words need."""
    widths = (*[width] * (len(SIDES) - 1), max(width, TOTAL_CELLS))
    parts = [part for value, cells in zip(values, widths, strict=False) for part in (fit(value, cells), " ")]
    return Text.assemble(fit(label, LABEL_CELLS), *parts[:-1], no_wrap=True, end="")
