"""One matter of governance whole: what it is about, who has answered, its law and history, and what may be said about it here.

What it is about is `kind/id`. What may be said, by whom and when is the node's word (`takes`); another person than the first is its rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text

from tui.decision import Decision
from tui.desk import Desk
from tui.feed import Question
from tui.keys import SAYS, Key
from tui.pages.deciding_page import DecidingPage
from tui.pages.governance import KINDS


class MatterPage(DecidingPage):
    """The matter whose kind and id are `about`."""

    name_key: ClassVar[str] = "matter"
    tab: ClassVar[str] = "governance"
    BINDINGS: ClassVar = [key.binding() for key in {key.press: key for key in SAYS.values()}.values()]

    def __init__(self, desk: Desk, about: str = "") -> None:
        super().__init__(desk, about)
        kind, _, self.matter_id = about.partition("/")
        self.kind = KINDS[kind]

    def questions(self) -> Sequence[Question[Struct]]:
        """The matter."""
        return (self.kind.shown(self.matter_id),)

    def lines(self, cells: int) -> Sequence[Text]:
        """What its kind shows."""
        matter = self.desk.seen(self.kind.shown(self.matter_id)).value
        return self.missing() if matter is None else self.kind.lines(matter, self, cells)

    def own_keys(self) -> Sequence[Key]:
        """What can be said now."""
        if self.desk.setting.read_only:
            return ()
        return [key for key in self.kind.keys if self.decision(key.name) is not None]

    def decision(self, name: str) -> Decision | None:
        """What the key `name` says, when the matter takes it."""
        return self.kind.decision(self.matter_id, name, self.desk)

    def action_say(self, press: str) -> None:
        """Say what the pressed key means for this matter now."""
        meant = [key.name for key in self.kind.keys if key.press == press]
        taken = [name for name in meant if self.decision(name) is not None]
        if meant:
            self.action_decide((taken or meant)[0])
