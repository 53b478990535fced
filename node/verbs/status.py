"""`yunnao status`: the running node, its links, resources and cameras."""

from __future__ import annotations

import argparse

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.output import list_of, print_json, print_line, print_table, table_of
from node.verbs.status_parts import COLUMNS, header_of, line_of

NODE_FIELDS = ("id", "name", "level", "territory", "parent", "state", "lag_s", "software", "policy", "rss_mb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--tree", action="store_true", help=help_text(parser, "status_tree"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Print the status; 1 when the node says FAIL."""
    answer = NodeClient(args.dir).call("tree" if args.tree else "status")
    if args.json:
        print_json(answer)
    elif args.tree:
        _print_nodes(list_of(answer.get("nodes")), args.language)
    else:
        _print_status(answer, args.language)
    return EXIT_NEGATIVE if table_of(answer.get("node")).get("state") == "FAIL" else EXIT_OK


def _print_nodes(nodes: list[dict[str, object]], language: str) -> None:
    keys = ("state", "level", "territory", "id", "name", "lag_s", "age_s")
    print_table(text("cli.tree_columns", language).split("|"), [[node.get(key) for key in keys] for node in nodes])


def _print_status(answer: dict[str, object], language: str) -> None:
    node = table_of(answer.get("node"))
    print_table(text("cli.status_columns", language).split("|"), [(key, node.get(key)) for key in NODE_FIELDS if node.get(key) is not None])
    for part in COLUMNS:
        rows = list_of(answer.get(part))
        if rows:
            print_line("")
            print_line(text(f"cli.status_{part}", language))
            print_table(header_of(part, language), [line_of(part, row, language) for row in rows])
    offered = table_of(answer.get("models")).get("offered")
    if offered:
        print_line("")
        print_line(text("model.status_offered", language, count=offered))
    directory = table_of(answer.get("camera_directory"))
    if directory.get("points"):
        states = ", ".join(f"{text(f'camera.state_{state}', language)} {count}" for state, count in table_of(directory["states"]).items())
        print_line("")
        print_line(text("camera.status", language, total=directory["points"], states=states))
    if waiting := table_of(answer.get("incidents")).get("open"):
        print_line("")
        print_line(text("incident.status", language, count=waiting))
    platform = table_of(answer.get("platform"))
    if platform:
        print_line("")
        print_line(text("camera.status_platform", language, **platform))
    catalogue = table_of(answer.get("catalogue"))
    if catalogue.get("stale"):
        print_line("")
        print_line(f"{text('cli.status_stale', language)}: {catalogue.get('stale_count')}")
        keys = ["resource", "late_s", "owner"]
        print_table(keys, [[row.get(key) for key in keys] for row in list_of(catalogue.get("stale"))])


VERB = Verb("status", "cli.help_status", add_arguments, run)
