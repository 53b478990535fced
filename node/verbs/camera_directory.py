"""`yunnao camera directory`: the cameras of the territory, whoever runs them, and sheets of them in."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from node.cameras.directory_query import LIMIT_MAX
from node.cameras.directory_sheet import DIRECTORY_FORM
from node.catalogue.errors import Problem
from node.catalogue.lines import Line, Read, read_lines
from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError
from node.verbs.actions import Actions
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table, table_of, talk
from node.verbs.sheet_problems import print_problems

CALL_TIMEOUT_S = 120.0
STATES = ("online", "offline", "fault", "unknown")
PER_CALL = 5_000
"""Points that one call to the node carries."""


def add_directory_words(actions: Actions) -> None:
    """The word `directory` with its options."""
    words = actions.add("directory")
    words.add_argument("--territory", default="", metavar="CODE", help=actions.help("option_in_territory"))
    words.add_argument("--state", choices=STATES, default="", help=actions.help("option_state"))
    words.add_argument("--tier", type=int, choices=(0, 1, 2, 3), help=actions.help("option_tier"))
    words.add_argument("--text", default="", metavar="WORD", help=actions.help("option_text"))
    words.add_argument("--after", default="", metavar="CODE", help=actions.help("option_after"))
    words.add_argument("--limit", type=int, default=100, metavar="N", help=actions.help("option_limit", most=LIMIT_MAX))
    words.add_argument("--import", dest="files", nargs="+", type=Path, metavar="FILE", help=actions.help("option_import"))
    words.add_argument("--dry-run", action="store_true", help=actions.help("option_dry_run"))
    words.add_argument("--skip-bad", action="store_true", help=actions.help("option_skip_bad"))


def list_directory(args: argparse.Namespace) -> int:
    """Print the points that fit, or take sheets in."""
    if args.files:
        return _import(args)
    if not 1 <= args.limit <= LIMIT_MAX:
        raise UsageError(f"--limit {args.limit} refused: 1 to {LIMIT_MAX}")
    answer = NodeClient(args.dir).call(
        "camera_directory", timeout_s=CALL_TIMEOUT_S, territory=args.territory, state=args.state, tier=args.tier, text=args.text,
        after=args.after, limit=args.limit,
    )  # fmt: skip
    if args.json:
        print_json(answer)
        return EXIT_OK
    points = list_of(answer.get("points"))
    print_table(text("camera.directory_columns", args.language).split("|"), [_line(point, args.language) for point in points])
    states = table_of(answer.get("states"))
    counted = ", ".join(f"{text(f'camera.state_{state}', args.language)} {states[state]}" for state in STATES if states.get(state))
    total = sum(count for count in states.values() if isinstance(count, int))
    print_line(text("camera.directory_counted", args.language, shown=len(points), total=total, states=counted or "0"))
    for point in points:
        if isinstance(nodes := point.get("nodes"), list) and nodes:
            talk(text("camera.directory_shared", args.language, code=point.get("code"), nodes=", ".join(map(str, nodes))))
    if answer.get("trouble"):
        talk(text("camera.directory_trouble", args.language, why=answer["trouble"]))
    return EXIT_OK


def _line(point: Mapping[str, object], language: str) -> list[object]:
    lon, lat = point.get("longitude"), point.get("latitude")
    place = f"{lon:.6f}, {lat:.6f} {point.get('datum') or ''}".rstrip() if isinstance(lon, float) and isinstance(lat, float) else "-"
    state = text(f"camera.state_{point.get('state')}", language) if point.get("state") in STATES else point.get("state")
    facts = [point.get(key) or "-" for key in ("code", "name", "tier")]
    told = [point.get("territory"), place, point.get("_origin")]
    return [*facts, state, moment_text(point.get("state_since")), point.get("owner") or "-", *told]


# ---- sheets


def _import(args: argparse.Namespace) -> int:
    read, client = read_lines(args.files, DIRECTORY_FORM), NodeClient(args.dir)
    for sheet, header in read.ignored:
        talk(text("device.import_ignored", args.language, sheet=sheet, header=header))
    for sheet in read.skipped:
        talk(text("device.import_skipped", args.language, sheet=sheet))
    good, problems, changed, same = _judged(read, client, args)
    is_taken = bool(good) and not args.dry_run and (not problems or args.skip_bad)
    if is_taken:
        for part in _parts(good):
            _call(client, args, part, dry_run=False)
    return _print(args, problems, changed=changed, same=same, is_taken=is_taken)


def _judged(read: Read, client: NodeClient, args: argparse.Namespace) -> tuple[list[Line], list[Problem], int, int]:
    """The rows that fit, what is wrong with the others, and how many would change something."""
    good: list[Line] = []
    problems, counts = list(read.problems), {"changed": 0, "same": 0}
    for part in _parts(read.lines):
        answer = _call(client, args, part, dry_run=True)
        faults = list_of(answer.get("problems"))
        problems += [_problem(fault, part, read.headers) for fault in faults]
        bad = {fault.get("index") for fault in faults}
        good += [line for index, line in enumerate(part) if index not in bad]
        for key in counts:
            counted = answer.get(key)
            counts[key] += counted if isinstance(counted, int) else 0
    problems.sort(key=lambda problem: (problem.sheet, problem.row))
    return good, problems, counts["changed"], counts["same"]


def _parts(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    return (lines[start : start + PER_CALL] for start in range(0, len(lines), PER_CALL))


def _call(client: NodeClient, args: argparse.Namespace, lines: Sequence[Line], *, dry_run: bool) -> dict[str, object]:
    points = [{**line.values, **({"tier": int(tier)} if isinstance(tier := line.values.get("tier"), float) else {})} for line in lines]
    source = ", ".join(path.name for path in args.files)[:200]
    return client.call(
        "camera_directory_import", timeout_s=CALL_TIMEOUT_S, points=points, source=source, by=getpass.getuser(), dry_run=dry_run
    )


def _problem(fault: Mapping[str, object], lines: Sequence[Line], headers: Mapping[str, str]) -> Problem:
    index, column = fault.get("index"), str(fault.get("column"))
    line = lines[index if isinstance(index, int) and index < len(lines) else 0]
    return Problem(line.sheet, line.row, headers.get(column, column), str(line.values.get(column, "")), str(fault.get("why")))


def _print(args: argparse.Namespace, problems: Sequence[Problem], *, changed: int, same: int, is_taken: bool) -> int:
    shown = [problem.encoded() for problem in problems]
    if args.json:
        print_json({"changed": changed, "same": same, "problems": shown, "dry_run": args.dry_run, "taken": is_taken})
        return EXIT_NEGATIVE if shown else EXIT_OK
    print_problems(args.language, problems)
    key = "directory_dry" if args.dry_run else "directory_done" if is_taken or not shown else "directory_refused"
    print_line(text(f"camera.{key}", args.language, changed=changed, same=same, bad=len(shown)))
    return EXIT_NEGATIVE if shown else EXIT_OK
