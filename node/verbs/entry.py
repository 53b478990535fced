"""`yunnao entry`: the negative list. Propose an entry from a file, decide on it with other persons, see what is in force and why."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import tomllib
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.case_output import print_basis, print_history
from node.verbs.output import list_of, moment_text, print_json, print_table, table_of, talk

LISTED = 100
FILE_BYTES_MAX = 65_536
CALL_TIMEOUT_S = 60.0
DECISIONS = ("review", "approve", "refuse", "withdraw", "revoke")
STATES = ("proposed", "reviewed", "approved", "refused", "withdrawn", "revoked")
BEIJING = timezone(timedelta(hours=8))
"""Dates without a time begin at midnight in China."""
DATES = {"valid_from": "valid_from_us", "valid_to": "valid_to_us"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "entry")
    listed = actions.add("list")
    listed.add_argument("--state", choices=STATES, action="append", default=[], help=actions.help("option_state"))
    listed.add_argument("--limit", type=int, default=LISTED, metavar="N", help=actions.help("option_limit"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    propose = actions.add("propose")
    propose.add_argument("file", type=Path, metavar="FILE", help=actions.help("file"))
    propose.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    propose.add_argument("--approver", default="", metavar="NODE", help=actions.help("option_approver"))
    propose.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    for word in DECISIONS:
        sub = actions.add(word)
        sub.add_argument("id", metavar="ID", help=actions.help("id"))
        sub.add_argument("--why", default="", required=word in ("refuse", "revoke"), metavar="TEXT", help=actions.help("option_why"))
        sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    actions.add("register")


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    return ACTIONS.get(args.action, _decide)(args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the cases; 1 while one waits for a decision past its time."""
    answer = client.call("entry_list", states=args.state, limit=args.limit)
    entries = list_of(answer.get("entries"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("entry.columns", args.language).split("|"), [_row(one, args.language) for one in entries])
    return EXIT_NEGATIVE if any(one.get("overdue") for one in entries) else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    state = text(f"entry.state_{one.get('standing') or one.get('state')}", language)
    if one.get("overdue"):
        state = text("entry.overdue", language, state=state)
    end = moment_text(one.get("valid_to_us"))
    return [one.get("id"), state, one.get("effect"), one.get("resource"), end, one.get("proposer"), one.get("approver")]


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    return _print_case(client.call("entry_show", id=args.id), args)


def _propose(args: argparse.Namespace, client: NodeClient) -> int:
    entry = read_entry(args.file)
    by = args.by or getpass.getuser()
    answer = client.call("entry_propose", timeout_s=CALL_TIMEOUT_S, entry=entry, by=by, why=args.why, approver=args.approver)
    return _print_case(answer, args)


def _decide(args: argparse.Namespace, client: NodeClient) -> int:
    by = args.by or getpass.getuser()
    answer = client.call("entry_decide", timeout_s=CALL_TIMEOUT_S, id=args.id, fact=args.action, by=by, why=args.why)
    return _print_case(answer, args)


def _print_case(case: dict[str, object], args: argparse.Namespace) -> int:
    if args.json:
        print_json(case)
        return EXIT_OK
    print_table(text("entry.columns", args.language).split("|"), [_row(case, args.language)])
    print_basis(table_of(case.get("whole")).get("basis"), "entry", args.language)
    print_history(case, "entry", args.language)
    if case.get("fault"):
        talk(text("entry.not_issued", args.language, fault=case["fault"]))
    return EXIT_OK


def _register(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("entry_register")
    if args.json:
        print_json(answer)
        return EXIT_OK
    rows = [_registered(one, args.language) for one in list_of(answer.get("entries"))]
    print_table(text("entry.register_columns", args.language).split("|"), rows)
    return EXIT_OK


def _registered(one: dict[str, object], language: str) -> list[object]:
    basis = table_of(one.get("basis"))
    law = f"{basis.get('instrument', '')} {basis.get('article', '')}".strip() or "-"
    effect = text(f"entry.why_{one.get('why')}", language)
    what = [one.get(key) for key in ("id", "issuer", "effect", "resource")]
    return [*what, effect, moment_text(one.get("valid_to_us")), law, one.get("appeal") or "-"]


def read_entry(path: Path) -> dict[str, Any]:
    """An entry as a TOML file writes it: dates as dates, the quote without its hash. Raises UsageError."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise UsageError(f"{path} refused: over {FILE_BYTES_MAX} bytes")
        entry = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    for written, stored in DATES.items():
        if written in entry:
            entry[stored] = _moment_us(written, entry.pop(written))
    basis = entry.get("basis")
    if isinstance(basis, dict) and "quote" in basis:
        basis.setdefault("sha256", hashlib.sha256(str(basis["quote"]).encode()).hexdigest())
    return entry


def _moment_us(name: str, value: object) -> int:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=BEIJING)
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=BEIJING)
    else:
        raise UsageError(f"{name} = {value!r} refused: write a date, 2026-12-31, without quotes")
    return round(moment.timestamp()) * 1_000_000


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "list": _list,
    "show": _show,
    "propose": _propose,
    "register": _register,
}
VERB = Verb("entry", "cli.help_entry", add_arguments, run)
