"""`yunnao classify`: rules propose grades for fields, and a person decides on each proposal; what is accepted goes into the draft."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from pathlib import Path

from node.catalogue.api import SAMPLE_ROWS_MAX
from node.catalogue.csv_sheet import read_csv
from node.catalogue.errors import SheetRefused
from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, print_json, print_line, print_table, table_of, talk

CALL_TIMEOUT_S = 60.0
ROLES = ("direct-id", "quasi-id", "sensitive", "plain")
GRADES = {"L1": 1, "L2": 2, "L3": 3, "L4": 4}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "classify")
    for name in ACTIONS:
        sub = actions.add(name)
        if name == "propose":
            sub.add_argument("resource", metavar="CODE", help=actions.help("resource"))
            sub.add_argument("--file", type=Path, metavar="CSV", help=actions.help("option_file"))
        elif name == "list":
            sub.add_argument("--all", action="store_true", help=actions.help("option_all"))
        else:
            _add_decision(sub, actions, accepts=name == "accept")


def _add_decision(sub: argparse.ArgumentParser, actions: Actions, *, accepts: bool) -> None:
    sub.add_argument("ids", nargs="+", type=int, metavar="ID", help=actions.help("ids"))
    sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    sub.add_argument("--reason", default="", required=not accepts, metavar="TEXT", help=actions.help("option_reason"))
    if accepts:
        sub.add_argument("--grade", choices=tuple(GRADES), help=actions.help("option_grade"))
        sub.add_argument("--role", choices=ROLES, help=actions.help("option_role"))
        sub.add_argument("--category", metavar="NAME", help=actions.help("option_category"))
        sub.add_argument("--mask", metavar="PROFILE", help=actions.help("option_mask"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return ACTIONS[args.action](args, NodeClient(args.dir))


def _propose(args: argparse.Namespace, client: NodeClient) -> int:
    columns = columns_of(args.file) if args.file else None
    answer = client.call("classify_propose", timeout_s=CALL_TIMEOUT_S, resource=args.resource, columns=columns)
    if args.json:
        print_json(answer)
    else:
        facts = {key: answer.get(key) for key in ("resource", "rows", "queued", "settled")}
        print_line(text("classify.propose_done", args.language, **facts))
    return EXIT_OK


def columns_of(path: Path) -> dict[str, list[str | None]]:
    """The columns of a CSV file whose first row names fields or their titles, the first rows of it; raises SheetRefused."""
    rows = read_csv(path).rows
    if not rows:
        raise SheetRefused(f"{path.name} refused: it is empty; its first row names the fields")
    head, *body = rows
    kept = body[:SAMPLE_ROWS_MAX]
    return {name: [row.at(place) or None for row in kept] for place, name in enumerate(head.cells) if name}


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the queue; 1 while a proposal waits."""
    answer = client.call("classify_list", decided=args.all)
    if args.json:
        print_json(answer)
    else:
        rows = [_row(one, args.language) for one in list_of(answer.get("proposals"))]
        print_table(text("classify.columns", args.language).split("|"), rows)
        if answer.get("waiting"):
            talk(text("classify.waiting", args.language, count=answer["waiting"]))
    return EXIT_NEGATIVE if answer.get("waiting") else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    final = table_of(one.get("final"))
    values = [final.get(key, one.get(key)) for key in ("grade", "role", "category", "mask")]
    field = one.get("field") or text("classify.whole", language)
    state = text(f"classify.state_{one.get('state')}", language)
    fits = f"{_percent(one.get('share'))}/{one.get('rows')}" if one.get("rows") else "-"
    said = [f"L{values[0]}", *(value or "-" for value in values[1:]), fits, _percent(one.get("confidence"))]
    return [one.get("id"), one.get("resource"), field, one.get("rule"), *said, state, one.get("by") or "-"]


def _percent(value: object) -> str:
    return f"{value:.0%}" if isinstance(value, int | float) else "-"


def _accept(args: argparse.Namespace, client: NodeClient) -> int:
    changes = {"grade": GRADES[args.grade] if args.grade else None, "role": args.role, "category": args.category, "mask": args.mask}
    return _decide(args, client, accept=True, changes=changes)


def _refuse(args: argparse.Namespace, client: NodeClient) -> int:
    return _decide(args, client, accept=False, changes={})


def _decide(args: argparse.Namespace, client: NodeClient, *, accept: bool, changes: dict[str, object]) -> int:
    by = args.by or getpass.getuser()
    answer = client.call("classify_decide", timeout_s=CALL_TIMEOUT_S, ids=args.ids, accept=accept, by=by, why=args.reason, **changes)
    if args.json:
        print_json(answer)
    else:
        print_line(text("classify.accept_done" if accept else "classify.refuse_done", args.language, count=answer.get("proposals")))
    return EXIT_OK


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "propose": _propose,
    "list": _list,
    "accept": _accept,
    "refuse": _refuse,
}
VERB = Verb("classify", "cli.help_classify", add_arguments, run)
