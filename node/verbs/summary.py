"""`yunnao summary pull RESOURCE`: partial aggregates merged up the tree, with who contributed and who is missing."""

from __future__ import annotations

import argparse

from node.client import NodeClient
from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_table, table_of, talk
from node.verbs.times import duration_s, moment_us

PULL_TIMEOUT_S = 60.0

TIERS = {"province": 2, "city": 4, "district": 6, "street": 9, "community": 12, "grid": 15}
"""Digits of a territory code by tier."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    pull = Actions(parser, "cli").add("pull", "help_summary_pull")
    pull.add_argument("resource", help=help_text(parser, "summary_resource"))
    pull.add_argument("--bucket", default=None, metavar="DURATION", help=help_text(parser, "summary_bucket"))
    pull.add_argument("--tier", default=None, choices=TIERS, help=help_text(parser, "summary_tier"))
    pull.add_argument("--quantity", default=None, metavar="NAME", help=help_text(parser, "summary_quantity"))
    pull.add_argument("--quantile", default=None, metavar="Q", type=float, action="append", help=help_text(parser, "summary_quantile"))
    pull.add_argument("--from", dest="start", default="24h", metavar="TIME", help=help_text(parser, "summary_from"))
    pull.add_argument("--to", dest="end", default="now", metavar="TIME", help=help_text(parser, "summary_to"))


def run(args: argparse.Namespace) -> int:
    """Print the table and its coverage; 1 when a node is missing."""
    now_us = SystemClock().wall_us()
    window = {"from_us": moment_us(args.start, now_us=now_us), "to_us": moment_us(args.end, now_us=now_us)}
    spec = {
        "bucket_s": duration_s(args.bucket) if args.bucket else None,
        "territory_digits": TIERS[args.tier] if args.tier else None,
        "quantity": args.quantity,
        "quantiles": args.quantile,
    }
    answer = NodeClient(args.dir).call("summary", timeout_s=PULL_TIMEOUT_S, resource=args.resource, **spec, **window)
    if args.json:
        print_json(answer)
    else:
        _print(answer, args.language)
    return EXIT_NEGATIVE if answer.get("missing") else EXIT_OK


def _print(answer: dict[str, object], language: str) -> None:
    columns, rows = answer.get("columns"), answer.get("rows")
    if isinstance(columns, list) and isinstance(rows, list):
        header = [str(column) for column in columns]
        print_table(header, [[_cell(name, value) for name, value in zip(header, row, strict=False)] for row in rows])
    contributed = answer.get("contributed")
    names = ", ".join(str(name) for name in contributed) if isinstance(contributed, list) else "-"
    talk(text("cli.summary_contributed", language, nodes=names))
    for node, deputy in table_of(answer.get("stood_in")).items():
        talk(text("cli.summary_stood_in", language, node=node, deputy=deputy))
    for gap in list_of(answer.get("missing")):
        talk(text("cli.summary_missing", language, node=gap.get("node"), why=gap.get("why")))
    for order in list_of(answer.get("withdrawn")):
        talk(text("cli.summary_withdrawn", language, moment=moment_text(order.get("until_us")), order=order.get("order")))
    if answer.get("uncounted"):
        talk(text("cli.summary_uncounted", language, count=answer["uncounted"]))
    for column, bound in table_of(answer.get("errors")).items():
        talk(text("cli.summary_error", language, column=column, bound=bound))


def _cell(name: str, value: object) -> object:
    return moment_text(value) if name.endswith("_us") else "-" if value is None else value


VERB = Verb("summary", "cli.help_summary", add_arguments, run)
