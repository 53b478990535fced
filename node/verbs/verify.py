"""`yunnao verify`: yes or no on a value that one has, from the node that knows (一件事); and what other nodes asked this one."""

from __future__ import annotations

import argparse
import getpass

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb, VerbParser
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk

CALL_TIMEOUT_S = 100.0
"""Longer than both questions to the other node may take."""
LISTED = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The resource and the question, or --log."""
    language = parser.language if isinstance(parser, VerbParser) else "en"

    def words(key: str) -> str:
        return text(f"verify.{key}", language).replace("%", "%%")

    parser.add_argument("resource", nargs="?", default="", metavar="RESOURCE", help=words("resource"))
    parser.add_argument("--at", default="", metavar="NODE", help=words("option_at"))
    parser.add_argument("--where", default="", metavar="KEY=VALUE", help=words("option_where"))
    parser.add_argument("--is", dest="expected", default="", metavar="FIELD=VALUE", help=words("option_is"))
    parser.add_argument("--purpose", default="verification", metavar="CODE", help=words("option_purpose"))
    parser.add_argument("--request", default="", metavar="ID", help=words("option_request"))
    parser.add_argument("--by", metavar="NAME", help=words("option_by"))
    parser.add_argument("--log", action="store_true", help=words("option_log"))
    parser.add_argument("--limit", type=int, default=LISTED, metavar="N", help=words("option_limit"))
    parser.add_argument("--json", action="store_true", help=text("cli.option_json", language))


def run(args: argparse.Namespace) -> int:
    """Ask, or show what was asked here."""
    return _log(args) if args.log else _ask(args)


def _ask(args: argparse.Namespace) -> int:
    """Print the answer; 0 for yes, 1 for no."""
    lacking = [name for name, given in (("RESOURCE", args.resource), ("--at", args.at)) if not given]
    if lacking:
        raise UsageError(f"verify needs {lacking[0]}: yunnao verify RESOURCE --at NODE --where KEY=VALUE --is FIELD=VALUE")
    key, value = _pair("--where", args.where)
    field, expected = _pair("--is", args.expected)
    said = {"resource": args.resource, "at": args.at, "key": key, "value": value, "field": field, "expected": expected}
    said |= {"purpose": args.purpose, "request": args.request, "by": args.by or getpass.getuser()}
    answer = NodeClient(args.dir).call("verify", timeout_s=CALL_TIMEOUT_S, **said)
    if args.json:
        print_json(answer)
    else:
        print_line(text(f"verify.answer_{answer.get('answer')}", args.language))
    return EXIT_OK if answer.get("answer") == "yes" else EXIT_NEGATIVE


def _log(args: argparse.Namespace) -> int:
    key, value = _pair("--where", args.where) if args.where else ("", "")
    if key and not args.resource:
        raise UsageError("verify --log --where needs RESOURCE: keys of different resources are different subjects")
    answer = NodeClient(args.dir).call("verify_log", limit=args.limit, resource=args.resource, key=key, value=value)
    if args.json:
        print_json(answer)
        return EXIT_OK
    rows = [_row(one, args.language) for one in list_of(answer.get("told"))]
    print_table(text("verify.columns", args.language).split("|"), rows)
    for asker, count in table_of(answer.get("turned_away")).items():
        talk(text("verify.turned_away", args.language, asker=asker, count=count))
    return EXIT_OK


def _row(one: dict[str, object], language: str) -> list[object]:
    subject, value = str(one.get("subject", ""))[:8], str(one.get("value", ""))[:8]
    what = [one.get("resource"), f"{one.get('key')}#{subject}", f"{one.get('field')}#{value}"]
    said = text(f"verify.answer_{one.get('answer')}", language)
    return [moment_text(one.get("at_us")), one.get("asker"), one.get("by"), *what, one.get("purpose"), one.get("request") or "-", said]


def _pair(option: str, given: str) -> tuple[str, str]:
    name, sign, value = given.partition("=")
    if not (name and sign and value):
        raise UsageError(f"{option} {given!r} refused: write it as NAME=VALUE, one field and the value to compare with")
    return name.strip(), value


VERB = Verb("verify", "cli.help_verify", add_arguments, run)
