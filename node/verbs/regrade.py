"""`yunnao regrade`: other grades for single records (POLICY, hard cases 1 and 1b): propose, approve by another person, lift."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.case_output import print_basis, print_history
from node.verbs.output import list_of, print_json, print_table, talk
from node.verbs.request import read_basis

LISTED = 100
CALL_TIMEOUT_S = 120.0
"""A proposal reads the resource whole."""
KEYS_BYTES_MAX = 4 << 20
GRADES = ("L1", "L2", "L3", "L4")
DECISIONS = ("approve", "refuse", "withdraw", "lift", "keep", "end")
REASONED = ("refuse", "lift", "keep")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "regrade")
    listed = actions.add("list")
    listed.add_argument("--limit", type=int, default=LISTED, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    propose = actions.add("propose")
    propose.add_argument("resource", metavar="RESOURCE", help=actions.help("resource"))
    propose.add_argument("--to", required=True, choices=GRADES, help=actions.help("option_to"))
    propose.add_argument("--lower", action="store_true", help=actions.help("option_lower"))
    chosen = propose.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--where", default="", metavar="SQL", help=actions.help("option_where"))
    chosen.add_argument("--keys", type=Path, metavar="FILE", help=actions.help("option_keys"))
    propose.add_argument("--key", default="", metavar="FIELD", help=actions.help("option_key"))
    propose.add_argument("--basis", required=True, type=Path, metavar="FILE", help=actions.help("option_basis"))
    propose.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    propose.add_argument("--approver", default="", metavar="NODE", help=actions.help("option_approver"))
    propose.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    for word in DECISIONS:
        sub = actions.add(word)
        sub.add_argument("id", metavar="ID", help=actions.help("id"))
        sub.add_argument("--why", default="", required=word in REASONED, metavar="TEXT", help=actions.help("option_why"))
        sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    if "by" in args and not args.by:
        args.by = getpass.getuser()
    return ACTIONS.get(args.action, _decide)(args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the cases; 1 while one waits for a decision past its time."""
    answer = client.call("regrade_list", limit=args.limit)
    regrades = list_of(answer.get("regrades"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("regrade.columns", args.language).split("|"), [_row(one, args.language) for one in regrades])
    return EXIT_NEGATIVE if any(one.get("overdue") for one in regrades) else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    state = text(f"regrade.state_{one.get('state')}", language)
    grade = text("regrade.at_least" if one.get("raises") else "regrade.at_most", language, grade=one.get("grade"))
    force = text("regrade.in_force" if one.get("in_force") else "regrade.not_in_force", language)
    return [one.get("id"), state, force, one.get("resource"), grade, one.get("records"), one.get("proposer"), one.get("approver")]


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    return _print_case(client.call("regrade_show", id=args.id), args)


def _propose(args: argparse.Namespace, client: NodeClient) -> int:
    if args.keys and not args.key:
        raise UsageError("--keys needs --key FIELD: the field whose values stand in the file")
    said = {"resource": args.resource, "grade": int(args.to[1]), "raises": not args.lower, "why": args.why, "by": args.by}
    said |= {"basis": read_basis(args.basis), "approver": args.approver, "where": args.where}
    said |= {"key": args.key, "keys": read_keys(args.keys)} if args.keys else {}
    return _print_case(client.call("regrade_propose", timeout_s=CALL_TIMEOUT_S, **said), args)


def _decide(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("regrade_decide", timeout_s=CALL_TIMEOUT_S, id=args.id, fact=args.action, by=args.by, why=args.why)
    return _print_case(answer, args)


def _print_case(case: dict[str, object], args: argparse.Namespace) -> int:
    if args.json:
        print_json(case)
        return EXIT_OK
    print_table(text("regrade.columns", args.language).split("|"), [_row(case, args.language)])
    print_basis(case.get("basis"), "regrade", args.language)
    print_history(case, "regrade", args.language)
    if case.get("fault"):
        talk(text("regrade.not_issued", args.language, fault=case["fault"]))
    return EXIT_OK


def read_keys(path: Path) -> list[str]:
    """The values in a file, one in a line. Raises UsageError."""
    try:
        if path.stat().st_size > KEYS_BYTES_MAX:
            raise UsageError(f"{path} refused: over {KEYS_BYTES_MAX >> 20} MiB; make several regrades of it")
        found = [line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    if not found:
        raise UsageError(f"{path} refused: it has no value; write one in each line")
    return found


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {"list": _list, "show": _show, "propose": _propose}
VERB = Verb("regrade", "cli.help_regrade", add_arguments, run)
