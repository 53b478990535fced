"""`yunnao incident`: what waits for somebody, what was said about it, and saying the next step."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Mapping

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk
from node.verbs.times import duration_s

CALL_TIMEOUT_S = 30.0
"""Beside what a person wants to wait."""
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
        sub.add_argument("--wait", default="0s", metavar="TIME", help=actions.help("option_wait"))
        where = sub.add_mutually_exclusive_group()
        where.add_argument("--node", default="", metavar="NODE", help=actions.help("option_node"))
        where.add_argument("--here", action="store_true", help=actions.help("option_here"))


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
    if sent := list_of(one.get("sent_steps")):
        state += f" ({_sent_text(sent[-1], language)})"
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
    print_table(text("incident.columns", args.language).split("|"), [_line({**one, "sent_steps": []}, args.language)])
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
    if sent := list_of(one.get("sent_steps")):
        print_line("")
        print_table(text("incident.sent_columns", args.language).split("|"), [_sent_line(step, args.language) for step in sent])
        for step in sent:
            if step.get("answer"):
                print_line(f"{moment_text(step.get('since_us'))}  {step.get('keeper')}: {step['answer']}")
    return EXIT_OK


def _sent_line(step: Mapping[str, object], language: str) -> list[object]:
    what, became = text(f"incident.step_{step.get('step')}", language), text(f"incident.sent_{step.get('state')}", language)
    said = [what, step.get("said_at"), step.get("by"), step.get("why") or "-", step.get("keeper")]
    return [moment_text(step.get("time_us")), *said, became, moment_text(step.get("since_us"))]


def _sent_text(step: Mapping[str, object], language: str) -> str:
    """A step that a node above said, and what became of it, in a few words."""
    what, became = text(f"incident.step_{step.get('step')}", language), text(f"incident.sent_{step.get('state')}", language)
    return f"{what}: {became}"


def _step(args: argparse.Namespace, client: NodeClient) -> int:
    wait_s = duration_s(args.wait)
    said = {"id": args.id, "step": args.action, "by": args.by or getpass.getuser(), "why": args.why}
    where = {"node": args.node, "here": args.here, "wait_s": float(wait_s)}
    answer = client.call("incident_step", timeout_s=CALL_TIMEOUT_S + wait_s, **said, **where)
    sent = list_of(answer.get("sent_steps"))
    if args.json:
        print_json(answer)
    elif sent:
        _tell_sent(sent[-1], args.id, args.language)
    else:
        talk(text("incident.said", args.language, id=args.id, state=state_text(answer.get("state"), args.language)))
    return EXIT_NEGATIVE if sent and _came_to_nothing(sent[-1], is_waited=wait_s > 0) else EXIT_OK


def _tell_sent(step: Mapping[str, object], name: str, language: str) -> None:
    became = text(f"incident.sent_{step.get('state')}", language)
    talk(text("incident.sent", language, id=name, node=step.get("keeper"), state=became))
    if step.get("answer"):
        talk(str(step["answer"]))


def _came_to_nothing(step: Mapping[str, object], *, is_waited: bool) -> bool:
    return step.get("state") in ("refused", "expired", "withdrawn") or (is_waited and step.get("state") != "applied")


ACTIONS: Mapping[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "list": _list, "show": _show, **dict.fromkeys(STEPS, _step)
}  # fmt: skip
VERB = Verb("incident", "cli.help_incident", add_arguments, run)
