"""`yunnao review`: reviews that nodes opened by themselves (sets grown too large, contradicting entries), and the table of scales."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.case_output import print_history
from node.verbs.output import list_of, moment_text, print_json, print_table, talk
from node.verbs.request import read_basis

CALL_TIMEOUT_S = 60.0
LISTED = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "review")
    actions.add("list").add_argument("--limit", type=int, default=LISTED, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    for word in ("uphold", "release"):
        sub = actions.add(word)
        sub.add_argument("id", metavar="ID", help=actions.help("id"))
        sub.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
        sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    justify = actions.add("justify")
    justify.add_argument("id", metavar="ID", help=actions.help("id"))
    justify.add_argument("--basis", required=True, type=Path, metavar="FILE", help=actions.help("option_basis"))
    justify.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    justify.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    scale = actions.add("scale")
    scale.add_argument("resource", metavar="RESOURCE", help=actions.help("resource"))
    scale.add_argument("--persons", required=True, type=int, metavar="N", help=actions.help("option_persons"))
    scale.add_argument("--field", default="", metavar="FIELD", help=actions.help("option_field"))
    scale.add_argument("--by", metavar="NAME", help=actions.help("option_by"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    if "by" in args and not args.by:
        args.by = getpass.getuser()
    return ACTIONS.get(args.action, _decide)(args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the reviews and the table of scales; 1 while a review waits past its time."""
    answer = client.call("review_list", limit=args.limit)
    found = list_of(answer.get("reviews"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("review.columns", args.language).split("|"), [_row(one, args.language) for one in found])
        _talk_scales(list_of(answer.get("scales")), args.language)
    return EXIT_NEGATIVE if any(one.get("overdue") for one in found) else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    state, topic = text(f"review.state_{one.get('state')}", language), text(f"review.topic_{one.get('topic')}", language)
    count = f"{one.get('count')} / {one.get('persons')}" if one.get("persons") else "-"
    return [one.get("id"), state, topic, one.get("key"), count, one.get("opener"), one.get("authority"), moment_text(one.get("due_us"))]


def _talk_scales(scales: list[dict[str, object]], language: str) -> None:
    for one in scales:
        talk(text("review.scale_line", language, resource=one.get("resource"), persons=one.get("persons")))


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    return _print_case(client.call("review_show", id=args.id), args)


def _decide(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("review_decide", timeout_s=CALL_TIMEOUT_S, id=args.id, fact=args.action, by=args.by, why=args.why)
    return _print_case(answer, args)


def _justify(args: argparse.Namespace, client: NodeClient) -> int:
    basis = read_basis(args.basis)
    return _print_case(client.call("review_justify", timeout_s=CALL_TIMEOUT_S, id=args.id, basis=basis, by=args.by, why=args.why), args)


def _scale(args: argparse.Namespace, client: NodeClient) -> int:
    said = {"resource": args.resource, "persons": args.persons, "field": args.field, "by": args.by}
    answer = client.call("scale_set", timeout_s=CALL_TIMEOUT_S, **said)
    if args.json:
        print_json(answer)
    else:
        _talk_scales(list_of(answer.get("scales")), args.language)
    return EXIT_OK


def _print_case(case: dict[str, object], args: argparse.Namespace) -> int:
    if args.json:
        print_json(case)
        return EXIT_OK
    print_table(text("review.columns", args.language).split("|"), [_row(case, args.language)])
    print_history(case, "review", args.language)
    return EXIT_OK


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "list": _list, "show": _show, "scale": _scale,
    "justify": _justify,
}  # fmt: skip
VERB = Verb("review", "cli.help_review", add_arguments, run)
