"""`yunnao sizing --link PROFILE`: this link carries so many sensors, each sending a record every so many seconds."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb, help_text
from node.verbs.output import print_json, print_line, talk
from simulations.planning.profiles import PROFILES, LinkProfile
from simulations.planning.sizing import Try, tries
from simulations.world import lanes
from sync.model import ModelError

EVERY_S_MAX = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--link", default="4g", choices=sorted(PROFILES), help=help_text(parser, "sizing_link"))
    parser.add_argument("--rate-kbit", type=int, default=None, metavar="KBIT_S", help=help_text(parser, "sizing_rate"))
    parser.add_argument("--delay-ms", type=float, default=None, help=help_text(parser, "sizing_delay"))
    parser.add_argument("--resource", default="air-quality", choices=sorted(lanes()), help=help_text(parser, "sizing_resource"))
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS", help=help_text(parser, "sizing_every"))
    parser.add_argument("--json", action="store_true", help=help_text(parser, "option_json"))


def run(args: argparse.Namespace) -> int:
    """Try numbers of sensors and print the largest that fits; 1 when not even one does."""
    if not 0 < args.every <= EVERY_S_MAX:
        raise UsageError(f"--every {args.every:g} refused: above 0, at most {EVERY_S_MAX:g} seconds")
    profile = _profile(args)
    made: list[Try] = []
    with tempfile.TemporaryDirectory(prefix="yunnao-sizing-") as folder:
        for attempt in tries(profile, args.resource, every_s=args.every, folder=Path(folder)):
            made.append(attempt)
            talk(_line("plan.sizing_fits" if attempt.fits else "plan.sizing_over", args.language, attempt))
    fitting = max((attempt for attempt in made if attempt.fits), key=lambda attempt: attempt.sensors, default=None)
    if args.json:
        print_json(
            {
                "profile": _plain(profile),
                "every_s": args.every,
                "sensors": fitting.sensors if fitting else 0,
                "tries": [_plain(one) for one in made],
            }
        )
    elif fitting is not None:
        print_line(
            _line(
                "plan.sizing_answer" if len(made) > fitting_count(made) else "plan.sizing_unbound",
                args.language,
                fitting,
                every=f"{args.every:g}",
            )
        )
    else:
        print_line(text("plan.sizing_none", args.language))
    return EXIT_OK if fitting is not None else EXIT_NEGATIVE


def fitting_count(made: list[Try]) -> int:
    """How many of the tries fitted."""
    return sum(attempt.fits for attempt in made)


def _profile(args: argparse.Namespace) -> LinkProfile:
    known = PROFILES[args.link]
    try:
        return LinkProfile(
            known.rate_kbit_s if args.rate_kbit is None else args.rate_kbit,
            known.delay_ms if args.delay_ms is None else args.delay_ms,
            known.jitter_ms,
            known.loss,
        )
    except ModelError as error:
        raise UsageError(str(error)) from error


def _line(key: str, language: str, attempt: Try, **more: object) -> str:
    return text(
        key,
        language,
        sensors=attempt.sensors,
        oldest=f"{attempt.oldest_s:.1f}",
        used=f"{100 * attempt.used:.0f}",
        bytes=f"{attempt.bytes_per_record:.1f}",
        **more,
    )


def _plain(value: Try | LinkProfile) -> dict[str, object]:
    return {name: getattr(value, name) for name in type(value).__slots__}


VERB = Verb("sizing", "cli.help_sizing", add_arguments, run)
