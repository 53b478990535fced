"""`yunnao simulate --topology FILE` and `--divisions TABLE --root CODE`: a city of one's own instead of a seed's.

Prints the state of every node at `--at` seconds (default: the end), and writes an HTML report with `--report`. The exit code is 1 when
something still waits longer than `--late` seconds at the end: the links do not carry the load.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, VerbParser
from node.verbs.output import print_json, print_line, print_table, talk
from simulations.planning.city import City, Load, Look, NodeState, open_city
from simulations.planning.profiles import PROFILES
from simulations.planning.report import Report, html, state_cells
from simulations.planning.topology_file import Topology, read_divisions, read_topology
from simulations.world import lanes
from sync.model import Level, ModelError

LOOKS_MAX = 2_000
RATE_MAX = 100_000.0
"""Records a second that one node may be asked to make."""
MINUTES_MAX = 24 * 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a city of one's own."""
    language = parser.language if isinstance(parser, VerbParser) else "en"

    def told(name: str) -> str:
        return text(f"plan.option_{name}", language)

    group = parser.add_argument_group(text("plan.group", language))
    group.add_argument("--topology", type=Path, metavar="FILE", help=told("topology"))
    group.add_argument("--divisions", type=Path, metavar="TABLE", help=told("divisions"))
    group.add_argument("--root", default="", metavar="CODE", help=told("root"))
    group.add_argument("--lowest", default="street", choices=[level.word for level in Level], help=told("lowest"))
    group.add_argument("--link", default="", choices=["", *sorted(PROFILES)], help=told("link"))
    group.add_argument("--load", action="append", default=[], metavar="RESOURCE=RATE", help=told("load"))
    group.add_argument("--minutes", type=float, default=2.0, help=told("minutes"))
    group.add_argument("--every", type=float, default=5.0, metavar="SECONDS", help=told("every"))
    group.add_argument("--at", type=float, default=None, metavar="SECONDS", help=told("at"))
    group.add_argument("--late", type=float, default=30.0, metavar="SECONDS", help=told("late"))
    group.add_argument("--report", type=Path, default=None, metavar="FILE", help=told("report"))


def is_asked(args: argparse.Namespace) -> bool:
    """True when the arguments name a city of one's own."""
    return args.topology is not None or args.divisions is not None


def run(args: argparse.Namespace) -> int:
    """Run the city and show it; 1 when its links do not keep up."""
    seconds = _checked(args)
    topology, loads = _topology(args), [read_load(entry) for entry in args.load or ["air-quality=1"]]
    talk(text("plan.begin", args.language, nodes=len(topology.plans), seconds=f"{seconds:g}", seed=args.seed))
    with tempfile.TemporaryDirectory(prefix="yunnao-city-") as folder:
        city = open_city(topology, loads, Path(folder), seed=args.seed)
        try:
            looks = _watch(city, seconds, args)
        finally:
            city.world.close()
    if args.report is not None:
        _write(args.report, html(Report(shlex.join(["yunnao", *sys.argv[1:]]), looks, args.language)))
    _show(_look_at(looks, args.at), args)
    return EXIT_NEGATIVE if any(node.oldest_s > args.late for node in looks[-1].nodes) else EXIT_OK


def read_load(entry: str) -> Load:
    """`air-quality=2.5` as records a second of every node that makes the resource; raises UsageError."""
    resource, _, rate = entry.partition("=")
    try:
        records_per_s = float(rate)
    except ValueError:
        records_per_s = 0.0
    if resource not in lanes() or not 0 < records_per_s <= RATE_MAX:
        raise UsageError(f"--load {entry!r} refused: write RESOURCE=RATE, a rate up to {RATE_MAX:g}, one of {', '.join(sorted(lanes()))}")
    return Load(resource, records_per_s)


def _checked(args: argparse.Namespace) -> float:
    seconds = float(args.minutes) * 60
    if not 0 < args.minutes <= MINUTES_MAX or not args.every > 0 or seconds / args.every > LOOKS_MAX:
        raise UsageError(f"--minutes {args.minutes:g} --every {args.every:g} refused: up to {MINUTES_MAX:g} minutes in {LOOKS_MAX} looks")
    if args.at is not None and not 0 < args.at <= seconds:
        raise UsageError(f"--at {args.at:g} refused: a moment within the {seconds:g} s of the run")
    return seconds


def _topology(args: argparse.Namespace) -> Topology:
    if (args.topology is None) == (args.divisions is None) or (args.divisions is not None and not args.root):
        raise UsageError("give --topology FILE, or --divisions TABLE with --root CODE")
    try:
        if args.topology is not None:
            return read_topology(args.topology)
        return read_divisions(args.divisions, root=args.root, lowest=Level.from_word(args.lowest), link=args.link)
    except ModelError as error:
        raise UsageError(str(error)) from error


def _watch(city: City, seconds: float, args: argparse.Namespace) -> list[Look]:
    looks = []
    for look in city.looks(seconds=seconds, every_s=args.every):
        looks.append(look)
        waiting = sum(node.pending for node in look.nodes)
        talk(text("plan.look", args.language, at=f"{look.at_s:g}", records=look.nodes[0].records, waiting=waiting))
    return looks


def _look_at(looks: Sequence[Look], at_s: float | None) -> Look:
    return looks[-1] if at_s is None else min(looks, key=lambda look: abs(look.at_s - at_s))


def _show(look: Look, args: argparse.Namespace) -> None:
    if args.json:
        print_json({"at_s": look.at_s, "nodes": [_plain(node) for node in look.nodes]})
        return
    print_line(text("plan.state", args.language, at=f"{look.at_s:g}"))
    print_table(text("plan.state_columns", args.language).split("|"), [state_cells(node) for node in look.nodes])


def _plain(node: NodeState) -> dict[str, object]:
    return {name: getattr(node, name) for name in NodeState.__slots__}


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--report {path} cannot be written ({error.strerror})") from error
