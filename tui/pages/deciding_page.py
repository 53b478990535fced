"""A detail page on which a person decides: its keys stand in the key bar while the thing takes them, and each opens the dialog.

A subclass gives the decisions; asking, sending and answering are the same for all. Nothing is decided in a read-only console.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from tui.decision import Ask, Decision
from tui.keys import FREEZE, OPEN, Key
from tui.pages.detail_page import DetailPage


class DecidingPage(DetailPage):
    """Lines about one thing that takes decisions."""

    unhinted: ClassVar[tuple[Key, ...]] = (OPEN, FREEZE)
    decisions: ClassVar[Sequence[Key]] = ()
    """The keys of what may be decided about such a thing; the action of each is `decide('<name>')`."""

    @abstractmethod
    def decision(self, name: str) -> Decision | None:
        """The decision that the key `name` opens; None while the thing does not take it."""

    def own_keys(self) -> Sequence[Key]:
        """The decisions that can be made now."""
        if self.desk.setting.read_only:
            return ()
        return [key for key in self.decisions if self.decision(key.name) is not None]

    def action_decide(self, name: str) -> None:
        """Open the dialog, or say why there is none."""
        words = self.desk.words
        decision = self.decision(name)
        if self.desk.setting.read_only:
            self.tell(words("told_read_only"))
        elif decision is None:
            self.tell(words("told_not_taken", what=words(f"key_{name}")))
        else:
            self.post_message(Ask(decision))
