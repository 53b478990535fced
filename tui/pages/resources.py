"""The catalogue: what there is, how it is graded, and what leaves toward whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.answers import Resource
from tui.desk import Desk
from tui.feed import Question
from tui.pages.list_page import ListPage
from tui.palette import Palette
from tui.questions import RESOURCES
from tui.widgets.table import Column, Row, rest_of


class ResourcesPage(ListPage):
    """One row per resource."""

    name_key: ClassVar[str] = "resources"
    tab: ClassVar[str] = "resources"
    detail: ClassVar[str] = "resource"

    def questions(self) -> Sequence[Question[Struct]]:
        """The catalogue."""
        return (RESOURCES,)

    def columns(self, cells: int) -> Sequence[Column]:
        """The title takes what the others leave."""
        words = self.desk.words
        others = (
            Column(words("column_grade"), 5),
            Column(words("column_share"), 13),
            Column(words("column_to_parent"), 14),
            Column(words("column_to_above"), 14),
            Column(words("column_to_return"), 9),
        )
        return (Column(words("column_resource"), rest_of(cells, others, least=14, most=40)), *others)

    def rows(self, cells: int) -> Sequence[Row]:
        """One row per resource."""
        seen = self.desk.seen(RESOURCES)
        return [self._row(resource) for resource in seen.value.resources] if seen.value else []

    def _row(self, resource: Resource) -> Row:
        words, outcomes = self.desk.words, resource.outcomes
        title, stale = title_of(resource, self.desk), self.problem() is not None
        style = self.desk.palette.stale if stale else ""
        cells = (
            self.cell(title, style),
            self.cell(resource.grade, style),
            self.cell(words.term("share", resource.share), style),
            *(outcome_text(word, self.desk, stale=stale) for word in (outcomes.parent, outcomes.above, outcomes.return_)),
        )
        return Row(
            resource.code,
            cells,
            search=f"{title} {' '.join(resource.title.values())} {resource.code} {resource.grade} {resource.share}"[:600],
        )


def title_of(resource: Resource, desk: Desk) -> str:
    """The resource's title in the console's language; its code where there is none or the terminal cannot draw it."""
    title = resource.title.get(desk.setting.language, "")
    return resource.code if not title or (desk.setting.ascii_only and not title.isascii()) else title


def outcome_text(word: str, desk: Desk, *, stale: bool) -> Text:
    """A policy outcome in the console's words and in its colour; grey when `stale`."""
    colour = desk.palette.stale if stale else outcome_colour(word, desk.palette)
    return Text(desk.words.term("outcome", word) if word else "-", style=colour)


def outcome_colour(word: str, palette: Palette) -> str:
    """The colour that repeats the outcome's word."""
    colours = {
        "allow": palette.ok,
        "mask": palette.warn,
        "aggregate": palette.accent,
        "aggregate-only": palette.accent,
        "deny": palette.fail,
    }
    return colours.get(word.lower(), palette.text)
