"""`yunnao device`: the devices this node has met; admit or refuse one. The node must be running, because its sensor door holds the list."""

from __future__ import annotations

import argparse

from node.client import NodeClient
from node.errors import EXIT_OK
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.output import list_of, print_json, print_line, print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("device", nargs="?", help=help_text(parser, "device_name"))
    parser.add_argument("--refuse", action="store_true", help=help_text(parser, "device_refuse"))
    parser.add_argument("--owner", default="", metavar="NAME", help=help_text(parser, "device_owner"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """List the devices, or decide about one."""
    client = NodeClient(args.dir)
    if args.device is None:
        return _list(args, client.call("devices"))
    decided = client.call("device_admit", device=args.device, accept=not args.refuse, owner=args.owner)
    if args.json:
        print_json(decided)
    else:
        print_line(text("cli.device_admitted" if decided["accepted"] else "cli.device_refused", args.language, device=args.device))
    return EXIT_OK


def _list(args: argparse.Namespace, answer: dict[str, object]) -> int:
    if args.json:
        print_json(answer)
        return EXIT_OK
    names = ("device", "kind", "protocol", "state", "owner", "readings")
    rows = [[str(entry.get(name, "")) for name in names] for entry in list_of(answer.get("devices"))]
    print_table(text("cli.device_columns", args.language).split("|"), rows)
    return EXIT_OK


VERB = Verb("device", "cli.help_device", add_arguments, run)
