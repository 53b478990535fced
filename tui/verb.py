"""`yunnao console`: the verb that opens the console. It imports Textual only when it runs, so that `yunnao --help` stays quick."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import termios
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from node.clock import SystemClock
from node.texts import text
from node.verb import Verb
from tui.setting import SLOW_LINK_ENVIRONMENT, Setting, setting_for

EXIT_NO_TERMINAL = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments; `--dir` and `--lang` are there for every verb."""
    language = getattr(parser, "language", "en")
    parser.add_argument("--ascii", action="store_true", help=text("console.argument_ascii", language))
    parser.add_argument("--slow-link", action="store_true", help=text("console.argument_slow_link", language))
    parser.add_argument("--read-only", action="store_true", help=text("console.argument_read_only", language))


def run(arguments: argparse.Namespace) -> int:
    """Open the console on this terminal; 0 when the user leaves, 1 when the terminal went away, 2 when there is none."""
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        sys.stderr.write(f"yunnao: {text('console.no_terminal', arguments.language)}\n")
        return EXIT_NO_TERMINAL
    look = setting_for(
        os.environ,
        encoding=sys.stdout.encoding,
        language=arguments.language,
        ascii_only=arguments.ascii,
        slow_link=arguments.slow_link,
        zone=datetime.fromtimestamp(0, tz=UTC).astimezone().tzinfo or UTC,
    )
    return _open(arguments.dir, replace(look, person=person(), read_only=arguments.read_only, folder=str(arguments.dir.resolve())))


def person() -> str:
    """The user of this machine; empty where it knows none, and the dialog asks."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _open(directory: Path, setting: Setting) -> int:
    if setting.slow_link:
        os.environ.update(SLOW_LINK_ENVIRONMENT)
    from tui.app import Console
    from tui.client import NodeApi

    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    console = Console(NodeApi(directory), SystemClock(), setting, is_terminal_gone=is_terminal_gone)
    return console.run() or 0


def is_terminal_gone() -> bool:
    """True when the terminal behind standard input was closed without a signal reaching us."""
    try:
        termios.tcgetattr(sys.stdin.fileno())
    except termios.error:
        return True
    return False


VERB = Verb(name="console", help_key="console.help", add_arguments=add_arguments, run=run)
