"""`yunnao device import` and `export`: sheets of devices. All rows are good, or nothing is taken, unless bad rows are to be left out."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Iterator, Mapping, Sequence

from node.catalogue.errors import Problem
from node.catalogue.exporting import GBK, UTF8
from node.catalogue.lines import Line, Read
from node.client import NodeClient
from node.devices.sheet import read_devices, write_devices
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verbs.output import list_of, moment_text, print_json, print_line, talk
from node.verbs.sheet_problems import print_problems

CALL_TIMEOUT_S = 120.0
NAMES_SHOWN = 5
PAGE = 2_000


def import_sheet(args: argparse.Namespace, client: NodeClient) -> int:
    """Read the files, ask the node what they would change, and have it taken; 1 where rows were bad."""
    read = read_devices(args.files)
    for sheet, header in read.ignored:
        talk(text("device.import_ignored", args.language, sheet=sheet, header=header))
    for sheet in read.skipped:
        talk(text("device.import_skipped", args.language, sheet=sheet))
    good, problems, judged = _judged(read, client, args)
    is_taken = bool(good) and not args.dry_run and (not problems or args.skip_bad)
    if is_taken:
        judged = _call(client, args, good, dry_run=False)
    return _print(args, judged, problems, is_taken=is_taken)


def _judged(read: Read, client: NodeClient, args: argparse.Namespace) -> tuple[list[Line], list[Problem], dict[str, object]]:
    """The rows that fit, what is wrong with the others, and what those that fit would change."""
    problems = list(read.problems)
    good = list(read.lines)
    judged: dict[str, object] = _call(client, args, good, dry_run=True) if good else {}
    if faults := list_of(judged.get("problems")):
        bad = {index for fault in faults if isinstance(index := fault.get("index"), int) and index < len(good)}
        problems += [_problem(fault, good, read.headers) for fault in faults]
        good = [line for index, line in enumerate(good) if index not in bad]
        judged = _call(client, args, good, dry_run=True) if good else {}
    return good, sorted(problems, key=lambda problem: (problem.sheet, problem.row)), judged


def _call(client: NodeClient, args: argparse.Namespace, lines: Sequence[Line], *, dry_run: bool) -> dict[str, object]:
    source = ", ".join(path.name for path in args.files)[:200]
    devices = [line.values for line in lines]
    return client.call("device_import", timeout_s=CALL_TIMEOUT_S, devices=devices, source=source, by=getpass.getuser(), dry_run=dry_run)


def _problem(fault: Mapping[str, object], lines: Sequence[Line], headers: Mapping[str, str]) -> Problem:
    index, column = fault.get("index"), str(fault.get("column"))
    line = lines[index if isinstance(index, int) and index < len(lines) else 0]
    return Problem(line.sheet, line.row, headers.get(column, column), str(line.values.get(column, "")), str(fault.get("why")))


def _print(args: argparse.Namespace, judged: Mapping[str, object], problems: Sequence[Problem], *, is_taken: bool) -> int:
    added, changed = (value if isinstance(value := judged.get(key), list) else [] for key in ("added", "changed"))
    same = judged.get("same", 0)
    shown = [problem.encoded() for problem in problems]
    if args.json:
        print_json({"added": added, "changed": changed, "same": same, "problems": shown, "dry_run": args.dry_run, "taken": is_taken})
        return EXIT_NEGATIVE if problems else EXIT_OK
    print_problems(args.language, problems)
    is_refused = bool(problems) and not is_taken and not args.dry_run
    key = "import_refused" if is_refused else "import_dry" if args.dry_run else "import_done"
    bad_rows = len({(problem.sheet, problem.row) for problem in problems})
    counts = {"added": len(added), "changed": len(changed), "same": same, "bad": len(problems), "rows": bad_rows}
    print_line(text(f"device.{key}", args.language, **counts))
    for kind, names in (("added", added), ("changed", changed)):
        if names and args.dry_run:
            print_line(text(f"device.would_{kind}", args.language, names=", ".join(map(str, names[:NAMES_SHOWN])), count=len(names)))
    return EXIT_NEGATIVE if problems else EXIT_OK


def export_sheet(args: argparse.Namespace, client: NodeClient) -> int:
    """Write every device of the node into a file."""
    devices = [_written(device) for device in _all(client)]
    write_devices(args.file, devices, language=args.language, encoding=GBK if args.gbk else UTF8)
    if args.json:
        print_json({"file": str(args.file), "devices": len(devices)})
    else:
        print_line(text("device.export_done", args.language, count=len(devices), file=args.file))
    return EXIT_OK


def _written(device: Mapping[str, object]) -> Mapping[str, object]:
    """A device with the period that people gave it, not the one that was learnt."""
    last_seen = moment_text(device.get("last_seen_us"))
    return {**device, "period_s": device.get("card_period_s"), "last_seen": "" if last_seen == "-" else last_seen}


def _all(client: NodeClient) -> Iterator[dict[str, object]]:
    after = ""
    while True:
        devices = list_of(client.call("device_page", timeout_s=CALL_TIMEOUT_S, after=after, limit=PAGE).get("devices"))
        yield from devices
        if not devices:
            return
        after = str(devices[-1].get("device"))
