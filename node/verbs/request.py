"""`yunnao request`: data asked of other nodes (供需对接). Ask, answer, appeal, fetch what was granted, and see what is owed to whom."""

from __future__ import annotations

import argparse
import getpass
import hashlib
import tomllib
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.case_output import print_basis, print_history
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk
from node.verbs.request_file import fetch

BASIS_BYTES_MAX = 65_536
CALL_TIMEOUT_S = 60.0
STATES = ("asked", "missing", "supplied", "granted", "refused", "appealed", "overturned", "upheld", "revoked", "withdrawn")
REASONED = ("appeal", "uphold", "overturn", "revoke")
"""What needs a reason; the others of `request_say` may have one."""
CHINA = timezone(timedelta(hours=8))
"""Dates without a time are days in China."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "request")
    _add_ask(actions)
    listed = actions.add("list")
    listed.add_argument("--state", choices=STATES, action="append", default=[], help=actions.help("option_state"))
    actions.add("show").add_argument("id", metavar="ID", help=actions.help("id"))
    actions.add("duties")
    _add_grant(actions)
    refused = _add_case(actions, "refuse")
    refused.add_argument("--basis", required=True, type=Path, metavar="FILE", help=actions.help("option_basis"))
    refused.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    lacking = _add_case(actions, "missing")
    lacking.add_argument("--supplier", required=True, metavar="WHO", help=actions.help("option_supplier"))
    lacking.add_argument("--by-when", metavar="DAY", help=actions.help("option_by_when"))
    lacking.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    for word in ("supply", "appeal", "uphold", "overturn", "withdraw", "revoke"):
        sub = _add_case(actions, word)
        sub.add_argument("--why", default="", required=word in REASONED, metavar="TEXT", help=actions.help("option_why"))
    rated = _add_case(actions, "rate")
    rated.add_argument("verdict", choices=("satisfied", "unsatisfied"), help=actions.help("verdict"))
    rated.add_argument("--why", default="", metavar="TEXT", help=actions.help("option_why"))
    fetched = _add_case(actions, "fetch")
    fetched.add_argument("--out", required=True, type=Path, metavar="FILE", help=actions.help("option_out"))


def _add_case(actions: Actions, word: str) -> argparse.ArgumentParser:
    sub = actions.add(word)
    sub.add_argument("id", metavar="ID", help=actions.help("id"))
    sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    return sub


def _add_ask(actions: Actions) -> None:
    sub = actions.add("ask")
    sub.add_argument("resource", metavar="RESOURCE", help=actions.help("resource"))
    sub.add_argument("--of", required=True, metavar="NODE", help=actions.help("option_of"))
    sub.add_argument("--fields", default="", metavar="A,B", help=actions.help("option_fields"))
    sub.add_argument("--filter", default="", metavar="SQL", help=actions.help("option_filter"))
    sub.add_argument("--purpose", required=True, metavar="CODE", help=actions.help("option_purpose"))
    sub.add_argument("--until", required=True, metavar="DAY", help=actions.help("option_until"))
    sub.add_argument("--why", required=True, metavar="TEXT", help=actions.help("option_why"))
    sub.add_argument("--territory", default="", metavar="CODE", help=actions.help("option_territory"))
    sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))


def _add_grant(actions: Actions) -> None:
    sub = _add_case(actions, "grant")
    sub.add_argument("--fields", default="", metavar="A,B", help=actions.help("option_grant_fields"))
    sub.add_argument("--filter", default="", metavar="SQL", help=actions.help("option_grant_filter"))
    sub.add_argument("--from", dest="begin", metavar="DAY", help=actions.help("option_from"))
    sub.add_argument("--until", metavar="DAY", help=actions.help("option_grant_until"))
    sub.add_argument("--conditions", default="", metavar="TEXT", help=actions.help("option_conditions"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    if "by" in args and not args.by:
        args.by = getpass.getuser()
    return ACTIONS.get(args.action, _say)(args, NodeClient(args.dir))


# ---- showing


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the requests and how satisfied askers are; 1 while one waits past its time."""
    answer = client.call("request_list", states=args.state)
    requests = list_of(answer.get("requests"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("request.columns", args.language).split("|"), [_row(one, args.language) for one in requests])
        talk(_footer(table_of(answer.get("counts")), args.language))
    return EXIT_NEGATIVE if any(one.get("overdue") for one in requests) else EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    state = text(f"request.state_{one.get('standing') or one.get('state')}", language)
    if one.get("overdue"):
        state = text("request.overdue", language, state=state)
    who = [one.get("asker"), one.get("provider"), one.get("waits_for") or None]
    dates = [moment_text(one.get("due_us")), moment_text(one.get("until_us"))]
    return [one.get("id"), state, one.get("resource"), one.get("purpose"), *who, *dates]


def _footer(counts: dict[str, object], language: str) -> str:
    states = [(name, number) for name, number in table_of(counts.get("states")).items() if number]
    said = ", ".join(f"{text(f'request.state_{name}', language)} {number}" for name, number in states) or "-"
    rate = counts.get("rate")
    if not isinstance(rate, float):
        return text("request.footer_unrated", language, states=said)
    numbers = {key: counts.get(key) for key in ("satisfied", "rated")}
    return text("request.footer", language, states=said, rate=f"{100 * rate:.1f}", **numbers)


def _show(args: argparse.Namespace, client: NodeClient) -> int:
    return _print_case(client.call("request_show", id=args.id), args)


def _duties(args: argparse.Namespace, client: NodeClient) -> int:
    """Print the duty list; 1 while something on it is overdue."""
    answer = client.call("request_duties")
    duties = list_of(answer.get("duties"))
    if args.json:
        print_json(answer)
    else:
        print_table(text("request.duty_columns", args.language).split("|"), [_duty(one, args.language) for one in duties])
    return EXIT_NEGATIVE if any(one.get("overdue") for one in duties) else EXIT_OK


def _duty(one: dict[str, object], language: str) -> list[object]:
    state = text("request.late" if one.get("overdue") else "request.in_time", language)
    return [*(one.get(key) for key in ("id", "resource", "supplier", "provider", "asker")), moment_text(one.get("due_us")), state]


def _print_case(case: dict[str, object], args: argparse.Namespace) -> int:
    if args.json:
        print_json(case)
        return EXIT_OK
    language = args.language
    print_table(text("request.columns", language).split("|"), [_row(case, language)])
    asked, given, basis = table_of(case.get("ask")), table_of(case.get("grant")), table_of(case.get("basis"))
    print_line(text("request.asked", language, fields=_joined(asked), filter=asked.get("filter") or "-", why=asked.get("why", "")))
    if given:
        dates = {"begin": moment_text(given.get("valid_from_us")), "end": moment_text(given.get("valid_to_us"))}
        words = {"fields": _joined(given), "filter": given.get("filter") or "-", "conditions": given.get("conditions") or "-"}
        print_line(text("request.granted", language, **words, **dates))
    if basis:
        print_basis(basis, "request", language)
    print_history(case, "request", language)
    _print_shares(table_of(case.get("shares")), language)
    return EXIT_OK


def _print_shares(shares: dict[str, object], language: str) -> None:
    if not shares.get("pages"):
        return
    print_line(text("request.shared", language, rows=shares.get("rows"), pages=shares.get("pages")))
    rows = [
        [moment_text(one.get("at_us")), *(one.get(key) for key in ("asker", "by", "purpose", "rows", "fields"))]
        for one in list_of(shares.get("newest"))
    ]
    print_table(text("request.share_columns", language).split("|"), rows)


def _joined(part: dict[str, object]) -> str:
    fields = part.get("fields")
    return ", ".join(str(name) for name in fields) if isinstance(fields, list) else "-"


# ---- saying


def _ask(args: argparse.Namespace, client: NodeClient) -> int:
    said = {"resource": args.resource, "provider": args.of, "fields": _names(args.fields), "filter": args.filter, "purpose": args.purpose}
    said |= {"why": args.why, "until_us": day_us(args.until, is_end=True), "territory": args.territory, "by": args.by}
    return _print_case(client.call("request_ask", timeout_s=CALL_TIMEOUT_S, **said), args)


def _grant(args: argparse.Namespace, client: NodeClient) -> int:
    dates = {
        "valid_from_us": day_us(args.begin) if args.begin else None,
        "valid_to_us": day_us(args.until, is_end=True) if args.until else None,
    }
    said = {"id": args.id, "by": args.by, "fields": _names(args.fields), "filter": args.filter, "conditions": args.conditions}
    return _print_case(client.call("request_grant", timeout_s=CALL_TIMEOUT_S, **said, **dates), args)


def _refuse(args: argparse.Namespace, client: NodeClient) -> int:
    said = {"id": args.id, "by": args.by, "why": args.why, "basis": read_basis(args.basis)}
    return _print_case(client.call("request_refuse", timeout_s=CALL_TIMEOUT_S, **said), args)


def _missing(args: argparse.Namespace, client: NodeClient) -> int:
    by_us = day_us(args.by_when, is_end=True) if args.by_when else None
    said = {"id": args.id, "by": args.by, "supplier": args.supplier, "why": args.why, "by_us": by_us}
    return _print_case(client.call("request_missing", timeout_s=CALL_TIMEOUT_S, **said), args)


def _rate(args: argparse.Namespace, client: NodeClient) -> int:
    said = {"id": args.id, "by": args.by, "why": args.why, "satisfied": args.verdict == "satisfied"}
    return _print_case(client.call("request_rate", timeout_s=CALL_TIMEOUT_S, **said), args)


def _say(args: argparse.Namespace, client: NodeClient) -> int:
    said = {"id": args.id, "by": args.by, "why": args.why, "fact": args.action}
    return _print_case(client.call("request_say", timeout_s=CALL_TIMEOUT_S, **said), args)


def read_basis(path: Path) -> dict[str, object]:
    """The law a refusal stands on, as a TOML file writes it (instrument, article, quote), with the quote's hash. Raises UsageError."""
    try:
        if path.stat().st_size > BASIS_BYTES_MAX:
            raise UsageError(f"{path} refused: over {BASIS_BYTES_MAX} bytes")
        read = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    basis = table_of(read.get("basis", read))
    lacking = [key for key in ("instrument", "article", "quote") if not isinstance(basis.get(key), str) or not basis[key]]
    if lacking:
        raise UsageError(f"{path} refused: {lacking[0]} is missing; a refusal needs instrument, article and quote")
    basis.setdefault("sha256", hashlib.sha256(str(basis["quote"]).encode()).hexdigest())
    return basis


def day_us(given: str, *, is_end: bool = False) -> int:
    """The beginning of a day in China, or its end, or an ISO 8601 time; microseconds since 1970 UTC. Raises UsageError."""
    try:
        day: date | None = date.fromisoformat(given)
    except ValueError:
        day = None
    try:
        if day is not None:
            moment = datetime(day.year, day.month, day.day, tzinfo=CHINA) + timedelta(days=is_end)
        else:
            moment = datetime.fromisoformat(given)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=CHINA)
        return max(0, round(moment.timestamp())) * 1_000_000
    except (ValueError, OverflowError):
        raise UsageError(f"day {given!r} refused: write 2026-12-31, or a time, 2026-12-31T18:00+08:00") from None


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {
    "ask": _ask,
    "list": _list,
    "show": _show,
    "duties": _duties,
    "grant": _grant,
    "refuse": _refuse,
    "missing": _missing,
    "rate": _rate,
    "fetch": fetch,
}
VERB = Verb("request", "cli.help_request", add_arguments, run)
