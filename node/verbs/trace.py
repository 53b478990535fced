"""`yunnao trace record`: what a running node's engine is told and makes of it, for some seconds, into a file without values.

`yunnao simulate --replay FILE` runs such a file again. The node writes the file; nothing of it is replaced.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from node.client import TIMEOUT_S, NodeClient
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.tracing.desk import BEGIN_TIMEOUT_S, SECONDS_MAX
from node.verb import UsageError, Verb
from node.verbs.actions import Actions
from node.verbs.output import print_json, print_line, talk

BY_ITSELF = frozenset({"time", "size"})
"""Ends that are no trouble."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    actions = Actions(parser, "trace")
    record = actions.add("record")
    record.add_argument("--seconds", type=float, default=10.0, help=actions.help("option_seconds", most=f"{SECONDS_MAX:g}"))
    record.add_argument("--out", type=Path, required=True, metavar="FILE", help=actions.help("option_out"))


def run(args: argparse.Namespace) -> int:
    """Record; 1 when the recording ended before its time because of trouble."""
    if not 0 < args.seconds <= SECONDS_MAX:
        raise UsageError(f"--seconds {args.seconds:g} refused: above 0, up to {SECONDS_MAX:g}")
    talk(text("trace.begin", args.language, seconds=f"{args.seconds:g}"))
    patience_s = args.seconds + BEGIN_TIMEOUT_S + TIMEOUT_S
    answer = NodeClient(args.dir).call("trace_record", timeout_s=patience_s, path=str(args.out.absolute()), seconds=args.seconds)
    if args.json:
        print_json(answer)
    else:
        print_line(text("trace.recorded", args.language, **answer))
        talk(text("trace.next", args.language, path=answer["path"]))
    return EXIT_OK if answer["ended"] in BY_ITSELF else EXIT_NEGATIVE


VERB = Verb("trace", "cli.help_trace", add_arguments, run)
