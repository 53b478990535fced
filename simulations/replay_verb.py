"""`yunnao simulate --replay FILE`: a recording of a real node, run again and compared.

Exit code 0 when the engine did the same and nothing that was checked is broken, 1 when not, 2 when the file cannot be used.
Called by simulations/verb.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import VerbParser
from node.verbs.output import print_json, print_line
from simulations.replay import Replay, replay
from simulations.replay_journal import CHECKED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The argument that names a recording."""
    language = parser.language if isinstance(parser, VerbParser) else "en"
    parser.add_argument("--replay", type=Path, metavar="FILE", help=text("trace.option_replay", language))


def run(args: argparse.Namespace) -> int:
    """Replay and show."""
    found = replay(args.replay, SystemClock())
    if args.json:
        print_json(as_json(found))
    else:
        _show(found, args.language)
    return EXIT_OK if found.is_good else EXIT_NEGATIVE


def as_json(found: Replay) -> dict[str, object]:
    """A replay as plain values."""
    names = ("node", "software", "seconds", "inputs", "turns", "batches", "writes", "left_out", "ended", "took_s")
    different = found.difference
    return {name: getattr(found, name) for name in names} | {
        "inputs_s": _rate(found),
        "kinds": dict(sorted(found.kinds.items())),
        "equal": different is None,
        "difference": None if different is None else {name: getattr(different, name) for name in different.__slots__},
        "violations": [violation.line for violation in found.violations],
    }


def _show(found: Replay, language: str) -> None:
    values = {name: getattr(found, name) for name in ("node", "software", "inputs", "turns", "batches", "writes")}
    print_line(text("trace.replayed", language, **values, seconds=f"{found.seconds:.1f}", rate=_rate(found)))
    print_line(text("trace.kinds", language, kinds=" ".join(f"{kind}={count}" for kind, count in sorted(found.kinds.items())) or "-"))
    if found.left_out:
        print_line(text("trace.left_out", language, count=found.left_out))
    if (different := found.difference) is not None:
        where = {"number": different.number, "at": f"{different.at_s:.3f}"}
        print_line(text("trace.difference", language, **where, expected=different.expected, came=different.came))
    else:
        print_line(text("trace.equal", language))
        broken = {violation.promise for violation in found.violations}
        verdicts = [f"{promise.value} {'BROKEN' if promise in broken else 'ok'}" for promise in CHECKED]
        print_line(text("trace.checked", language, promises=", ".join(verdicts)))
    for violation in found.violations:
        print_line(f"  {violation.line}")


def _rate(found: Replay) -> int:
    return round(found.inputs / found.took_s) if found.took_s else 0
