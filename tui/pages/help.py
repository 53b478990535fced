"""Help, made from the key table and the marks: a key that exists is explained here, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text

from tui.keys import (
    CAMERA_COMMANDS,
    COMMON,
    DECISIONS,
    DEVICE_DECISIONS,
    INCIDENT_STEPS,
    RULE,
    RULE_KEYS,
    SAYS,
    SECTION_NAMES,
    SECTIONS,
    TABS,
)
from tui.marks import State, badge
from tui.pages.detail_page import DetailPage
from tui.palette import PALETTES
from tui.safe import fit

KEY_CELLS = 20


class HelpPage(DetailPage):
    """All keys, marks and commands."""

    name_key: ClassVar[str] = "help"

    def lines(self, cells: int) -> Sequence[Text]:
        """Keys, marks, commands."""
        words = self.desk.words
        own_keys = [key for key in DEVICE_DECISIONS if key.name not in {each.name for each in DECISIONS}]
        camera_keys = (*INCIDENT_STEPS, RULE, *RULE_KEYS, *CAMERA_COMMANDS)
        keys = [self._pair(key.shown, words(f"help_{key.name}")) for key in (*COMMON, *SECTIONS, *DECISIONS, *own_keys, *camera_keys)]
        marks = [
            Text.assemble("  ", fit(badge(state, words, self.desk.palette), KEY_CELLS), words(f"state_{state.value.lower()}"), end="")
            for state in State
        ]
        own = self._pair("*", words("help_own"))
        names = " ".join(name for name, _ in TABS)
        commands = [(f":{names}", "help_command_list"), (":node ID", "help_command_node"), (":resource CODE", "help_command_resource")]
        commands += [(":entry ID", "help_command_entry")]
        sections = " ".join(name for page in SECTION_NAMES.values() for name in page)
        commands += [(f":{sections}", "help_command_section"), (":recall ID", "help_command_matter"), (":log WORD", "help_command_log")]
        commands += [(f":theme {name}", "help_command_theme") for name in PALETTES]
        return [
            self.heading(words("title_keys")),
            *keys,
            Text(""),
            self.heading(words("title_says")),
            *(self._pair(press, " / ".join(meant)) for press, meant in self._says().items()),
            Text(""),
            self.heading(words("title_marks")),
            *marks,
            own,
            Text(""),
            self.heading(words("title_commands")),
            *(line for shown, name in commands for line in self._command(shown, words(name))),
        ]

    def _says(self) -> dict[str, list[str]]:
        meant: dict[str, list[str]] = {}
        for key in SAYS.values():
            meant.setdefault(key.press, []).append(self.desk.words(f"key_{key.name}"))
        return meant

    def _pair(self, shown: str, meaning: str) -> Text:
        return Text.assemble("  ", fit(Text(shown, style=f"bold {self.desk.palette.accent}"), KEY_CELLS), meaning, no_wrap=True, end="")

    def _command(self, shown: str, meaning: str) -> list[Text]:
        if len(shown) < KEY_CELLS:
            return [self._pair(shown, meaning)]
        return [Text(f"  {shown}", style=f"bold {self.desk.palette.accent}"), self._pair("", meaning)]
