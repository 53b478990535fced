"""`yunnao emergency`: break-glass. Open, approve by another person, fetch, end, and review what is over."""

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
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of
from node.verbs.request_file import fetch

CALL_TIMEOUT_S = 60.0
LISTED = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "emergency")
    opened = actions.add("open")
    opened.add_argument("resource", metavar="RESOURCE", help=actions.help("resource"))
    opened.add_argument("--of", required=True, metavar="NODE", help=actions.help("option_of"))
    opened.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    opened.add_argument("--hours", type=int, default=24, metavar="N", help=actions.help("option_hours"))
    opened.add_argument("--fields", default="", metavar="A,B", help=actions.help("option_fields"))
    opened.add_argument("--filter", default="", metavar="SQL", help=actions.help("option_filter"))
    opened.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    listed = actions.add("list")
    listed.add_argument("--limit", type=int, default=LISTED, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    for word in ("approve", "withdraw", "end", "review", "fetch"):
        sub = actions.add(word)
        sub.add_argument("id", metavar="ID", help=actions.help("id"))
        sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
        if word in ("end", "review"):
            sub.add_argument("--why", required=True, metavar="TEXT", help=actions.help(f"option_why_{word}"))
        if word == "fetch":
            sub.add_argument("--out", required=True, type=Path, metavar="FILE", help=actions.help("option_out"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    if "by" in args and not args.by:
        args.by = getpass.getuser()
    return ACTIONS.get(args.action, _say)(args, NodeClient(args.dir))


def _open(args: argparse.Namespace, client: NodeClient) -> int:
    fields = [name.strip() for name in args.fields.split(",") if name.strip()]
    said = {"resource": args.resource, "provider": args.of, "why": args.why, "hours": args.hours, "filter": args.filter, "by": args.by}
    return _print_case(client.call("emergency_open", timeout_s=CALL_TIMEOUT_S, fields=fields, **said), args)


def _approve(args: argparse.Namespace, client: NodeClient) -> int:
    return _print_case(client.call("emergency_approve", timeout_s=CALL_TIMEOUT_S, id=args.id, by=args.by), args)


def _say(args: argparse.Namespace, client: NodeClient) -> int:
    why = getattr(args, "why", "")
    return _print_case(client.call("emergency_say", timeout_s=CALL_TIMEOUT_S, id=args.id, fact=args.action, by=args.by, why=why), args)


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the emergencies; 1 while one waits past its time."""
    answer = client.call("emergency_list", limit=args.limit)
    found = list_of(answer.get("emergencies"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("emergency.columns", args.language).split("|"), [_row(one, args.language) for one in found])
    return EXIT_NEGATIVE if any(one.get("overdue") for one in found) else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    state = text(f"emergency.state_{one.get('state')}", language)
    who = [one.get("asker"), one.get("provider"), one.get("arbiter")]
    return [one.get("id"), state, one.get("resource"), *who, moment_text(one.get("until_us")), moment_text(one.get("due_us"))]


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    return _print_case(client.call("emergency_show", id=args.id), args)


def _print_case(case: dict[str, object], args: argparse.Namespace) -> int:
    if args.json:
        print_json(case)
        return EXIT_OK
    print_table(text("emergency.columns", args.language).split("|"), [_row(case, args.language)])
    print_history(case, "emergency", args.language)
    shares = table_of(case.get("shares"))
    if shares.get("pages"):
        print_line(text("emergency.shared", args.language, rows=shares.get("rows"), pages=shares.get("pages")))
    return EXIT_OK


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "open": _open,
    "approve": _approve,
    "list": _list,
    "show": _show,
    "fetch": fetch,
}
VERB = Verb("emergency", "cli.help_emergency", add_arguments, run)
