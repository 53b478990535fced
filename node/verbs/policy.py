"""`yunnao policy explain RESOURCE|RECORD [--to NODE]`: what the policy makes of a resource or of one record on one flow, and why."""

from __future__ import annotations

import argparse

import msgspec

from node.client import NodeClient
from node.errors import EXIT_OK
from node.misfit import misfit
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.actions import Actions
from node.verbs.explained import sentences
from node.verbs.output import list_of, print_json, print_line, print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    explain = Actions(parser, "cli").add("explain", "help_policy_explain")
    explain.add_argument("resource", help=help_text(parser, "policy_resource"))
    explain.add_argument("--direction", choices=("up", "return"), default="up", help=help_text(parser, "policy_direction"))
    explain.add_argument("--distance", type=int, choices=(1, 2), default=1, help=help_text(parser, "policy_distance"))
    explain.add_argument("--to", default=None, metavar="NODE", help=help_text(parser, "policy_to"))
    explain.add_argument("--row", default=None, metavar="JSON", help=help_text(parser, "policy_row"))


def run(args: argparse.Namespace) -> int:
    """Print the outcome, the steps and what happens to each column."""
    row = None if args.row is None else _row(args.row)
    flow = {"resource": args.resource, "direction": args.direction, "distance": args.distance, "predicate_row": row, "to": args.to}
    answer = NodeClient(args.dir).call("explain", **flow)
    if args.json:
        print_json(answer)
        return EXIT_OK
    if "record" in answer:
        for sentence in sentences(answer, args.language):
            print_line(sentence)
        return EXIT_OK
    print_line(
        text("cli.policy_outcome", args.language, resource=args.resource, outcome=answer.get("outcome"), version=answer.get("version"))
    )
    for part, keys in (("steps", ("rule", "outcome", "reason", "basis")), ("columns", ("name", "method", "reason"))):
        print_line("")
        print_table(
            text(f"cli.policy_{part}", args.language).split("|"), [[entry.get(key) for key in keys] for entry in list_of(answer.get(part))]
        )
    return EXIT_OK


def _row(given: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(given, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise UsageError(f"--row is not a JSON object ({misfit(error, None)}): write for example '{{\"grade\": 3}}'") from error


VERB = Verb("policy", "cli.help_policy", add_arguments, run)
