"""What a verb of the command line is. `node` has a table of its own; other packages add theirs by the entry-point group `yunnao.verbs`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from node.errors import EXIT_USAGE, NodeError
from node.texts import text

VERB_GROUP = "yunnao.verbs"
"""Entry-point group; each value is a Verb."""


class UsageError(NodeError):
    """Arguments that parse but make no sense."""

    exit_code: ClassVar[int] = EXIT_USAGE


@dataclass(frozen=True, slots=True)
class Verb:
    """One word after `yunnao`."""

    name: str
    help_key: str
    """Key of its one-line help in the message catalogue."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    """Do it and give the exit code. `args.dir` (Path), `args.lang` (zh, en or None) and `args.language` (zh or en) are always there."""
    default_folder: Path = Path("node")
    """What `args.dir` is without --dir."""


class VerbParser(argparse.ArgumentParser):
    """A parser that knows the language of its help, and whose word says itself what it does not take: `camera add`, not `camera`."""

    language: str = "en"

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse, whose subparsers call this; ends with the usage of the very word where something is not known."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"{' '.join(unknown)} is not known here; `{self.prog} --help` shows what is")
        return found, unknown


def help_text(parser: argparse.ArgumentParser, key: str) -> str:
    """The help text `cli.<key>` in the parser's language, with % made safe for argparse."""
    return text(f"cli.{key}", getattr(parser, "language", "en")).replace("%", "%%")
