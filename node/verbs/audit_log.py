"""`yunnao audit log` and `yunnao audit verify`: the hash chain of what was decided and done at a node, and whether anybody touched it.

Words after `audit` (node/verbs/audit.py). Both read the file of a stopped node, read only; then no witness is asked.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from node.audit.reading import PAGE_MAX, Wish, page
from node.audit.report import EXIT_CODES, UNKNOWN, look_at_file, report_of_file
from node.audit.words import AuditKind
from node.client import NodeClient, NodeUnreachable
from node.clock import SystemClock
from node.errors import EXIT_OK, EXIT_USAGE
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import read_config
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk
from node.verbs.times import moment_us

VERIFY_TIMEOUT_S = 3_600.0
"""A walk over the log of a large node takes minutes; the person can end it with Ctrl-C."""
DETAIL_SHOWN_MAX = 4
"""Keys of a detail in the table; --json has all."""
NOT_RUNNING = "not-running"

Plain = dict[str, object]


# ---- log


def _add_log(parser: argparse.ArgumentParser) -> None:
    words = [kind.value for kind in AuditKind]
    parser.add_argument("--kind", action="append", choices=words, default=None, help=_text(parser, "option_kind"))
    parser.add_argument("--subject", default=None, metavar="TEXT", help=_text(parser, "option_subject"))
    parser.add_argument("--since", default=None, metavar="TIME", help=_text(parser, "option_since"))
    parser.add_argument("--before", type=int, default=None, metavar="N", help=_text(parser, "option_before"))
    parser.add_argument("--limit", type=int, default=100, metavar="N", help=_text(parser, "option_limit", most=PAGE_MAX))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def _log(args: argparse.Namespace) -> int:
    """Print a page, newest first."""
    if not 1 <= args.limit <= PAGE_MAX or (args.before is not None and args.before < 1):
        raise UsageError(f"--limit {args.limit} --before {args.before} refused: 1 to {PAGE_MAX} entries, before a number from 1 on")
    since_us = None if args.since is None else max(0, moment_us(args.since, now_us=SystemClock().wall_us()))
    asked = {"kinds": args.kind, "subject": args.subject, "since_us": since_us, "before_seq": args.before, "limit": args.limit}
    given = {name: value for name, value in asked.items() if value is not None}
    wish = Wish(**given)
    answer = _asked(
        args.dir,
        lambda client: client.call("audit_log", **given),
        lambda path: look_at_file(path, "read of the audit log", lambda connection: page(connection, wish)),
    )
    if args.json:
        print_json(answer)
        return EXIT_OK
    entries = list_of(answer.get("entries"))
    print_table(text("audit_log.columns", args.language).split("|"), [_row(entry, args.language) for entry in entries])
    if answer.get("next"):
        talk(text("audit_log.more", args.language, next=answer["next"]))
    return EXIT_OK


def _row(entry: Plain, language: str) -> tuple[object, ...]:
    kind = str(entry.get("kind"))
    known = text(f"audit_log.kind_{kind.replace('-', '_')}", language) if kind in set(AuditKind) else kind
    detail = [f"{name}={value}" for name, value in table_of(entry.get("detail")).items() if not isinstance(value, list)]
    shown = " ".join(detail[:DETAIL_SHOWN_MAX])
    return entry.get("seq"), moment_text(entry.get("at_us")), known, entry.get("subject"), entry.get("by"), shown


# ---- verify


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def _verify(args: argparse.Namespace) -> int:
    """Walk the log and hear the witnesses; 0 holds, 1 touched, 2 cannot tell."""
    answer = _asked(args.dir, lambda client: client.call("audit_verify", timeout_s=VERIFY_TIMEOUT_S), report_of_file)
    verdict = str(answer.get("verdict"))
    if args.json:
        print_json(answer)
        return EXIT_CODES.get(verdict, EXIT_USAGE)
    print_line(text("audit_log.walked", args.language, **{name: answer.get(name) for name in _WALKED}))
    for finding in list_of(answer.get("findings")):
        fault = text(f"audit_log.fault_{finding.get('fault')}", args.language)
        print_line(f"{fault}: {finding.get('text')}")
    open_words = answer.get("open")
    for sentence in open_words if isinstance(open_words, list) else []:
        talk(str(sentence))
    word = "log_untold" if verdict == UNKNOWN else f"log_{verdict}"
    talk(text(f"audit_log.{word}", args.language, witnessed=answer.get("witnessed"), last=answer.get("last")))
    return EXIT_CODES.get(verdict, EXIT_USAGE)


_WALKED = ("entries", "first", "last", "stamps", "rows", "open_rows")


# ---- both


def _asked(folder: Path, running: Callable[[NodeClient], Plain], stopped: Callable[[Path], Plain]) -> Plain:
    """The answer of the running node, or of its file when it does not run. Raises what either raises."""
    try:
        return running(NodeClient(folder))
    except NodeUnreachable as error:
        if error.code != NOT_RUNNING:
            raise
        return stopped(read_config(folder).data_dir / "journal.db")


def _text(parser: argparse.ArgumentParser, key: str, **values: object) -> str:
    return text(f"audit_log.{key}", getattr(parser, "language", "en"), **values).replace("%", "%%")


LOG = Verb("log", "audit_log.help_log", _add_log, _log)
VERIFY = Verb("verify", "audit_log.help_verify", _add_verify, _verify)
