"""`yunnao password USER`: puts a device's user and password into the sensor door's password file, hashed.

The password is asked for at a terminal, or read as one line from standard input; it never stands on the command line, where every process
could read it.
"""

from __future__ import annotations

import argparse
import getpass
import sys

from node.audit.left import left
from node.clock import SystemClock
from node.errors import EXIT_OK
from node.files import write_durably
from node.ingest.passwords import PASSWORD_BYTES_MAX, make_entry
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import read_config
from node.verbs.output import talk


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("user", metavar="USER", help=help_text(parser, "password_user"))


def run(args: argparse.Namespace) -> int:
    """Replace or add the user's line; the node reads the file when it starts."""
    config = read_config(args.dir)
    if not config.devices.password_file:
        raise UsageError(f"no password file is named in {config.path}: set password_file in [devices] first")
    path = config.resolve(config.devices.password_file)
    entry = make_entry(args.user, _asked_password(text("cli.password_ask", args.language, user=args.user)))
    kept = path.read_text("utf-8").splitlines() if path.exists() else []
    others = [line for line in kept if line.partition(":")[0] != args.user]
    with left(config.data_dir, "password", args.user, at_us=SystemClock().wall_us(), detail={"is_new": len(others) == len(kept)}):
        write_durably(path, "".join(f"{line}\n" for line in [*others, entry]).encode())
    talk(text("cli.password_done", args.language, user=args.user, path=path))
    return EXIT_OK


def _asked_password(prompt: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(prompt)
    return sys.stdin.readline(PASSWORD_BYTES_MAX + 2).rstrip("\r\n")


VERB = Verb("password", "cli.help_password", add_arguments, run)
