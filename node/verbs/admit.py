"""`yunnao admit`: who waits to join; accept or refuse one, or dismiss a child. Works on the folder, so the node need not run.

`--request FILE --answer FILE` does for a node without a connection what the join service does for others: it takes a request to join or to
be renewed, and writes what was issued.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.identity.admissions import Admission, Stage
from node.identity.join_files import decide_request, write_answer
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.folder import open_admissions, read_config
from node.verbs.output import moment_text, print_json, print_line, print_table

ANSWER_SUFFIX = ".answer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("node", nargs="?", help=help_text(parser, "admit_node"))
    parser.add_argument("--refuse", action="store_true", help=help_text(parser, "admit_refuse"))
    parser.add_argument("--all", action="store_true", help=help_text(parser, "admit_all"))
    parser.add_argument("--request", metavar="FILE", type=Path, default=None, help=_help(parser, "admit_request"))
    parser.add_argument("--answer", metavar="FILE", type=Path, default=None, help=_help(parser, "admit_answer"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """List who waits, or decide about one node."""
    if args.request is not None:
        return _decide(args)
    if args.answer is not None:
        raise UsageError("--answer says where the answer to a request goes: give --request FILE too")
    config = read_config(args.dir)
    with open_admissions(config.folder, ca_life_s=config.identity.ca_life_s) as (_, admissions):
        if args.node is None:
            return _list(args, admissions.all() if args.all else admissions.pending())
        decided = admissions.refuse(args.node) if args.refuse else admissions.accept(args.node, now_us=SystemClock().wall_us())
    accepted = decided.stage is Stage.ACCEPTED
    if args.json:
        print_json({"node": decided.node, "accepted": accepted})
    else:
        print_line(text("cli.admit_accepted" if accepted else "cli.admit_refused", args.language, node=decided.node))
    return EXIT_OK


def _decide(args: argparse.Namespace) -> int:
    """Take a request file; exit code 1 while it waits for a yes."""
    if args.node is not None or args.refuse:
        raise UsageError("a request file names its node itself: yunnao admit --request FILE, and decide with yunnao admit NODE")
    config, answer = read_config(args.dir), args.answer or args.request.with_suffix(ANSWER_SUFFIX)
    with open_admissions(config.folder, ca_life_s=config.identity.ca_life_s) as (files, admissions):
        own_path = files.own(now_us=None).path
        decided = decide_request(args.request, admissions=admissions, own_path=own_path, now_us=SystemClock().wall_us())
        is_issued = decided.stage is Stage.ACCEPTED
        if is_issued:
            write_answer(answer, decided, files=files)
    if args.json:
        print_json(as_json(decided) | {"answer": str(answer) if is_issued else None})
    elif is_issued:
        print_line(text("joining.issued", args.language, node=decided.node, file=answer))
    else:
        words = {"node": decided.node, "fingerprint": decided.fingerprint, "file": args.request}
        print_line(text("joining.pending", args.language, **words))
    return EXIT_OK if is_issued else EXIT_NEGATIVE


def _help(parser: argparse.ArgumentParser, key: str) -> str:
    return text(f"joining.{key}", getattr(parser, "language", "en")).replace("%", "%%")


def _list(args: argparse.Namespace, entries: Sequence[Admission]) -> int:
    if args.json:
        print_json({"pending": [as_json(entry) for entry in entries]})
        return EXIT_OK
    rows = [(e.node, e.level.word, e.territory.code, e.fingerprint, e.stage.value, moment_text(e.asked_us)) for e in entries]
    print_table(text("cli.admit_columns", args.language).split("|"), rows)
    return EXIT_OK


def as_json(entry: Admission) -> dict[str, object]:
    """An admission as the local API and --json show it."""
    return {
        "node": entry.node,
        "level": entry.level.word,
        "territory": entry.territory.code,
        "fingerprint": entry.fingerprint,
        "state": entry.stage.value,
        "asked_us": entry.asked_us,
    }


VERB = Verb("admit", "cli.help_admit", add_arguments, run)
