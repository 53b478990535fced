"""`yunnao audit flow`: produced = delivered + withheld + expired + lost + pending, per hop and stream."""

from __future__ import annotations

import argparse

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb, add_sub, help_text
from node.verbs.output import list_of, print_json, print_table, talk

COUNTS = ("produced", "delivered", "withheld", "expired", "lost", "pending")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    flow = add_sub(parser, "flow", "help_audit_flow")
    flow.add_argument("--resource", default=None, help=help_text(parser, "audit_resource"))
    flow.add_argument("--origin", default=None, metavar="NODE", help=help_text(parser, "audit_origin"))
    flow.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Print the equation of every stream; 1 when one does not hold."""
    answer = NodeClient(args.dir).call("audit_flow", resource=args.resource, origin=args.origin)
    streams = [(hop, stream) for hop in list_of(answer.get("hops")) for stream in list_of(hop.get("streams"))]
    if args.json:
        print_json(answer)
    else:
        rows = [(hop.get("peer"), hop.get("direction"), *_row(stream, args.language)) for hop, stream in streams]
        print_table(text("cli.audit_columns", args.language).split("|"), rows)
    difference = answer.get("first_difference")
    if difference:
        talk(text("cli.audit_difference", args.language, difference=difference))
    holds = all(stream.get("holds") is True for _, stream in streams) and not difference
    return EXIT_OK if holds else EXIT_NEGATIVE


def _row(stream: dict[str, object], language: str) -> tuple[object, ...]:
    verdict = text("cli.audit_holds" if stream.get("holds") is True else "cli.audit_broken", language)
    return (stream.get("origin"), stream.get("resource"), *(stream.get(count) for count in COUNTS), verdict)


VERB = Verb("audit", "cli.help_audit", add_arguments, run)
