"""`yunnao admit`: who waits to join; accept or refuse one, or dismiss a child. Works on the folder, so the node need not run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from node.clock import SystemClock
from node.errors import EXIT_OK
from node.identity.admissions import Admission, Stage
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.folder import open_admissions, read_config
from node.verbs.output import moment_text, print_json, print_line, print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("node", nargs="?", help=help_text(parser, "admit_node"))
    parser.add_argument("--refuse", action="store_true", help=help_text(parser, "admit_refuse"))
    parser.add_argument("--all", action="store_true", help=help_text(parser, "admit_all"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """List who waits, or decide about one node."""
    config = read_config(args.dir)
    with open_admissions(config.folder, ca_life_s=config.identity.ca_life_s) as (_, admissions):
        if args.node is None:
            return _list(args, admissions.all() if args.all else admissions.pending())
        decided = admissions.refuse(args.node) if args.refuse else admissions.accept(args.node, now_us=SystemClock().wall_us())
    accepted = decided.stage is Stage.ACCEPTED
    if args.json:
        print_json({"node": decided.node, "accepted": accepted})
    else:
        print_line(text("cli.admit_accepted" if accepted else "cli.admit_refused", args.language, node=decided.node))
    return EXIT_OK


def _list(args: argparse.Namespace, entries: Sequence[Admission]) -> int:
    if args.json:
        print_json({"pending": [as_json(entry) for entry in entries]})
        return EXIT_OK
    rows = [(e.node, e.level.word, e.territory.code, e.fingerprint, e.stage.value, moment_text(e.asked_us)) for e in entries]
    print_table(text("cli.admit_columns", args.language).split("|"), rows)
    return EXIT_OK


def as_json(entry: Admission) -> dict[str, object]:
    """An admission as the local API and --json show it."""
    return {
        "node": entry.node,
        "level": entry.level.word,
        "territory": entry.territory.code,
        "fingerprint": entry.fingerprint,
        "state": entry.stage.value,
        "asked_us": entry.asked_us,
    }


VERB = Verb("admit", "cli.help_admit", add_arguments, run)
