"""`yunnao demo`: a five-level city on this machine. Heavy imports wait until it runs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from node.texts import text
from node.verb import UsageError, Verb

DEFAULT_FOLDER = Path("demo-run")
TIMEOUT_S = 120.0
TIMEOUT_S_MAX = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments; `--dir` and `--lang` are there for every verb."""
    language = getattr(parser, "language", "en")
    parser.add_argument("--headless", action="store_true", help=text("demo.argument_headless", language))
    parser.add_argument("--video", type=Path, metavar="FILE", help=text("demo.argument_video", language))
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, metavar="S", help=text("demo.argument_timeout", language))


def run(args: argparse.Namespace) -> int:
    """Run the demo; the console's exit code, or 0 when all five lines passed and 1 when not, or 128 and the number of a signal."""
    if not args.headless and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise UsageError("the console needs a terminal: run the demo in one, or with --headless")
    if args.video is not None and not args.video.is_file():
        raise UsageError(f"video {args.video} is no file: name one that this machine can read")
    if not 0 < args.timeout <= TIMEOUT_S_MAX:
        raise UsageError(f"--timeout {args.timeout:g} refused: give more than 0 and at most {TIMEOUT_S_MAX:g} seconds")
    from node.clock import SystemClock
    from simulations.demo.run import Wish, run_demo

    video = None if args.video is None else args.video.resolve()
    return asyncio.run(run_demo(Wish(args.dir, args.language, video, args.headless, args.timeout), SystemClock()))


VERB = Verb("demo", "demo.help", add_arguments, run, DEFAULT_FOLDER)
