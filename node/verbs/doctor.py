"""`yunnao doctor`: what is wrong with this machine and this node, why it matters, and what mends it."""

from __future__ import annotations

import argparse

from node.clock import SystemClock
from node.doctor.checks import examine, look_at
from node.doctor.model import DoctorCheck, Finding, Severity
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import Verb, help_text
from node.verbs.output import print_json, print_line, print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Print every finding; 1 when one of them is FAIL."""
    found = list(examine(look_at(args.dir, SystemClock())))
    if args.json:
        print_json({"checks": [_as_json(check, finding, args.language) for check, finding in found]})
    else:
        _print(found, args.language)
    return EXIT_NEGATIVE if any(finding.severity is Severity.FAIL for _, finding in found) else EXIT_OK


def _print(found: list[tuple[DoctorCheck, Finding]], language: str) -> None:
    rows = [(finding.severity.value, text(f"doctor.{check.id}_title", language), finding.words(language)) for check, finding in found]
    print_table(text("doctor.columns", language).split("|"), rows)
    for check, finding in found:
        if finding.severity in (Severity.WARN, Severity.FAIL):
            words = finding.words(language)
            print_line("")
            title = text(f"doctor.{check.id}_title", language)
            print_line(text("doctor.found", language, severity=finding.severity.value, title=title, words=words))
            print_line(text("doctor.why", language, why=text(f"doctor.{check.id}_why", language)))
            print_line(text("doctor.fix", language, fix=text(f"doctor.{check.id}_fix", language)))


def _as_json(check: DoctorCheck, finding: Finding, language: str) -> dict[str, str]:
    return {
        "id": check.id,
        "title": text(f"doctor.{check.id}_title", language),
        "severity": finding.severity.value,
        "saw": finding.words(language),
        "why": text(f"doctor.{check.id}_why", language),
        "fix": text(f"doctor.{check.id}_fix", language),
        "offline": check.offline,
    }


VERB = Verb("doctor", "cli.help_doctor", add_arguments, run)
