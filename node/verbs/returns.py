"""`yunnao return`: how fresh the data is that comes back to this territory, and what the territories below have acknowledged."""

from __future__ import annotations

import argparse

from node.client import NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb, VerbParser
from node.verbs.output import list_of, moment_text, print_json, print_line, print_table

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--missing, --sealed and --json."""
    language = parser.language if isinstance(parser, VerbParser) else "en"
    parser.add_argument("--missing", action="store_true", help=text("return.option_missing", language).replace("%", "%%"))
    parser.add_argument("--sealed", action="store_true", help=text("return.option_sealed", language).replace("%", "%%"))
    parser.add_argument("--json", action="store_true", help=text("cli.option_json", language))


def run(args: argparse.Namespace) -> int:
    """Print what comes back and what is acknowledged; exit code 1 when a return is missing here."""
    if args.sealed:
        return _sealed(args)
    answer = NodeClient(args.dir).call("returns")
    received, given = (_wanted(list_of(answer.get(name)), missing=args.missing) for name in ("received", "given"))
    is_missing = bool(answer.get("missing"))
    if args.json:
        print_json({**answer, "received": received, "given": given})
        return EXIT_NEGATIVE if is_missing else EXIT_OK
    language = args.language
    print_line(text("return.received", language))
    print_table(text("return.columns_received", language).split("|"), [_received(line, language) for line in received])
    if given:
        print_line("")
        print_line(text("return.given", language))
        print_table(text("return.columns_given", language).split("|"), [_given(line, language) for line in given])
    return EXIT_NEGATIVE if is_missing else EXIT_OK


def _sealed(args: argparse.Namespace) -> int:
    """Print what travelled in envelopes; exit code 1 while something is kept back or waits for a key."""
    answer = NodeClient(args.dir).call("sealed")
    kept_back = list_of(answer.get("kept_back")) + list_of(answer.get("refused"))
    waiting = answer.get("no_key")
    no_key = [str(node) for node in waiting] if isinstance(waiting, list) else []
    code = EXIT_NEGATIVE if kept_back or no_key else EXIT_OK
    if args.json:
        print_json(answer)
        return code
    language = args.language
    tables = {
        "sealed": [[line.get("target"), line.get("envelopes"), line.get("records")] for line in list_of(answer.get("sealed"))],
        "opened": [
            [line.get("sealer"), line.get("envelopes"), line.get("records"), line.get("withheld")] for line in list_of(answer.get("opened"))
        ],
    }
    for name, rows in tables.items():
        times = [moment_text(line.get("at_us")) for line in list_of(answer.get(name))]
        _print_part(name, [[*row, at] for row, at in zip(rows, times, strict=True)], language)
    if kept_back:
        _print_part("kept_back", [[moment_text(line.get("at_us")), line.get("why")] for line in kept_back], language)
    if no_key:
        print_line(text("return.no_key", language, nodes=", ".join(no_key)))
    return code


def _print_part(name: str, rows: list[list[object]], language: str) -> None:
    print_line(text(f"return.{name}", language))
    print_table(text(f"return.columns_{name}", language).split("|"), rows)
    print_line("")


def _wanted(lines: list[dict[str, object]], *, missing: bool) -> list[dict[str, object]]:
    return [line for line in lines if not missing or line.get("state") == "missing"]


def _received(line: dict[str, object], language: str) -> list[object]:
    return [line.get("territory"), line.get("resource"), *_times(line, language), line.get("batches"), _state(line, language)]


def _given(line: dict[str, object], language: str) -> list[object]:
    times = _times(line, language)
    acknowledged = moment_text(line.get("acknowledged_us"))
    who = [line.get("child"), line.get("territory"), line.get("resource")]
    return [*who, *times, acknowledged, line.get("receipts"), _state(line, language)]


def _times(line: dict[str, object], language: str) -> list[object]:
    newest, age = line.get("newest_us"), line.get("age_s")
    period = line.get("period_s")
    return [
        moment_text(newest) if newest is not None else "-",
        _span(age, language) if isinstance(age, float | int) else "-",
        _span(period, language) if isinstance(period, int) and period else text("return.no_period", language),
    ]


def _span(seconds: float, language: str) -> str:
    """A span in its largest whole unit."""
    for unit, size_s in (("days", DAY_S), ("hours", HOUR_S), ("minutes", MINUTE_S)):
        if seconds >= 2 * size_s:
            return text(f"return.{unit}", language, count=round(seconds / size_s))
    return text("return.seconds", language, count=round(seconds))


def _state(line: dict[str, object], language: str) -> str:
    return text(f"return.state_{line.get('state')}", language)


VERB = Verb("return", "cli.help_return", add_arguments, run)
