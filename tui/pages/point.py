"""One camera of the directory: where it is, whose it is, and how it does, as its node told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.feed import Question
from tui.marks import unmarked
from tui.pages.cameras import point_state, since_s
from tui.pages.detail_page import DetailPage
from tui.questions import DIRECTORY


class PointPage(DetailPage):
    """The camera whose national code is `about`."""

    name_key: ClassVar[str] = "point"
    tab: ClassVar[str] = "cameras"

    def questions(self) -> Sequence[Question[Struct]]:
        """The directory."""
        return (DIRECTORY,)

    def lines(self, cells: int) -> Sequence[Text]:
        """Everything known about the camera."""
        directory, words = self.desk.seen(DIRECTORY).value, self.desk.words
        point = next((each for each in directory.points if each.code == self.about), None) if directory else None
        if point is None:
            return self.missing()
        since = words("since", age=words.age(since_s(self.desk, point.state_since_us))) if point.state_since_us is not None else ""
        state = unmarked(point_state(self.desk, point, stale=self.problem() is not None))
        return [
            Text(""),
            self.field("name", point.name or "-", f"bold {self.desk.palette.accent}"),
            self.field("code", point.code),
            self.field("state", Text.assemble(state, (f"  {since}", self.desk.palette.dim))),
            self.field("node", self.desk.name_of(point.origin) if point.origin else "-"),
            self.field("territory", point.territory or "-"),
            *self.named("owner", point.owner, cells),
            *self.named("address", point.address, cells),
            Text(""),
            *self.paragraph(words("hint_point"), cells, style=self.desk.palette.dim),
        ]
