"""`yunnao journal verify / repair / compact`: the node's journal file, checked whole, mended, or written anew without free pages.

`verify` reads beside a running node; the other two want it stopped, and hold its lock. `repair` says what it would do unless told `--yes`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from node.audit.left import left
from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK, NodeError
from node.run_lock import run_lock
from node.store.repair import check, compact, repair
from node.store.verify import Finding
from node.texts import text
from node.verb import Verb
from node.verbs.actions import Actions
from node.verbs.folder import read_config
from node.verbs.output import print_json, print_line, talk

JOURNAL_NAME = "journal.db"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    actions = Actions(parser, "journal")
    actions.add("verify")
    actions.add("repair").add_argument("--yes", action="store_true", help=actions.help("yes"))
    actions.add("compact")


def run(args: argparse.Namespace) -> int:
    """Do it; 1 when something does not hold."""
    path = read_config(args.dir).data_dir / JOURNAL_NAME
    if not path.exists():
        raise NodeError(f"{path} is not there: this node has not run yet, or its store.dir is another folder")
    if args.action == "verify":
        return _verify(path, args)
    with run_lock(args.dir):
        return _repair(path, args) if args.action == "repair" else _compact(path, args)


def _verify(path: Path, args: argparse.Namespace) -> int:
    found = check(path)
    if args.json:
        print_json({"journal": str(path), "findings": _plain(found)})
    else:
        _tell(found)
    talk(text("journal.damaged" if found else "journal.sound", args.language, count=len(found), path=path))
    return EXIT_NEGATIVE if found else EXIT_OK


def _repair(path: Path, args: argparse.Namespace) -> int:
    entered = left(path.parent, "journal_repair", JOURNAL_NAME, at_us=SystemClock().wall_us()) if args.yes else nullcontext()
    with entered:
        mended = repair(path, is_real=args.yes)
    if args.json:
        facts = {"found": _plain(mended.found), "done": list(mended.done) if args.yes else [], "left": _plain(mended.left)}
        print_json(facts | {"planned": [] if args.yes else list(mended.done)})
    else:
        _tell(mended.found)
        for step in mended.done:
            print_line(text("journal.done" if args.yes else "journal.would", args.language, step=step))
    if not mended.found:
        talk(text("journal.sound", args.language, path=path))
    elif not args.yes:
        talk(text("journal.dry", args.language))
    else:
        talk(text("journal.left" if mended.left else "journal.mended", args.language, count=len(mended.left), path=path))
    return EXIT_NEGATIVE if mended.left else EXIT_OK


def _compact(path: Path, args: argparse.Namespace) -> int:
    before, after = compact(path)
    if args.json:
        print_json({"journal": str(path), "bytes_before": before, "bytes_after": after})
    else:
        print_line(text("journal.compacted", args.language, path=path, before=before, after=after))
    return EXIT_OK


def _tell(found: Sequence[Finding]) -> None:
    for finding in found:
        print_line(f"{finding.fault.value}: {finding.what}")
    for way_out in sorted({finding.way_out for finding in found}):
        talk(way_out)


def _plain(found: Sequence[Finding]) -> list[dict[str, object]]:
    return [{"lsn": entry.lsn, "fault": entry.fault.value, "what": entry.what, "way_out": entry.way_out} for entry in found]


VERB = Verb("journal", "cli.help_journal", add_arguments, run)
