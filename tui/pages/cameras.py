"""Cameras: those of this node with how they do, how often their rules were right, and the directory of all that nodes below told of.

Sections: cameras (the broken first), rules, directory. States, rates and counts are the node's; a grade of evidence stands beside each
camera, because an event is worth what its detector was proved on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text
from textual.widget import Widget

from tui.camera_answers import Camera, Point, RuleVerdict
from tui.desk import Desk
from tui.feed import Question
from tui.keys import SECTION_NAMES
from tui.marks import marked
from tui.pages.page import Go
from tui.pages.sectioned_page import SectionedPage
from tui.pages.verdicts import suggestion_words
from tui.questions import DIRECTORY, RULES, STATUS
from tui.safe import cut
from tui.widgets.bars import Bar
from tui.widgets.table import Column, Row, rest_of

OWN, RULES_, DIRECTORY_ = SECTION_NAMES["cameras"]
WIDE_CELLS = 110
SEARCH_CHARACTERS_MAX = 600
MICROSECONDS = 1_000_000
FIELD_TESTED = "field-tested"
MARKS = {"live": " ", "off": "-", "connecting": "!", "degraded": "!", "lost": "X"}
"""By state of a camera; of a state that this console does not know `?`."""
URGENCY = ("X", "?", "!", " ", "-")
POINT_MARKS = {"online": " ", "offline": "X", "fault": "X"}


def camera_state(desk: Desk, camera: Camera, *, stale: bool) -> Text:
    """State of a camera as mark, word and colour."""
    mark, palette = MARKS.get(camera.state, "?"), desk.palette
    colours = {" ": palette.ok, "-": palette.dim, "!": palette.warn, "X": palette.fail, "?": palette.warn}
    return marked(mark, desk.words.term("camera", camera.state or "-"), palette.stale if stale else colours[mark])


def pace_words(desk: Desk, camera: Camera) -> str:
    """Pictures looked at in a second, and how many were worth a look; `-` while nothing is known."""
    if camera.analysed_per_s is None or camera.asked_per_s is None:
        return desk.words.number(None)
    return f"{camera.analysed_per_s:.1f}/{camera.asked_per_s:.1f}"


def state_since_us(camera: Camera) -> int | None:
    """Since when it is live, or has not been: tries to reach it again do not count."""
    return camera.since_us if camera.out_since_us is None else camera.out_since_us


def since_s(desk: Desk, moment_us: int | None) -> float | None:
    """Seconds since a wall time of the node."""
    return None if moment_us is None else max(0.0, (desk.wall_us - moment_us) / MICROSECONDS)


def lacks_field_test(cameras: Sequence[Camera]) -> bool:
    """True where cameras are analysed and no detector of theirs was proved in the field."""
    return bool(cameras) and all(camera.evidence_grade != FIELD_TESTED for camera in cameras)


class CamerasPage(SectionedPage):
    """A table per section."""

    name_key: ClassVar[str] = "cameras"
    tab: ClassVar[str] = "cameras"
    sections: ClassVar[tuple[str, ...]] = SECTION_NAMES["cameras"]

    def body(self) -> Iterable[Widget]:
        """Below the sections a line for what concerns all cameras."""
        sections, table = super().body()
        yield sections
        yield Bar(id="notice")
        yield table

    def questions(self) -> Sequence[Question[Struct]]:
        """What the open section shows."""
        return {OWN: (STATUS,), RULES_: (STATUS, RULES), DIRECTORY_: (STATUS, DIRECTORY)}[self.section]

    def paint_body(self) -> None:
        """The notice, then the rest."""
        notice = self.query_one("#notice", Bar)
        notice.display = lacks_field_test(self._cameras())
        notice.show(Text(cut(f" ! {self.desk.words('no_field_test')}", self.size.width), style=f"bold {self.desk.palette.warn}"))
        super().paint_body()

    def _cameras(self) -> list[Camera]:
        status = self.desk.seen(STATUS).value
        return status.cameras if status else []

    def count_of(self, section: str) -> str:
        """Cameras that do not do their job; rules for which something is suggested; points known."""
        if section == OWN:
            broken = sum(MARKS.get(camera.state, "?") in "X?!" for camera in self._cameras())
            return f"!{broken}" if broken else ""
        if section == RULES_:
            rules = self.desk.seen(RULES).value
            suggested = sum(bool(rule.suggestions) for rule in rules.rules) if rules else 0
            return f"!{suggested}" if suggested else ""
        directory = self.desk.seen(DIRECTORY).value
        return str(sum(directory.states.values())) if directory and directory.states else ""

    def empty(self) -> str:
        """Of the directory and the cameras also how many nodes below have."""
        if self.section == RULES_:
            return super().empty()
        tree = self.desk.tree().value
        counts = [node.cameras for node in tree.nodes if node.cameras and node.id != tree.self_id] if tree else []
        live, lost = sum(count.live for count in counts), sum(count.lost for count in counts)
        return super().empty() + (" " + self.desk.words("cameras_elsewhere", live=live, lost=lost) if live or lost else "")

    def opens(self, key: str) -> Go:
        """A camera, a rule, a point of the directory."""
        return Go({OWN: "camera", RULES_: "rule", DIRECTORY_: "point"}[self.section], key)

    # ---- tables

    def columns(self, cells: int) -> Sequence[Column]:
        """Those of the open section."""
        return {OWN: self._camera_columns, RULES_: self._rule_columns, DIRECTORY_: self._point_columns}[self.section](cells)

    def rows(self, cells: int) -> Sequence[Row]:
        """Those of the open section."""
        stale = self.problem() is not None
        if self.section == OWN:
            cameras = sorted(self._cameras(), key=lambda camera: (URGENCY.index(MARKS.get(camera.state, "?")), camera.camera))
            return [self._camera_row(camera, stale=stale, is_wide=cells >= WIDE_CELLS) for camera in cameras]
        if self.section == RULES_:
            rules = self.desk.seen(RULES).value
            found = sorted(rules.rules if rules else [], key=lambda rule: (not rule.suggestions, -rule.false, rule.key))
            return [self._rule_row(rule, stale=stale) for rule in found]
        directory = self.desk.seen(DIRECTORY).value
        return [self._point_row(point, stale=stale) for point in (directory.points if directory else [])]

    def _camera_columns(self, cells: int) -> Sequence[Column]:
        words, is_wide = self.desk.words, cells >= WIDE_CELLS
        state = (Column(words("column_state"), 12), Column(words("column_since"), 5, right=True))
        event = Column(words("column_event"), 5, right=True)
        figures = (Column(words("column_pace"), 10, right=True), Column(words("column_proved"), 6), event)
        wide = (Column(words("column_model"), 18), Column(words("column_judged"), 8, right=True)) if is_wide else ()
        room = rest_of(cells, (*state, *figures, *wide), least=28, most=100) - 1
        name = room // 3
        return (Column(words("column_camera"), name), *state, *figures, *wide, Column(words("column_why"), room - name))

    def _camera_row(self, camera: Camera, *, stale: bool, is_wide: bool) -> Row:
        desk, words = self.desk, self.desk.words
        style = desk.palette.stale if stale else ""
        state = camera_state(desk, camera, stale=stale)
        grade = words.term("evidence_grade", camera.evidence_grade or "-")
        age = [words.age(since_s(desk, moment)) for moment in (state_since_us(camera), camera.last_event_us)]
        why = words.why(camera.why or "-", camera=camera.camera, is_brief=True)
        wide = (words.why(camera.model) or camera.algorithm, f"{camera.false_7d}/{camera.false_7d + camera.true_7d}") if is_wide else ()
        shown = (age[0], pace_words(desk, camera), grade, age[1], *wide, why)
        search = " ".join((camera.camera, camera.name, state.plain, *shown, camera.algorithm))
        cells = (self.cell(camera.camera, style), state, *(self.cell(value, style) for value in shown))
        return Row(camera.camera, cells, search=search[:SEARCH_CHARACTERS_MAX])

    def _rule_columns(self, cells: int) -> Sequence[Column]:
        words = self.desk.words
        counts = tuple(Column(words(f"column_{name}"), 7, right=True) for name in ("false", "true", "unjudged"))
        room = rest_of(cells, counts, least=40, most=140) - 2
        name = room * 3 // 10
        return (
            Column(words("column_camera"), name),
            Column(words("column_rule"), name),
            *counts,
            Column(words("column_suggestion"), room - 2 * name),
        )

    def _rule_row(self, rule: RuleVerdict, *, stale: bool) -> Row:
        words, palette = self.desk.words, self.desk.palette
        style = palette.stale if stale else ""
        brief = f"! {suggestion_words(self.desk, rule.suggestions[0])}" if rule.suggestions else "-"
        counts = [Text(words.number(count), style=style or palette.text) for count in (rule.false, rule.true, rule.unjudged)]
        suggested = self.desk.value(brief, style or (f"bold {palette.warn}" if rule.suggestions else palette.dim))
        cells = (self.cell(rule.camera, style), self.cell(words.rule(rule.rule), style), *counts, suggested)
        return Row(rule.key, cells, search=f"{rule.camera} {rule.rule} {brief}"[:SEARCH_CHARACTERS_MAX])

    def _point_columns(self, cells: int) -> Sequence[Column]:
        words = self.desk.words
        first = (Column(words("column_code"), 20), Column(words("column_state"), 9), Column(words("column_since"), 5, right=True))
        room = rest_of(cells, first, least=28, most=120) - 1
        name = room * 3 // 5
        return (*first, Column(words("column_name"), name), Column(words("column_node"), room - name))

    def _point_row(self, point: Point, *, stale: bool) -> Row:
        desk = self.desk
        style = desk.palette.stale if stale else ""
        shown = (point.name or "-", desk.name_of(point.origin) if point.origin else "-")
        since = Text(desk.words.age(since_s(desk, point.state_since_us)), style=style or desk.palette.text)
        cells = (self.cell(point.code, style), point_state(desk, point, stale=stale), since, *(self.cell(value, style) for value in shown))
        search = " ".join((point.code, point.state, *shown, point.territory, point.owner))
        return Row(point.code, cells, search=search[:SEARCH_CHARACTERS_MAX])


def point_state(desk: Desk, point: Point, *, stale: bool) -> Text:
    """State of a camera of the directory as mark, word and colour."""
    mark, palette = POINT_MARKS.get(point.state, "?"), desk.palette
    colours = {" ": palette.ok, "X": palette.fail, "?": palette.warn}
    return marked(mark, desk.words.term("point", point.state or "-"), palette.stale if stale else colours[mark])
