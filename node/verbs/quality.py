"""`yunnao quality`: scores of sources, tickets about bad records, what their source says to them, and the rules themselves."""

from __future__ import annotations

import argparse
import getpass
import tomllib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.ingest.put import PUT_ROWS_MAX
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.case_output import print_history
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk
from node.verbs.put import cells_of, opened_csv, types_of

LISTED = 100
FILE_BYTES_MAX = 1 << 20
CALL_TIMEOUT_S = 60.0
STATES = ("open", "accepted", "corrected", "disputed", "contested", "closed")
DECISIONS = ("accept", "correct", "dispute", "insist", "verify", "reopen", "close")
WITH_REASON = ("dispute", "insist", "reopen", "close")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "quality")
    scores = actions.add("scores")
    scores.add_argument("--resource", default="", metavar="CODE", help=actions.help("option_resource"))
    scores.add_argument("--origin", default="", metavar="NODE", help=actions.help("option_origin"))
    tickets = actions.add("tickets")
    tickets.add_argument("--state", choices=STATES, action="append", default=[], help=actions.help("option_state"))
    tickets.add_argument("--limit", type=int, default=LISTED, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    report = actions.add("report")
    report.add_argument("resource", metavar="CODE", help=actions.help("resource"))
    report.add_argument("--source", required=True, metavar="NODE", help=actions.help("option_source"))
    report.add_argument("--territory", default="", metavar="CODE", help=actions.help("option_territory"))
    report.add_argument("--record", action="append", default=[], metavar="INCARNATION:NUMBER", help=actions.help("option_record"))
    report.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    report.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    for word in DECISIONS:
        sub = actions.add(word)
        sub.add_argument("id", metavar="ID", help=actions.help("id"))
        sub.add_argument("--why", default="", required=word in WITH_REASON, metavar="TEXT", help=actions.help("option_why"))
        sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
        if word == "correct":
            sub.add_argument("--file", type=Path, metavar="CSV", help=actions.help("option_file"))
    rules = actions.add("rules")
    rules.add_argument("resource", metavar="CODE", help=actions.help("resource"))
    rules.add_argument("file", type=Path, nargs="?", metavar="FILE", help=actions.help("rules_file"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return ACTIONS.get(args.action, decide)(args, NodeClient(args.dir))


def _scores(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("quality_scores", resource=args.resource, origin=args.origin)
    if args.json:
        print_json(answer)
    else:
        print_table(text("quality.score_columns", args.language).split("|"), [_score(one) for one in list_of(answer.get("scores"))])
    _talk_of_fault(answer, args)
    return EXIT_OK


def _score(one: dict[str, object]) -> list[object]:
    share, time_s = one.get("good_share"), one.get("correct_s")
    good = f"{share:.4%}" if isinstance(share, float) else "-"
    what = [one.get(key) for key in ("resource", "origin", "records", "bad")]
    return [*what, good, *(one.get(key) for key in ("tickets", "open", "disputed", "disputes_upheld")), time_s]


def _tickets(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the tickets; 1 while one waits for this node past its time."""
    answer = client.call("quality_tickets", states=args.state, limit=args.limit)
    tickets = list_of(answer.get("tickets"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("quality.ticket_columns", args.language).split("|"), [_row(one, args.language) for one in tickets])
    _talk_of_fault(answer, args)
    return EXIT_NEGATIVE if any(one.get("overdue") and one.get("for_me") for one in tickets) else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    state = text(f"quality.state_{one.get('state')}", language)
    if one.get("overdue"):
        state = text("quality.overdue", language, state=state)
    what = [one.get(key) for key in ("resource", "rule", "source", "holder", "bad")]
    return [one.get("id"), state, *(value if value != "" else "-" for value in what), moment_text(one.get("opened_us"))]


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    return _print_ticket(client.call("quality_show", id=args.id), args)


def _report(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call(
        "quality_report",
        timeout_s=CALL_TIMEOUT_S,
        resource=args.resource,
        source=args.source,
        territory=args.territory,
        samples=args.record,
        why=args.why,
        by=args.by or getpass.getuser(),
    )
    return _print_ticket(answer, args)


def decide(args: argparse.Namespace, client: NodeClient) -> int:
    """Say something about a ticket; with a file, its new versions are put first."""
    if getattr(args, "file", None) is not None:
        _put_corrected(args, client)
    by = args.by or getpass.getuser()
    answer = client.call("quality_decide", timeout_s=CALL_TIMEOUT_S, id=args.id, fact=args.action, by=by, why=args.why)
    return _print_ticket(answer, args)


def _put_corrected(args: argparse.Namespace, client: NodeClient) -> None:
    """New versions of the records of the ticket's resource; the node refuses them where it is not their source."""
    resource = str(client.call("quality_show", id=args.id).get("resource"))
    types, stored = types_of(client, resource), 0
    with opened_csv(args.file) as (columns, lines):
        while batch := list(islice(lines, PUT_ROWS_MAX)):
            rows = [cells_of(args.file, number, columns, row, types) for number, row in batch]
            client.call("put", resource=resource, columns=columns, rows=rows)
            stored += len(rows)
    talk(text("cli.put_done", args.language, stored=stored, resource=resource))


def _rules(args: argparse.Namespace, client: NodeClient) -> int:
    quality = read_rules(args.file) if args.file is not None else None
    answer = client.call("quality_rules", timeout_s=CALL_TIMEOUT_S, resource=args.resource, quality=quality)
    if args.json:
        print_json(answer)
        return EXIT_OK
    rules = table_of(answer.get("quality"))
    keys = ", ".join(_names(rules.get("key"))) or "-"
    print_line(text("quality.source", args.language, source=rules.get("source") or "-", keys=keys))
    listed = list_of(rules.get("rules"))
    rows = [[one.get("id"), one.get("check"), ", ".join(_names(one.get("fields"))) or "-", one.get("title")] for one in listed]
    print_table(text("quality.rule_columns", args.language).split("|"), rows)
    if answer.get("drafted"):
        talk(text("quality.drafted", args.language, resource=args.resource))
    return EXIT_OK


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def read_rules(path: Path) -> dict[str, Any]:
    """The rules that a TOML file writes: `key`, `source`, and a table `rules` each. Raises UsageError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise UsageError(f"{path} refused: over {FILE_BYTES_MAX} bytes")
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _print_ticket(ticket: dict[str, object], args: argparse.Namespace) -> int:
    if args.json:
        print_json(ticket)
        return EXIT_OK
    print_table(text("quality.ticket_columns", args.language).split("|"), [_row(ticket, args.language)])
    if samples := _names(ticket.get("samples")):
        print_line(text("quality.samples", args.language, source=ticket.get("source"), samples=", ".join(samples)))
    print_history(ticket, "quality", args.language)
    return EXIT_OK


def _talk_of_fault(answer: dict[str, object], args: argparse.Namespace) -> None:
    if answer.get("fault"):
        talk(text("quality.fault", args.language, fault=answer["fault"]))


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "scores": _scores,
    "tickets": _tickets,
    "show": _show,
    "report": _report,
    "rules": _rules,
}
VERB = Verb("quality", "cli.help_quality", add_arguments, run)
