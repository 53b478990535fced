"""`yunnao incident`: what waits for somebody, what was said about it, and saying the next step."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Mapping

from node.client import NodeClient
from node.errors import EXIT_OK
from node.texts import text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk

STEPS = ("acknowledge", "resolve", "dismiss", "reopen")
KNOWN_STATES = ("open", "acknowledged", "resolved", "dismissed", "expired", "closed", "cancelled")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after the verb."""
    actions = Actions(parser, "incident")
    listed = actions.add("list")
    listed.add_argument("--open", action="store_true", help=actions.help("option_open"))
    listed.add_argument("--limit", type=int, default=50, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    for step in STEPS:
        sub = actions.add(step)
        sub.add_argument("id", metavar="ID", help=actions.help("id"))
        sub.add_argument("--why", default="", metavar="TEXT", help=actions.help("option_why"))
        sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))


def run(args: argparse.Namespace) -> int:
    """Do what the word after the verb says."""
    return ACTIONS[args.action](args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("incidents", limit=args.limit, only_open=args.open)
    if args.json:
        print_json(answer)
        return EXIT_OK
    rows = [_line(one, args.language) for one in list_of(answer.get("incidents"))]
    print_table(text("incident.columns", args.language).split("|"), rows)
    counts = table_of(answer.get("counts"))
    said = ", ".join(f"{state_text(state, args.language)} {count}" for state, count in counts.items())
    talk(text("incident.footer", args.language, states=said or "-"))
    if answer.get("fault"):
        talk(text("incident.fault", args.language, why=answer["fault"]))
    return EXIT_OK


def _line(one: Mapping[str, object], language: str) -> list[object]:
    state = state_text(one.get("state"), language)
    named = [one.get(key) or "-" for key in ("node", "class", "severity", "summary")]
    return [one.get("incident_id"), moment_text(one.get("time_us")), *named, state, one.get("by") or "-", one.get("why") or "-"]


def state_text(state: object, language: str) -> str:
    """A state in the reader's language; a word of another program as it is."""
    return text(f"incident.state_{state}", language) if state in KNOWN_STATES else str(state or "-")


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    one = client.call("incident_show", id=args.id)
    if args.json:
        print_json(one)
        return EXIT_OK
    print_table(text("incident.columns", args.language).split("|"), [_line(one, args.language)])
    print_line("")
    rows = [
        [
            moment_text(step.get("time_us")),
            state_text(step.get("state"), args.language),
            *(step.get(key) or "-" for key in ("node", "by", "why")),
        ]
        for step in list_of(one.get("steps"))
    ]
    print_table(text("incident.step_columns", args.language).split("|"), rows)
    return EXIT_OK


def _step(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("incident_step", id=args.id, step=args.action, by=args.by or getpass.getuser(), why=args.why)
    if args.json:
        print_json(answer)
    else:
        talk(text("incident.said", args.language, id=args.id, state=state_text(answer.get("state"), args.language)))
    return EXIT_OK


ACTIONS: Mapping[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "list": _list, "show": _show, **dict.fromkeys(STEPS, _step)
}  # fmt: skip
VERB = Verb("incident", "cli.help_incident", add_arguments, run)
