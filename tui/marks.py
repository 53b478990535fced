"""How a state looks: a mark, a word and a colour, always all three.

Owns the closed set of node states and the rule that a figure older than its limit is never shown as well. Called by every page.
"""

from __future__ import annotations

from enum import Enum

from rich.text import Text

from tui.palette import Palette
from tui.words import Words

STALE_AFTER_S = 10.0
"""A figure older than this is shown as stale, as the node itself does (docs/api.md)."""


class State(Enum):
    """What a node can be; anything else a node claims counts as STALE."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"
    STALE = "STALE"

    @classmethod
    def of(cls, word: str, age_s: float | None, *, answered: bool) -> State:
        """The state to show for a claim of `age_s` seconds; STALE when it is too old, of no known age, or the API does not answer."""
        known = word in cls.__members__
        if not known or not answered or age_s is None or age_s > STALE_AFTER_S:
            return cls.STALE
        return cls[word]

    @property
    def mark(self) -> str:
        """One ASCII character that tells the state without colour."""
        return {State.OK: " ", State.WARN: "!", State.FAIL: "X", State.STALE: "?"}[self]

    def colour(self, palette: Palette) -> str:
        """The colour that repeats the mark."""
        return {State.OK: palette.ok, State.WARN: palette.warn, State.FAIL: palette.fail, State.STALE: palette.stale}[self]


def badge(state: State, words: Words, palette: Palette) -> Text:
    """Mark and word in the state's colour, such as `! WARN`."""
    bold = "bold " if state in (State.WARN, State.FAIL) else ""
    return Text(f"{state.mark} {words(f'mark_{state.value.lower()}')}", style=f"{bold}{state.colour(palette)}")


def marked(mark: str, shown: str, colour: str) -> Text:
    """A mark, words and a colour for what is no state of a node; the colour is bold where the mark says that something is up."""
    return Text(f"{mark} {shown}", style=f"bold {colour}" if mark != " " else colour)


def unmarked(shown: Text) -> Text:
    """A badge without the room for a mark where it has none."""
    return shown if shown.plain.strip() == shown.plain else shown[2:]
