"""`yunnao sql "SELECT ..."`: one query to the running node over what a person of a clearance may see of its records."""

from __future__ import annotations

import argparse
import csv
import getpass
import sys
from pathlib import Path

from node.catalogue.csv_sheet import guarded
from node.client import NodeClient
from node.errors import EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.output import plain, print_json, print_table, table_of, talk

CALL_TIMEOUT_S = 60.0
FILE_BYTES_MAX = 65_536
CLEARANCES = ("L1", "L2", "L3", "L4")
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins so would be a formula in a spreadsheet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    language = getattr(parser, "language", "en")
    parser.add_argument("statement", nargs="?", metavar="SELECT", help=text("sql.statement", language))
    parser.add_argument("--file", type=Path, metavar="FILE", help=text("sql.option_file", language))
    parser.add_argument("--clearance", choices=CLEARANCES, default="L2", help=text("sql.option_clearance", language))
    parser.add_argument("--why", default="", metavar="TEXT", help=text("sql.option_why", language))
    parser.add_argument("--by", metavar="NAME", help=text("sql.option_by", language))
    parser.add_argument("--limit", type=int, default=10_000, metavar="N", help=text("sql.option_limit", language))
    parser.add_argument("--csv", action="store_true", help=text("sql.option_csv", language))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Ask and print: data to stdout, what was withheld or cut to stderr."""
    answer = NodeClient(args.dir).call(
        "sql",
        timeout_s=CALL_TIMEOUT_S,
        statement=statement_of(args),
        clearance=int(args.clearance[1:]),
        why=args.why,
        by=args.by or getpass.getuser(),
        limit=args.limit,
    )
    columns, rows = _names(answer.get("columns")), _rows(answer.get("rows"))
    if args.json:
        print_json(answer)
    elif args.csv:
        writer = csv.writer(sys.stdout)
        writer.writerow([_safe(name) for name in columns])
        writer.writerows([_safe(cell) for cell in row] for row in rows)
    else:
        print_table([plain(name) for name in columns], rows)
    _say(answer, args)
    return EXIT_OK


def statement_of(args: argparse.Namespace) -> str:
    """The query as the command line gives it; raises UsageError."""
    if (args.statement is None) == (args.file is None):
        raise UsageError(text("sql.one_statement", args.language))
    if args.statement is not None:
        return str(args.statement)
    try:
        if args.file.stat().st_size > FILE_BYTES_MAX:
            raise UsageError(f"{args.file} refused: over {FILE_BYTES_MAX} bytes")
        return str(args.file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{args.file} cannot be read: {error}") from None


def _say(answer: dict[str, object], args: argparse.Namespace) -> None:
    """What is not in the answer, and why."""
    for code, seen in table_of(answer.get("resources")).items():
        told = table_of(seen)
        for reason, count in table_of(told.get("withheld")).items():
            talk(text("sql.withheld", args.language, resource=code, count=count, reason=reason))
        if masks := table_of(told.get("masks")):
            shown = ", ".join(f"{name} ({mask})" for name, mask in masks.items())
            talk(text("sql.masked", args.language, resource=code, columns=shown))
        if not told.get("is_whole", True):
            talk(text("sql.newest_only", args.language, resource=code, count=told.get("read")))
    if answer.get("is_cut"):
        talk(text("sql.cut", args.language, count=len(_rows(answer.get("rows")))))


def _names(value: object) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _rows(value: object) -> list[list[object]]:
    return [row for row in value if isinstance(row, list)] if isinstance(value, list) else []


def _safe(cell: object) -> object:
    """A text that a spreadsheet would take for a formula, guarded."""
    return guarded(cell) if isinstance(cell, str) else cell


VERB = Verb("sql", "cli.help_sql", add_arguments, run)
