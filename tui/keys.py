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
    ("governance", Key("7", "7", "tab('governance')", "tab_governance", hint=False)),
    ("oversight", Key("8", "8", "tab('oversight')", "tab_oversight", hint=False)),
    ("cameras", Key("9", "9", "tab('cameras')", "tab_cameras", hint=False)),
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

DEVICE_DECISIONS = (
    Key("a", "a", "decide('admit')", "admit"),
    Key("r", "r", "decide('refuse')", "refuse"),
    Key("x", "x", "decide('retire')", "retire"),
)
"""What may be decided about a device: each has its key on the page of one that takes it."""

INCIDENT_STEPS = (
    Key("x", "x", "step('dismiss')", "dismiss"),
    Key("a", "a", "step('acknowledge')", "acknowledge"),
    Key("s", "s", "step('resolve')", "resolve"),
    Key("o", "o", "step('reopen')", "reopen_incident"),
)
"""What may be said about an incident or an event: on its page, and on the list about the row under the cursor."""

RULE = Key("r", "r", "rule", "rule")
"""On an event or an incident: the rule that made it, how often it was right, and what would help."""

CAMERA_COMMANDS = (
    Key("l", "l", "copy_command('view')", "copy_view"),
    Key("z", "z", "copy_command('zone')", "copy_zone"),
)
"""On a camera: commands that this console does not run itself, put on the terminal's clipboard."""

NEXT_CHANGE = Key("tab", "Tab", "next_change", "next_change")
CHANGE_RULE = Key("a", "a", "decide('change_rule')", "change_rule")
RULE_KEYS = (NEXT_CHANGE, CHANGE_RULE)
"""On the page of a rule."""

SECTION_NAMES = {
    "devices": ("sensors", "alarms"),
    "cameras": ("cameras", "rules", "directory"),
    "governance": ("all", "emergency", "recall", "regrade", "review", "quality", "request", "model"),
    "oversight": ("returns", "scores", "log"),
}
"""Sections of the pages that have some, the most urgent first."""

SECTION = Key("tab", "Tab", "section(1)", "section")
SECTION_BACK = Key("shift+tab", "Shift-Tab", "section(-1)", "section_back", hint=False)
NEW = Key("n", "n", "new", "new")
VERIFY_LOG = Key("v", "v", "verify_log", "verify_log")
OLDER = Key("o", "o", "older", "older")
NEWER = Key("i", "i", "newer", "newer")
SECTIONS = (SECTION, SECTION_BACK, NEW, VERIFY_LOG, OLDER, NEWER)
"""Keys of the pages with sections."""


def _says(press: str, *names: str) -> dict[str, Key]:
    return {name: Key(press, press, f"say('{press}')", name) for name in names}


SAYS = {
    **_says("a", "approve", "grant", "accept", "take"),
    **_says("r", "refuse"),
    **_says("v", "review", "verify"),
    **_says("w", "withdraw"),
    **_says("u", "uphold"),
    **_says("o", "overturn", "reopen"),
    **_says("l", "lift", "release"),
    **_says("p", "keep", "appeal"),
    **_says("e", "end"),
    **_says("c", "correct"),
    **_says("d", "dispute"),
    **_says("i", "insist"),
    **_says("s", "supply"),
    **_says("m", "missing"),
    **_says("x", "revoke", "close"),
}
"""What may be said about a matter of governance: one press means one of them, the one that the matter takes."""

COMMON = (OPEN, BACK, HELP, FILTER, GO, FREEZE, QUIT, MOVE, THEME, COPY, *(key for _, key in TABS))
"""Keys that mean the same on every page."""
