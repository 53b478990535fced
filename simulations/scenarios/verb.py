"""`yunnao simulate --scenario NAME|all|list`: the hard cases of the policy, each as a day of a city, with a scan for canaries.

`--planted` breaks each day with its planted bug instead, and asks that it is seen. The exit code is 1 when a promise was broken or a canary
found, or, with `--planted`, when a bug went unseen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, VerbParser
from node.verbs.output import print_json, print_line
from simulations.scenarios.day import DayReport, run_day, run_planted_day
from simulations.scenarios.table import ELSEWHERE, SCENARIOS, Scenario

ALL, LIST = "all", "list"
LINES_SHOWN_MAX = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of scenarios."""
    language = parser.language if isinstance(parser, VerbParser) else "en"
    group = parser.add_argument_group(text("scenario.group", language))
    group.add_argument("--scenario", default="", metavar="NAME", help=text("scenario.option_scenario", language))
    group.add_argument("--planted", action="store_true", help=text("scenario.option_planted", language))


def is_asked(args: argparse.Namespace) -> bool:
    """True when the arguments name a scenario."""
    return bool(args.scenario) or bool(args.planted)


def run(args: argparse.Namespace) -> int:
    """Play the scenarios that were asked for, print each as it ends; 1 when one was not what it must be."""
    if args.scenario == LIST:
        _list(args)
        return EXIT_OK
    failed = 0
    for scenario in _chosen(args):
        ran = 0
        if args.planted:
            report, ran = run_planted_day(scenario)
        else:
            report = run_day(scenario)
        is_right = report.is_good != args.planted and (ran > 0 or not args.planted)
        failed += not is_right
        _show(report, args, is_right=is_right)
    return EXIT_NEGATIVE if failed else EXIT_OK


def _chosen(args: argparse.Namespace) -> Sequence[Scenario]:
    named = [scenario for scenario in SCENARIOS if args.scenario in (ALL, "", scenario.name)]
    chosen = [scenario for scenario in named if scenario.planted] if args.planted else named
    if not chosen:
        known = ", ".join(scenario.name for scenario in SCENARIOS if scenario.planted or not args.planted)
        raise UsageError(f"--scenario {args.scenario} refused: it is {ALL}, {LIST}, or one of {known}")
    return chosen


def _list(args: argparse.Namespace) -> None:
    rows = [(scenario.case, scenario.name, scenario.rule) for scenario in SCENARIOS]
    rows += [(case, "", where) for case, where in ELSEWHERE.items()]
    for case, name, what in rows:
        if args.json:
            print_json({"case": case, "scenario": name, "what": what})
        else:
            print_line(f"{case:14} {name:24} {what}")


def _show(report: DayReport, args: argparse.Namespace, *, is_right: bool) -> None:
    scenario = report.scenario
    found = len({hit.value for hit in report.hits})
    if args.json:
        print_json(
            {
                "scenario": scenario.name, "case": scenario.case, "planted": scenario.planted if args.planted else "",
                "good": report.is_good, "records": report.seed.records, "faults": report.seed.faults,
                "withheld": dict(report.withheld), "found": found, "violations": report.lines,
            }
        )  # fmt: skip
        return
    word = "seen" if args.planted and is_right else "unseen" if args.planted else "good" if is_right else "bad"
    values = {
        "name": scenario.name,
        "case": scenario.case,
        "records": report.seed.records,
        "withheld": max(report.withheld.values(), default=0),
        "found": found,
    }
    print_line(text(f"scenario.{word}", args.language, planted=scenario.planted, **values))
    if not is_right:
        for line in report.lines[:LINES_SHOWN_MAX]:
            print_line(f"  {line}")
