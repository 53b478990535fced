"""`yunnao device command`: tell a device of this node, or of one below, to do something, and see what became of it."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Mapping, Sequence

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import catalogue, text
from node.verb import UsageError
from node.verbs.actions import Actions
from node.verbs.case_output import print_history
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk
from node.verbs.times import duration_s

CALL_TIMEOUT_S = 30.0
"""Beside what a person wants to wait."""


def add_command_words(actions: Actions) -> None:
    """`command`, `commands`, `command-show`, `withdraw`."""
    issued = actions.add("command")
    issued.add_argument("device", metavar="DEVICE", help=actions.help("device"))
    issued.add_argument("name", metavar="NAME", help=actions.help("command_name"))
    issued.add_argument("arguments", nargs="*", metavar="KEY=VALUE", help=actions.help("arguments"))
    issued.add_argument("--expires", default="10m", metavar="TIME", help=actions.help("option_expires"))
    issued.add_argument("--wait", default="0s", metavar="TIME", help=actions.help("option_wait"))
    issued.add_argument("--node", default="", metavar="NODE", help=actions.help("option_node"))
    issued.add_argument("--territory", default="", metavar="CODE", help=actions.help("option_territory"))
    _add_person(issued, actions)
    listed = actions.add("commands")
    listed.add_argument("device", nargs="?", default="", metavar="DEVICE", help=actions.help("device"))
    listed.add_argument("--open", action="store_true", help=actions.help("option_open"))
    actions.add("command-show").add_argument("id", metavar="ID", help=actions.help("command_id"))
    withdrawn = actions.add("withdraw")
    withdrawn.add_argument("id", metavar="ID", help=actions.help("command_id"))
    _add_person(withdrawn, actions)


def _add_person(parser: argparse.ArgumentParser, actions: Actions) -> None:
    parser.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    parser.add_argument("--why", default="", metavar="TEXT", help=actions.help("option_why"))


def issue(args: argparse.Namespace, client: NodeClient) -> int:
    """Issue a command; with --wait 1 unless the device did it in that time."""
    wait_s = duration_s(args.wait)
    answer = client.call(
        "device_command",
        timeout_s=CALL_TIMEOUT_S + wait_s,
        device=args.device,
        name=args.name,
        arguments=_pairs(args.arguments),
        expires_s=float(duration_s(args.expires)),
        wait_s=float(wait_s),
        by=args.by or getpass.getuser(),
        why=args.why,
        node=args.node,
        territory=args.territory,
    )
    return _print_one(args, answer, is_waited=wait_s > 0)


def _pairs(given: Sequence[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    odd = next((each for each, (key, mark, _) in zip(given, pairs, strict=True) if not key or not mark), None)
    if odd is not None:
        raise UsageError(f"argument {odd!r} refused: write KEY=VALUE, for example period_s=60")
    if len({key for key, _, _ in pairs}) < len(pairs):
        raise UsageError("arguments refused: one of them is given twice")
    return {key: value for key, _, value in pairs}


def _print_one(args: argparse.Namespace, answer: Mapping[str, object], *, is_waited: bool) -> int:
    state = answer.get("state")
    if args.json:
        print_json(answer)
    else:
        words = {"id": answer.get("id"), "device": answer.get("device"), "command": answer.get("command")}
        print_line(text("device.command_stands", args.language, state=command_state(state, args.language), **words))
        if why := answer.get("why"):
            talk(str(why))
    return EXIT_NEGATIVE if state in ("refused", "failed", "expired") or (is_waited and state != "done") else EXIT_OK


def list_commands(args: argparse.Namespace, client: NodeClient) -> int:
    """The newest commands, of one device or of all."""
    answer = client.call("device_commands", timeout_s=CALL_TIMEOUT_S, device=args.device, open_only=args.open)
    if args.json:
        print_json(answer)
        return EXIT_OK
    print_commands(list_of(answer.get("commands")), args.language)
    if fault := answer.get("fault"):
        talk(text("device.commands_fault", args.language, why=fault))
    return EXIT_OK


def print_commands(commands: Sequence[Mapping[str, object]], language: str) -> None:
    """A table of commands."""
    rows = [
        [
            moment_text(each.get("issued_us")),
            each.get("id"),
            each.get("device"),
            _call_text(each),
            command_state(each.get("state"), language),
            each.get("by"),
            each.get("why") or "-",
        ]
        for each in commands
    ]
    print_table(text("device.command_columns", language).split("|"), rows)


def _call_text(command: Mapping[str, object]) -> str:
    arguments = table_of(command.get("arguments"))
    return " ".join([str(command.get("command")), *(f"{key}={value}" for key, value in arguments.items())])


def show_command(args: argparse.Namespace, client: NodeClient) -> int:
    """One command with its history."""
    answer = client.call("device_command_show", timeout_s=CALL_TIMEOUT_S, id=args.id)
    if args.json:
        print_json(answer)
        return EXIT_OK
    print_commands([answer], args.language)
    print_line("")
    print_history(answer, "device", args.language)
    return EXIT_OK


def withdraw(args: argparse.Namespace, client: NodeClient) -> int:
    """Take back a command that the device does not have yet."""
    answer = client.call("device_command_withdraw", timeout_s=CALL_TIMEOUT_S, id=args.id, by=args.by or getpass.getuser(), why=args.why)
    return _print_one(args, answer, is_waited=False)


def command_state(state: object, language: str) -> str:
    """The state of a command in words."""
    return catalogue(language).get(f"device.command_{state}") or str(state)
