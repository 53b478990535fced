"""`yunnao model publish`, `approve`, `offers`, `take`: packages between the nodes of the tree. The running node does the work."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable

from node.client import NodeClient
from node.errors import EXIT_OK
from node.texts import text
from node.verbs.actions import Actions
from node.verbs.case_output import print_history
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, talk

CALL_TIMEOUT_S = 60.0
TAKE_TIMEOUT_S = 3_600.0
"""Some hundred MiB over a thin line, then a golden run."""
DECISIONS = ("approve", "refuse", "withdraw")
LISTED = 100
USAGE_KEYS = (
    "nodes", "cameras", "frames", "ms_p50", "ms_p95", "detections_per_1000", "events", "false_alarms", "confirmed", "failures", "rollbacks",
)  # fmt: skip


def add_tree_words(actions: Actions) -> None:
    """The words that need a running node."""
    publish = actions.add("publish")
    publish.add_argument("id", metavar="ID", help=actions.help("id"))
    publish.add_argument("version", metavar="VERSION", help=actions.help("version"))
    publish.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    publish.add_argument("--approver", default="", metavar="NODE", help=actions.help("option_approver"))
    publish.add_argument("--by", default="", metavar="NAME", help=actions.help("option_by"))
    for word in DECISIONS:
        sub = actions.add(word)
        sub.add_argument("case", metavar="CASE", help=actions.help("case_id"))
        sub.add_argument("--why", default="", required=word == "refuse", metavar="TEXT", help=actions.help("option_why"))
        sub.add_argument("--by", default="", metavar="NAME", help=actions.help("option_by"))
    published = actions.add("published")
    published.add_argument("--limit", type=int, default=LISTED, metavar="N", help=actions.help("option_limit"))
    actions.add("offers").add_argument("node", nargs="?", default="", metavar="NODE", help=actions.help("offers_node"))
    usage = actions.add("usage")
    usage.add_argument("id", metavar="ID", help=actions.help("id"))
    usage.add_argument("--days", type=int, default=7, metavar="N", help=actions.help("option_days"))
    usage.add_argument("--part", choices=("version", "node", "day"), default="version", help=actions.help("option_part"))
    usage.add_argument("--territory", default="", metavar="CODE", help=actions.help("option_territory"))
    take = actions.add("take")
    take.add_argument("--by", default="", metavar="NAME", help=actions.help("option_by"))
    take.add_argument("id", metavar="ID", help=actions.help("id"))
    take.add_argument("version", metavar="VERSION", help=actions.help("version"))
    take.add_argument("--from", default="", dest="source", metavar="NODE", help=actions.help("offers_node"))


def _publish(args: argparse.Namespace, client: NodeClient) -> int:
    by = args.by or getpass.getuser()
    said = {"id": args.id, "version": args.version, "by": by, "why": args.why, "approver": args.approver}
    return _print_case(client.call("algorithm_publish", timeout_s=CALL_TIMEOUT_S, **said), args)


def _decide(args: argparse.Namespace, client: NodeClient) -> int:
    said = {"case": args.case, "fact": args.action, "by": args.by or getpass.getuser(), "why": args.why}
    return _print_case(client.call("algorithm_say", timeout_s=CALL_TIMEOUT_S, **said), args)


def _print_case(answer: dict[str, object], args: argparse.Namespace) -> int:
    if args.json:
        print_json(answer)
        return EXIT_OK
    state = text(f"model.case_{answer.get('state')}", args.language)
    named = {name: answer.get(name) for name in ("case", "id", "version", "approver", "content")}
    print_line(text("model.case", args.language, state=state, **named))
    print_history(answer, "entry", args.language)
    return EXIT_OK


def _published(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("algorithm_list", timeout_s=CALL_TIMEOUT_S, limit=args.limit)
    if args.json:
        print_json(answer)
        return EXIT_OK
    rows = [
        (
            one.get("case"), text(f"model.case_{one.get('state')}", args.language), one.get("id"), one.get("version"), one.get("publisher"),
            one.get("approver"), moment_text(one.get("since_us")),
        )
        for one in list_of(answer.get("cases"))
    ]  # fmt: skip
    print_table(text("model.case_columns", args.language).split("|"), rows)
    return EXIT_OK


def _offers(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("algorithm_offers", timeout_s=CALL_TIMEOUT_S, node=args.node)
    if args.json:
        print_json(answer)
        return EXIT_OK
    keys = ("id", "version", "family", "classes", "evidence_grade", "licence", "maker", "approver")
    print_table(
        text("model.offer_columns", args.language).split("|"), [[one.get(key) for key in keys] for one in list_of(answer["offers"])]
    )
    return EXIT_OK


def _take(args: argparse.Namespace, client: NodeClient) -> int:
    by = args.by or getpass.getuser()
    answer = client.call("algorithm_take", timeout_s=TAKE_TIMEOUT_S, id=args.id, version=args.version, node=args.source, by=by)
    if args.json:
        print_json(answer)
    else:
        print_line(text("model.kept", args.language, id=args.id, version=args.version))
    return EXIT_OK


def _usage(args: argparse.Namespace, client: NodeClient) -> int:
    said = {"id": args.id, "days": args.days, "part": args.part, "territory": args.territory}
    answer = client.call("algorithm_usage", timeout_s=CALL_TIMEOUT_S, **said)
    rows = list_of(answer.get("usage"))
    if args.json:
        print_json(answer)
    elif rows:
        print_table(text("model.usage_columns", args.language).split("|"), [_usage_cells(row) for row in rows])
    else:
        talk(text("model.usage_none", args.language, id=args.id, days=args.days))
    return EXIT_OK


def _usage_cells(row: dict[str, object]) -> list[object]:
    return [row.get("version"), str(row.get("algorithm_sha256"))[:12], row.get("part"), *(row.get(key) for key in USAGE_KEYS)]


TREE_ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "publish": _publish,
    **dict.fromkeys(DECISIONS, _decide),
    "published": _published,
    "offers": _offers,
    "take": _take,
    "usage": _usage,
}
"""By word what does it."""
