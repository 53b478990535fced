"""A detail page on which a person decides: its keys stand in the key bar while the thing takes them, and each opens the dialog.

A subclass gives the decisions; asking, sending and answering are the same for all, and so are the parts that every case has: its law, its
history and what it waits for. Nothing is decided in a read-only console.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text

from tui.case_answers import Basis, Fact
from tui.decision import Ask, Decision
from tui.keys import FREEZE, OPEN, Key
from tui.pages.detail_page import INDENT, DetailPage


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

    # ---- what every case shows

    def undrawn(self, shown: object, command: str, cells: int) -> list[Text]:
        """A person must not decide on question marks: said where this terminal cannot draw what is `shown`, with what prints it."""
        if not self.desk.setting.ascii_only or repr(shown).isascii():
            return []
        return self.paragraph(self.desk.words("undrawn", command=command), cells, style=f"bold {self.desk.palette.warn}")

    def fault_lines(self, title: str, fault: str, cells: int) -> list[Text]:
        """Why something that was decided has no effect; nothing when it has."""
        if not fault:
            return []
        style = f"bold {self.desk.palette.fail}"
        return [Text(f"{INDENT}X {title}", style=style), *self.whole(fault, cells, indent=3, style=style)]

    def basis_lines(self, basis: Basis, cells: int) -> list[Text]:
        """The law that something stands on, or that there is none."""
        words, palette = self.desk.words, self.desk.palette
        lines = [Text(""), self.heading(words("title_basis"))]
        if not (basis.instrument or basis.article or basis.quote):
            return [*lines, *self.paragraph(words("no_basis"), cells, style=f"bold {palette.fail}")]
        lines += self.whole(f"{basis.instrument} {basis.article}", cells, indent=2)
        lines += self.whole(basis.quote, cells, indent=4)
        return lines + self.whole(words("quote_hash", sha256=basis.sha256), cells, indent=2, style=palette.dim)

    def history(self, facts: Sequence[Fact], cells: int) -> list[Text]:
        """What was said, oldest first, and why what did not count did not."""
        lines = [Text(""), self.heading(self.desk.words("title_history"))]
        return lines + [line for fact in facts for line in self._said(fact, cells)]

    def _said(self, fact: Fact, cells: int) -> list[Text]:
        words, palette = self.desk.words, self.desk.palette
        shown = {"when": words.time(fact.at_us), "fact": words.term("fact", fact.fact), "by": fact.by, "node": self.desk.name_of(fact.node)}
        style = palette.dim if fact.fault else ""
        lines = self.whole(words("history_said", **shown), cells, indent=2, style=style)
        if fact.why:
            lines += self.whole(words("history_why", why=fact.why), cells, indent=4, style=style)
        if fact.fault:
            lines += self.whole(words("history_uncounted", fault=fact.fault), cells, indent=4, style=palette.warn)
        return lines
