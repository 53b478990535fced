"""`yunnao alarm`: the alarms of sensors that hold, of this node or of those below, each with the numbers that raised it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.sensor_alarms.words import why
from node.texts import text
from node.verb import Verb, VerbParser
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--below, --json."""
    language = parser.language if isinstance(parser, VerbParser) else "en"
    parser.add_argument("--below", action="store_true", help=text("alarm.option_below", language))
    parser.add_argument("--json", action="store_true", help=text("cli.option_json", language))


def run(args: argparse.Namespace) -> int:
    """Print what holds and how the watch stands; exit code 1 while an alarm holds that has a severity."""
    answer = NodeClient(args.dir).call("sensor_alarms_below" if args.below else "sensor_alarms")
    holding = list_of(answer.get("holding"))
    if args.json:
        print_json(answer)
    elif args.below:
        _print_below(holding, args.language)
    else:
        _print(answer, holding, args.language)
    is_grave = answer.get("grave") or any(alarm.get("severity") for alarm in holding)
    return EXIT_NEGATIVE if is_grave else EXIT_OK


def _print_below(holding: list[dict[str, object]], language: str) -> None:
    if holding:
        rows = [[alarm.get("node"), *_line(alarm, language)] for alarm in holding]
        print_table([text("alarm.column_node", language), *text("alarm.columns", language).split("|")], rows)
    else:
        print_line(text("alarm.none_below", language))


def _print(answer: Mapping[str, object], holding: list[dict[str, object]], language: str) -> None:
    if holding:
        print_table(text("alarm.columns", language).split("|"), [_line(alarm, language) for alarm in holding])
    print_line(text("alarm.watched" if holding else "alarm.none", language, count=answer.get("series")))
    if hidden := answer.get("hidden"):
        print_line(text("alarm.hidden", language, count=hidden))
    if unwatched := answer.get("unwatched"):
        print_line(text("alarm.unwatched", language, codes=", ".join(map(str, unwatched)) if isinstance(unwatched, list) else ""))
    if isinstance(left_out := answer.get("left_out"), dict) and left_out:
        counts = ", ".join(text(f"alarm.left_out_{reason}", language, count=count) for reason, count in left_out.items())
        print_line(text("alarm.left_out", language, counts=counts))
    if fault := answer.get("fault"):
        print_line(text("alarm.fault", language, why=fault))


def _line(alarm: Mapping[str, object], language: str) -> list[object]:
    names = [alarm.get(name) for name in ("territory", "resource", "device", "quantity")]
    return [
        moment_text(alarm.get("time_us")),
        *names,
        alarm.get("severity") or "-",
        why(alarm.get("kind"), alarm.get("value"), alarm.get("facts"), language),
    ]


VERB = Verb("alarm", "cli.help_alarm", add_arguments, run)
