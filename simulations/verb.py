"""`yunnao simulate`: whole cities in one process, from seeds, with faults; the checkers' findings are the result.

The exit code is 1 when a promise was broken. A failing seed prints the line that runs it again, and its fault plan made short.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb, VerbParser
from simulations import replay_verb
from simulations.devices import cameras_verb
from simulations.devices import verb as devices_verb
from simulations.faults import read_schedule, write_schedule
from simulations.planning import city_verb
from simulations.run import NODES, SeedReport, Settings, run_seed, run_seeds
from simulations.scenarios import verb as scenario_verb
from simulations.shrink import shrink_seed
from sync.model import ModelError

VIOLATIONS_SHOWN_MAX = 12
SEEDS_MAX = 100_000
"""Seeds of one call."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    language = parser.language if isinstance(parser, VerbParser) else "en"
    parser.add_argument("what", nargs="?", choices=(devices_verb.DEVICES, cameras_verb.CAMERAS), help=text("park.what", language))
    parser.add_argument("--seed", type=int, default=1, help=text("simulate.option_seed", language))
    parser.add_argument("--seeds", type=int, default=1, help=text("simulate.option_seeds", language))
    parser.add_argument("--nodes", type=int, default=31, choices=sorted(NODES), help=text("simulate.option_nodes", language))
    parser.add_argument("--faults", default="on", metavar="on|off|FAULT,...", help=text("simulate.option_faults", language))
    parser.add_argument("--schedule", type=Path, help=text("simulate.option_schedule", language))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help=text("simulate.option_processes", language))
    parser.add_argument("--keep", type=Path, help=text("simulate.option_keep", language))
    parser.add_argument("--json", action="store_true", help=text("simulate.option_json", language))
    replay_verb.add_arguments(parser)
    city_verb.add_arguments(parser)
    scenario_verb.add_arguments(parser)
    devices_verb.add_arguments(parser)
    cameras_verb.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run the seeds, print each report; 1 when one of them broke a promise. A city of one's own is run instead when one is named."""
    if devices_verb.is_asked(args):
        return devices_verb.run(args)
    if cameras_verb.is_asked(args):
        return cameras_verb.run(args)
    if args.faults not in ("on", "off"):
        raise UsageError(f"--faults {args.faults} refused: a simulated city has them on or off; devices name theirs")
    if args.replay is not None:
        return replay_verb.run(args)
    if city_verb.is_asked(args):
        return city_verb.run(args)
    if scenario_verb.is_asked(args):
        return scenario_verb.run(args)
    settings = _settings(args)
    if not 1 <= args.seeds <= SEEDS_MAX or (args.seeds > 1 and (args.keep or args.schedule)):
        raise UsageError(f"--seeds {args.seeds} refused: 1 to {SEEDS_MAX}, and 1 with --keep or --schedule")
    seeds = range(args.seed, args.seed + args.seeds)
    if not args.json:
        _say(text("simulate.begin", args.language, first=seeds[0], last=seeds[-1], nodes=args.nodes, faults=args.faults))
    reports = [run_seed(args.seed, settings, keep=args.keep)] if args.keep else run_seeds(seeds, settings, processes=args.processes)
    failed = 0
    for report in reports:
        failed += not report.is_good
        _say(json.dumps(as_json(report), ensure_ascii=False)) if args.json else _show(report, args, settings)
    if not args.json:
        _say(text("simulate.end", args.language, good=args.seeds - failed, seeds=args.seeds))
    return EXIT_NEGATIVE if failed else EXIT_OK


def as_json(report: SeedReport) -> dict[str, object]:
    """A report as plain values; the schedule as its lines."""
    names = (
        "seed",
        "digest",
        "change",
        "nodes",
        "batches",
        "records",
        "frames",
        "frame_records",
        "messages_lost",
        "faults",
        "crashes",
        "world_s",
        "cpu_s",
        "commits",
        "floor_s",
        "times_floor",
    )
    return {name: getattr(report, name) for name in names} | {
        "schedule": [fault.line for fault in report.schedule],
        "violations": [violation.line for violation in report.violations],
    }


def _settings(args: argparse.Namespace) -> Settings:
    settings = Settings(fan_out=NODES[args.nodes], has_faults=args.faults == "on")
    if args.schedule is None:
        return settings
    try:
        return replace(settings, schedule=read_schedule(args.schedule.read_text("utf-8")))
    except (OSError, ModelError) as error:
        raise UsageError(f"--schedule {args.schedule}: {error}") from error


def _show(report: SeedReport, args: argparse.Namespace, settings: Settings) -> None:
    language = args.language
    values = as_json(report) | {"cpu_s": f"{report.cpu_s:.1f}", "world_s": f"{report.world_s:g}"}
    values |= {"floor_s": f"{report.floor_s:.2f}", "times_floor": f"{report.times_floor:.1f}"}
    values["faults"] = " ".join(f"{kind}={count}" for kind, count in report.faults.items()) or "-"
    _say(text("simulate.good" if report.is_good else "simulate.bad", language, **values))
    if report.is_good:
        return
    for violation in report.violations[:VIOLATIONS_SHOWN_MAX]:
        _say(f"  {violation.line}")
    _say(text("simulate.more", language, count=max(0, len(report.violations) - VIOLATIONS_SHOWN_MAX)))
    _say(text("simulate.again", language, seed=report.seed, nodes=args.nodes, faults=args.faults))
    _say(text("simulate.short", language))
    _say(write_schedule(shrink_seed(report.seed, settings, report.schedule)))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


VERB = Verb("simulate", "cli.help_simulate", add_arguments, run)
