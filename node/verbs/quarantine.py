"""`yunnao quarantine`: what was refused between this node and its peers; send it again (`requeue`), or let it stay (`dismiss`)."""

from __future__ import annotations

import argparse

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.actions import Actions
from node.verbs.output import list_of, print_json, print_line, print_table, talk

HASH_CHARS = 12
"""Characters of a payload's hash in the table; --json has all."""
DECIDE_TIMEOUT_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The list's arguments, and the two decisions."""
    actions = Actions(parser, "quarantine", required=False)
    parser.add_argument("--all", action="store_true", help=actions.help("option_all"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))
    for word in ("requeue", "dismiss"):
        sub = actions.add(word)
        sub.add_argument("id", type=int, metavar="ID", help=actions.help("id"))
        sub.add_argument("--reason", default="", metavar="TEXT", help=actions.help("option_reason"))


def run(args: argparse.Namespace) -> int:
    """List, or decide about one."""
    return _list(args) if args.action is None else _decide(args)


def _list(args: argparse.Namespace) -> int:
    """Print the refusals; 0 when none waits for a decision, 1 when one does."""
    answer = NodeClient(args.dir).call("quarantine", decided=args.all)
    if args.json:
        print_json(answer)
    else:
        rows = [_row(entry, args.language) for entry in list_of(answer.get("refusals"))]
        print_table(text("quarantine.columns", args.language).split("|"), rows)
        if answer.get("waiting"):
            talk(text("quarantine.waiting", args.language, count=answer["waiting"]))
    return EXIT_NEGATIVE if answer.get("waiting") else EXIT_OK


def _row(entry: dict[str, object], language: str) -> list[object]:
    runs = entry.get("runs")
    decision = entry.get("decision")
    state = entry.get("kind") if decision == "open" and entry.get("open") else "settled" if decision == "open" else decision
    age_s = entry.get("age_s")
    return [
        entry.get("id"),
        text(f"quarantine.by_{entry.get('refused_by')}", language, peer=entry.get("peer")),
        text(f"quarantine.{state}", language),
        entry.get("resource"),
        ", ".join(map(str, runs)) if isinstance(runs, list) else None,
        str(entry.get("sha256"))[:HASH_CHARS],
        round(age_s) if isinstance(age_s, int | float) else None,
        entry.get("tries"),
        entry.get("reason"),
    ]


def _decide(args: argparse.Namespace) -> int:
    answer = NodeClient(args.dir).call(
        "quarantine_decide", timeout_s=DECIDE_TIMEOUT_S, id=args.id, decision=args.action, reason=args.reason
    )
    if args.json:
        print_json(answer)
    else:
        key = "requeue_done" if args.action == "requeue" else "dismiss_done"
        print_line(text(f"quarantine.{key}", args.language, id=answer["id"], count=answer["batches"], node=answer["at"]))
    return EXIT_OK


VERB = Verb("quarantine", "cli.help_quarantine", add_arguments, run)
