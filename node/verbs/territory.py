"""`yunnao territory`: territories that merge, are split or get another code: see the map, add changes singly or from a published table.

`change` and `import` say what they would do and do it only with `--yes`. Tables are read from where they lie; none ships.
"""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable, Sequence
from pathlib import Path

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, talk
from node.verbs.request import day_us

CALL_TIMEOUT_S = 120.0
TABLE_BYTES_MAX = 8 << 20

Plain = dict[str, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-verbs."""
    actions = Actions(parser, "territory")
    actions.add("list")
    change = actions.add("change")
    change.add_argument("old", metavar="OLD", help=actions.help("old"))
    change.add_argument("new", metavar="NEW", help=actions.help("new"))
    imported = actions.add("import")
    imported.add_argument("table", type=Path, metavar="FILE", help=actions.help("table"))
    imported.add_argument("--heir", action="append", default=[], metavar="OLD=NEW", help=actions.help("option_heir"))
    imported.add_argument("--keep-rest", action="store_true", help=actions.help("option_keep_rest"))
    for sub in (change, imported):
        sub.add_argument("--from", dest="begins", required=True, metavar="DAY", help=actions.help("option_from"))
        sub.add_argument("--basis", required=True, metavar="TEXT", help=actions.help("option_basis"))
        sub.add_argument("--yes", action="store_true", help=actions.help("option_yes"))
        sub.add_argument("--by", metavar="NAME", help=actions.help("option_by"))
    drop = actions.add("drop")
    drop.add_argument("old", metavar="OLD", help=actions.help("old"))
    drop.add_argument("--from", dest="begins", required=True, metavar="DAY", help=actions.help("option_from"))
    drop.add_argument("--by", metavar="NAME", help=actions.help("option_by"))


def run(args: argparse.Namespace) -> int:
    """Do what the sub-verb says."""
    if "by" in args and not args.by:
        args.by = getpass.getuser()
    return ACTIONS[args.action](args, NodeClient(args.dir))


def _list(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("territory_list")
    if args.json:
        print_json(answer)
        return EXIT_OK
    rows = [[*_pair(one), _state(one, args.language), one.get("basis")] for one in list_of(answer.get("changes"))]
    print_table(text("territory.columns", args.language).split("|"), rows)
    return EXIT_OK


def _change(args: argparse.Namespace, client: NodeClient) -> int:
    return _make(args, client, [(args.old, args.new)])


def _import(args: argparse.Namespace, client: NodeClient) -> int:
    """Read the table; 1 while something that was removed has no heir and nobody said that this is right."""
    from node.territories.table import found_in, read_table

    found = found_in(read_table(_lines(args.table)), dict(_heir(one) for one in args.heir))
    if not args.json:
        talk(text("territory.read", args.language, changes=len(found.changes), renamed=found.renamed, orphans=len(found.orphans)))
    for orphan, name in found.orphans:
        talk(text("territory.orphan", args.language, code=orphan, name=name))
    waits = bool(found.orphans) and not args.keep_rest
    if waits:
        talk(text("territory.orphans_wait", args.language))
    if waits and args.yes:
        return EXIT_NEGATIVE
    done = _make(args, client, found.changes)
    return EXIT_NEGATIVE if waits else done


def _make(args: argparse.Namespace, client: NodeClient, pairs: Sequence[tuple[str, str]]) -> int:
    """Plan, and with --yes issue."""
    from_us = day_us(args.begins)
    changes = [{"old": old, "new": new, "from_us": from_us, "basis": args.basis} for old, new in pairs]
    if args.yes and changes:
        answer = client.call("territory_issue", timeout_s=CALL_TIMEOUT_S, changes=changes, by=args.by)
    else:
        answer = client.call("territory_plan", timeout_s=CALL_TIMEOUT_S, changes=changes)
    if args.json:
        print_json({**answer, "issued": "epoch" in answer})
        return EXIT_OK
    print_table(text("territory.plan_columns", args.language).split("|"), [_pair(one) for one in list_of(answer.get("changes"))])
    for node in list_of(answer.get("nodes")):
        print_line(text("territory.node", args.language, **{key: node.get(key) for key in ("id", "territory", "becomes")}))
    if answer.get("known"):
        talk(text("territory.known", args.language, count=answer["known"]))
    word = "issued" if "epoch" in answer else "dry"
    talk(text(f"territory.{word}", args.language, epoch=answer.get("epoch")))
    return EXIT_OK


def _drop(args: argparse.Namespace, client: NodeClient) -> int:
    answer = client.call("territory_drop", timeout_s=CALL_TIMEOUT_S, old=args.old, from_us=day_us(args.begins), by=args.by)
    if args.json:
        print_json(answer)
    else:
        talk(text("territory.issued", args.language, epoch=answer.get("epoch")))
    return EXIT_OK


def _pair(one: Plain) -> list[object]:
    return [one.get("old"), one.get("new"), moment_text(one.get("from_us"))]


def _state(one: Plain, language: str) -> str:
    return text("territory.in_force" if one.get("in_force") else "territory.to_come", language)


def _heir(given: str) -> tuple[str, str]:
    old, is_pair, new = given.partition("=")
    if not (is_pair and old.isdecimal() and new.isdecimal()):
        raise UsageError(f"heir {given!r} refused: write OLD=NEW, two codes of one tier")
    return old, new


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > TABLE_BYTES_MAX:
            raise UsageError(f"{path} refused: over {TABLE_BYTES_MAX >> 20} MiB")
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


ACTIONS: dict[str, Callable[[argparse.Namespace, NodeClient], int]] = {"list": _list, "change": _change, "import": _import, "drop": _drop}
VERB = Verb("territory", "cli.help_territory", add_arguments, run)
