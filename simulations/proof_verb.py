"""`yunnao proof`: a thousand cities with faults, and the table of planted bugs.

Progress goes to stderr, results to stdout. The exit code is 1 when a seed broke a promise or a planted bug went unseen.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from node.clock import SystemClock
from node.errors import EXIT_NEGATIVE, EXIT_OK
from node.texts import text
from node.verb import UsageError, Verb, VerbParser
from simulations.faults import write_schedule
from simulations.planted import Trap
from simulations.proof import SHORTENED_MAX, Shortened, Tally, catch_mutations, prove
from simulations.run import NODES, SeedReport, Settings
from simulations.verb import VIOLATIONS_SHOWN_MAX, as_json
from sync.model import Instant

SEEDS_DEFAULT = 1_000
SEEDS_MAX = 1_000_000
PROGRESS_S = 10.0
"""How often progress is told."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    language = parser.language if isinstance(parser, VerbParser) else "en"
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, help=text("proof.option_seeds", language))
    parser.add_argument("--from", type=int, default=1, dest="first", help=text("proof.option_from", language))
    parser.add_argument("--minutes", type=float, help=text("proof.option_minutes", language))
    parser.add_argument("--nodes", type=int, default=31, choices=sorted(NODES), help=text("simulate.option_nodes", language))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help=text("simulate.option_processes", language))
    parser.add_argument("--mutations", action="store_true", help=text("proof.option_mutations", language))
    parser.add_argument("--no-mutations", action="store_true", help=text("proof.option_no_mutations", language))
    parser.add_argument("--json", action="store_true", help=text("simulate.option_json", language))


def run(args: argparse.Namespace) -> int:
    """Run the proof; 1 when something was found."""
    _check(args)
    found = 0
    if not args.mutations:
        found += _prove_seeds(args)
    if not args.no_mutations:
        found += _prove_mutations(args)
    return EXIT_NEGATIVE if found else EXIT_OK


def _check(args: argparse.Namespace) -> None:
    if not 1 <= args.seeds <= SEEDS_MAX:
        raise UsageError(f"--seeds {args.seeds} refused: 1 to {SEEDS_MAX}")
    if args.first < 0:
        raise UsageError(f"--from {args.first} refused: seeds begin at 0")
    if args.minutes is not None and args.minutes <= 0:
        raise UsageError(f"--minutes {args.minutes:g} refused: more than 0, or leave it out for no limit")
    if args.mutations and args.no_mutations:
        raise UsageError("--mutations and --no-mutations refused: one says only the planted bugs, the other none of them")


def _prove_seeds(args: argparse.Namespace) -> int:
    """How many cities broke a promise. Ctrl-C ends it as `--minutes` does, and then leaves."""
    progress = _Progress(args)
    seeds = range(args.first, args.first + args.seeds)
    done: set[int] = set()
    try:
        _run_cities(args, seeds, progress, done)
    except KeyboardInterrupt:
        _show_end(args, seeds, progress, done)
        raise
    _show_end(args, seeds, progress, done)
    return len(progress.tally.failed)


def _run_cities(args: argparse.Namespace, seeds: range, progress: _Progress, done: set[int]) -> None:
    settings = Settings(fan_out=NODES[args.nodes])
    for found in prove(seeds, settings, processes=args.processes, has_time=progress.has_time, on_wait=progress.look):
        if isinstance(found, Shortened):
            _show_shortened(found, args)
            continue
        done.add(found.seed)
        progress.add(found)
        if args.json:
            _say(json.dumps(as_json(found), ensure_ascii=False))
        elif not found.is_good:
            _show_failure(found, args, is_short=len(progress.tally.failed) <= SHORTENED_MAX)


def _show_end(args: argparse.Namespace, seeds: range, progress: _Progress, done: set[int]) -> None:
    progress.tell(is_last=True)
    if args.json:
        return
    _show_sum(progress.tally, args)
    left = [seed for seed in seeds if seed not in done]
    if left:
        # Seeds behind the first that is missing may be done: they are run again, one command covers the rest.
        _say(text("proof.stopped", args.language, done=len(done), first=left[0], seeds=seeds[-1] - left[0] + 1))


def _show_failure(report: SeedReport, args: argparse.Namespace, *, is_short: bool) -> None:
    _say(text("proof.failed", args.language, seed=report.seed, count=len(report.violations)))
    for violation in report.violations[:VIOLATIONS_SHOWN_MAX]:
        _say(f"  {violation.line}")
    _say(text("simulate.again", args.language, seed=report.seed, nodes=args.nodes, faults="on"))
    if is_short and report.schedule:
        _say(text("proof.shortening", args.language))


def _show_shortened(found: Shortened, args: argparse.Namespace) -> None:
    """Under --json the plan is an object of its own, with the seed of the failing city."""
    if args.json:
        _say(json.dumps({"seed": found.seed, "shortened": [fault.line for fault in found.schedule]}, ensure_ascii=False))
        return
    _say(text("proof.shortened", args.language, seed=found.seed, faults=len(found.schedule)))
    _say(text("simulate.short", args.language))
    _say(write_schedule(found.schedule))


def _show_sum(tally: Tally, args: argparse.Namespace) -> None:
    seeds = max(1, tally.seeds)
    values = {
        "good": tally.seeds - len(tally.failed),
        "seeds": tally.seeds,
        "batches": round(tally.batches / seeds),
        "records": round(tally.records / seeds),
        "faults": round(tally.faults / seeds),
        "cpu_s": f"{tally.cpu_s / seeds:.1f}",
        "floor_s": f"{tally.floor_s / seeds:.2f}",
        "times": f"{tally.cpu_s / tally.floor_s:.1f}" if tally.floor_s else "-",
    }
    _say(text("proof.sum", args.language, **values))


def _prove_mutations(args: argparse.Namespace) -> int:
    traps = []
    for trap in catch_mutations(processes=args.processes):
        traps.append(trap)
        _say(json.dumps(_trap_json(trap), ensure_ascii=False) if args.json else _trap_line(trap, args.language))
    missed = [trap for trap in traps if not trap.is_caught]
    if not args.json:
        _say(text("proof.mutations", args.language, caught=len(traps) - len(missed), count=len(traps)))
    return len(missed)


def _trap_line(trap: Trap, language: str) -> str:
    what = f"{trap.mutation.name:32} {trap.mutation.rule}"
    if not trap.is_caught:
        return text("proof.missed", language, what=what, seeds=trap.seeds)
    return text("proof.caught", language, what=what, seed=trap.seed, promises=" ".join(trap.promises), ran=trap.ran, seeds=trap.seeds)


def _trap_json(trap: Trap) -> dict[str, object]:
    return {
        "mutation": trap.mutation.name,
        "rule": trap.mutation.rule,
        "caught": trap.is_caught,
        "seed": trap.seed,
        "ran": trap.ran,
        "seeds_tried": trap.seeds,
        "promises": list(trap.promises),
    }


class _Progress:
    """Counts, watches the time, and tells stderr now and then."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.tally = Tally()
        self._args = args
        self._clock = SystemClock()
        self._begun: Instant = self._clock.now()
        self._told: Instant = self._begun

    def has_time(self) -> bool:
        """False once the minutes are over."""
        minutes = self._args.minutes
        return minutes is None or self._clock.now().seconds_since(self._begun) < minutes * 60

    def add(self, report: SeedReport) -> None:
        """A seed is done."""
        self.tally.add(report)
        self.look()

    def look(self) -> None:
        """Tell, if it is time to."""
        if self._clock.now().seconds_since(self._told) >= PROGRESS_S:
            self.tell()

    def tell(self, *, is_last: bool = False) -> None:
        """A line to stderr."""
        self._told = self._clock.now()
        seconds = max(1e-3, self._told.seconds_since(self._begun))
        rate = self.tally.seeds / seconds
        left_s = 0.0 if is_last or not rate else (self._args.seeds - self.tally.seeds) / rate
        values = {
            "done": self.tally.seeds,
            "seeds": self._args.seeds,
            "failed": len(self.tally.failed),
            "rate": f"{rate * 60:.1f}",
            "minutes": f"{left_s / 60:.1f}" if self.tally.seeds or is_last else "?",
        }
        sys.stderr.write(f"{text('proof.progress', self._args.language, **values)}\n")
        sys.stderr.flush()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


VERB = Verb("proof", "cli.help_proof", add_arguments, run)
