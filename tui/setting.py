"""How this console is to look on this terminal: language, ASCII, slow link.

Owns the rule that a terminal which cannot draw Chinese gets English ASCII. Reads the environment it is given, never the process's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo

POLL_S = 1.0
POLL_SLOW_S = 2.0
SLOW_LINK_ENVIRONMENT = {"TEXTUAL_FPS": "10", "TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0"}
"""What Textual reads at import, so it must be set before (UX.md, slow links)."""

PLAIN_TERMINALS = ("linux", "dumb", "vt100", "vt220")
"""Terminals without Han characters."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the user and the terminal decide."""

    language: str = "zh"
    ascii_only: bool = False
    slow_link: bool = False
    zone: tzinfo = UTC
    person: str = ""
    """Who sits here, as the machine knows them; a dialog lets them write another name."""
    read_only: bool = False
    """True when nothing may be decided in this console."""
    folder: str = ""
    """The node's folder as commands name it; empty where they need not."""

    @property
    def poll_s(self) -> float:
        """Seconds between two rounds of questions."""
        return POLL_SLOW_S if self.slow_link else POLL_S


def setting_for(
    environment: Mapping[str, str], *, encoding: str, language: str, ascii_only: bool, slow_link: bool, zone: tzinfo = UTC
) -> Setting:
    """The setting for a terminal of `environment` whose output has `encoding`; a plain terminal overrides the language asked for."""
    utf8 = encoding.lower().replace("-", "").replace("_", "") == "utf8"
    if ascii_only or not utf8 or environment.get("TERM", "") in PLAIN_TERMINALS:
        return Setting("en", ascii_only=True, slow_link=slow_link, zone=zone)
    return Setting(language, ascii_only=False, slow_link=slow_link, zone=zone)
