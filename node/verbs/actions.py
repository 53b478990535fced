"""The words that may follow a verb (`catalogue import`), each with its help from one area of the message catalogue."""

from __future__ import annotations

import argparse

from node.texts import text
from node.verb import VerbParser, help_text


class Actions:
    """Adds words after a verb; the chosen one is `args.action`, None when it may be left out and was."""

    def __init__(self, parser: argparse.ArgumentParser, area: str, *, required: bool = True) -> None:
        self._parser = parser
        self._area = area
        self._required = required
        self._words = parser.add_subparsers(dest="action", required=required, parser_class=VerbParser)

    def help(self, key: str, **values: object) -> str:
        """The text `<area>.<key>`, with % made safe for argparse."""
        return text(f"{self._area}.{key}", self._language, **values).replace("%", "%%")

    def add(self, name: str, help_key: str = "") -> VerbParser:
        """The word `name` with --json; its help is `<area>.<help_key>`, by default `<area>.help_<name>`."""
        words = self.help(help_key or f"help_{name}")
        sub = self._words.add_parser(name, help=words, description=words, conflict_handler="resolve")
        sub.language = self._language
        # SUPPRESS: `yunnao quarantine --json requeue 3` must not be undone by the default of the word after it.
        default = False if self._required else argparse.SUPPRESS
        sub.add_argument("--json", action="store_true", default=default, help=help_text(sub, "option_json"))
        return sub

    @property
    def _language(self) -> str:
        return getattr(self._parser, "language", "en")
