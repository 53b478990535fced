"""`yunnao recall`: what entries of the negative list took back, who has answered with a receipt, and who has not."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, talk


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "recall")
    actions.add("list")
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return ACTIONS[args.action](args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the recalls; 1 while one is open."""
    answer = client.call("recall_list")
    recalls = list_of(answer.get("recalls"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("recall.columns", args.language).split("|"), [_row(one, args.language) for one in recalls])
    if answer.get("fault"):
        talk(text("recall.fault", args.language, fault=answer["fault"]))
    return EXIT_NEGATIVE if any(one.get("is_open") for one in recalls) else EXIT_OK


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    """Print one recall with its receipts; 1 while it is open."""
    one = client.call("recall_show", id=args.id)
    if args.json:
        print_json(one)
        return EXIT_NEGATIVE if one.get("is_open") else EXIT_OK
    print_table(text("recall.columns", args.language).split("|"), [_row(one, args.language)])
    rows = [_receipt(receipt) for receipt in list_of(one.get("receipts"))]
    print_table(text("recall.receipt_columns", args.language).split("|"), rows)
    for line in _fetched(list_of(one.get("receipts")), args.language):
        print_line(line)
    for key in ("missing", "withdrawn"):
        if one.get(key):
            print_line(text(f"recall.{key}", args.language, nodes=", ".join(_words(one.get(key)))))
    return EXIT_NEGATIVE if one.get("is_open") else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    answered = text("recall.answered", language, answered=one.get("answered"), expected=one.get("expected"))
    state = text(f"recall.state_{one.get('state')}", language)
    return [*(one.get(key) for key in ("order", "issuer", "resource")), state, answered, one.get("erased"), one.get("masked")]


def _receipt(one: dict[str, object]) -> list[object]:
    counts = [one.get(key) for key in ("node", "erased", "masked", "kept")]
    root = str(one.get("root", ""))[:16]
    onward = one.get("onward")
    return [*counts, moment_text(one.get("done_us")), root, ", ".join(onward) if isinstance(onward, dict) else ""]


def _fetched(receipts: list[dict[str, object]], language: str) -> list[str]:
    """Who fetched pages under a request, and under which, where they answered: people have those files."""
    found = []
    for one in receipts:
        fetched, cases = one.get("fetched"), _words(one.get("requests"))
        if isinstance(fetched, dict) and fetched:
            found.append(text("recall.fetched", language, node=one.get("node"), nodes=", ".join(fetched)))
        if cases:
            found.append(text("recall.destroy", language, node=one.get("node"), requests=", ".join(cases)))
    return found


def _words(value: object) -> list[str]:
    return [str(word) for word in value] if isinstance(value, list) else []


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {"list": _list, "show": _show}
VERB = Verb("recall", "cli.help_recall", add_arguments, run)
