"""Every key of the console in one table: the bindings, the key bar and the help page are all made from it."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what is pressed, what is shown, what it does, and its words (`console.key_<name>`, `console.help_<name>`)."""

    press: str
    shown: str
    action: str
    name: str
    hint: bool = True
    """False keeps it out of the key bar, never out of the help."""

    def binding(self) -> Binding:
        """The Textual binding of this key."""
        return Binding(self.press, self.action, show=False)


MOVE = Key("", "Up Down PgUp PgDn", "", "move", hint=False)
OPEN = Key("", "Enter", "", "open")
BACK = Key("escape", "Esc", "back", "back")
FILTER = Key("slash", "/", "filter", "filter")
GO = Key("colon", ":", "command", "go")
HELP = Key("question_mark,f1", "?", "help", "help")
QUIT = Key("q,ctrl+c", "q", "quit_console", "quit")
FREEZE = Key("f", "f", "freeze", "freeze")
THEME = Key("t", "t", "theme", "theme", hint=False)
COPY = Key("y", "y", "copy_code", "copy", hint=False)

TABS = (
    ("tree", Key("1", "1", "tab('tree')", "tab_tree", hint=False)),
    ("events", Key("2", "2", "tab('events')", "tab_events", hint=False)),
    ("resources", Key("3", "3", "tab('resources')", "tab_resources", hint=False)),
    ("incidents", Key("4", "4", "tab('incidents')", "tab_incidents", hint=False)),
    ("devices", Key("5", "5", "tab('devices')", "tab_devices", hint=False)),
    ("entries", Key("6", "6", "tab('entries')", "tab_entries", hint=False)),
)
"""The list pages and their keys, in the order of the tab bar."""

DECISIONS = (
    Key("v", "v", "decide('review')", "review"),
    Key("a", "a", "decide('approve')", "approve"),
    Key("r", "r", "decide('refuse')", "refuse"),
    Key("w", "w", "decide('withdraw')", "withdraw"),
    Key("x", "x", "decide('revoke')", "revoke"),
)
"""What may be decided about an entry of the negative list: each has its key on the page of a case that takes it."""

COMMON = (OPEN, BACK, FILTER, GO, FREEZE, HELP, QUIT, MOVE, THEME, COPY, *(key for _, key in TABS))
"""Keys that mean the same on every page."""
