"""Every figure of the project by one command: `python -m benchmarks.run [NAME ...] [--rounds N] [--json]`.

Each figure is the median of rounds; beside it stands the raw cost of the same bytes, measured in the same round. The machine's load and
the versions of what was measured come first. docs/benchmarks.md says what each figure means and what it does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks import chain_bench, door_bench, journal_bench, life_bench, policy_bench, relay_bench
from benchmarks.chain_bench import Case
from benchmarks.chain_files import COMMIT_BATCHES
from benchmarks.figures import Figure, Target, lines_of, target_lines
from benchmarks.gates import GATES
from benchmarks.journal_bench import Cost
from benchmarks.policy_bench import People
from benchmarks.workload import Rules, Spread
from node.store.schema import DEFAULT_TUNING, Tuning

ROUNDS = 3
ALL_GATES = "gates"
"""Name that stands for every gate of gates.py."""
DOOR_MESSAGES = 60_000
JOURNAL_BATCHES = 256
PACKAGES = ("pyarrow", "grpcio", "cryptography", "numpy", "duckdb", "aiomqtt")

CASES = {
    "hop1": Case(batches=200),
    "hop1-20k": Case(rows=20_000, batches=50),
    "hop1-small": Case(rows=100, batches=2_000),
    "hop1-scattered": Case(batches=40, spread=Spread.SCATTERED),
    "hop1-pass": Case(batches=400, rules=Rules.PASS),
    "hop4": Case(hops=4, batches=200),
    "hop4-pass": Case(hops=4, batches=200, rules=Rules.PASS),
}
"""Catch-up over a chain, by name."""

Append = Callable[[Path, list[bytes], int, int, Tuning], Cost]
"""One side of journal_bench."""


def chain(name: str, rounds: int) -> list[Figure]:
    """Catch-up beside appending the same batches to a journal."""
    case = CASES[name]
    runs = chain_bench.rounds_of(case, rounds)
    what = "bytes forwarded" if case.rules is Rules.PASS else f"5 % withheld ({case.spread.value}), device masked, at every hop"
    form = f"Arrow lz4 dictionary batches of {case.rows}; {what}; fsync at each node, mTLS, signed and verified"
    raw_name = f"append to a journal, {COMMIT_BATCHES} batches a commit"
    rates, raws = tuple(run.rate for run in runs), tuple(run.append_rate for run in runs)
    note = chain_bench.lines_of(case, runs)[-1].strip()
    return [Figure(f"catch-up, {name}", "records/s", rates, raws, raw_name, form, note)]


def door(rounds: int) -> list[Figure]:
    """The sensor door at QoS 1."""
    rates, raws = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            rates.append(asyncio.run(door_bench.door_round(Path(folder), DOOR_MESSAGES, 4))[0])
            raws.append(door_bench.raw_rate(Path(folder), DOOR_MESSAGES))
    form = "MQTT 3.1.1, QoS 1, one JSON reading of about 90 bytes a message; PUBACK after fsync"
    return [Figure("sensor door", "messages/s", tuple(rates), tuple(raws), "SQLite WAL FULL insert of the same bytes", form)]


def policy(rounds: int) -> list[Figure]:
    """Plans without any input or output; `g16` holds the same measures against their bounds."""
    look_ups = [policy_bench.look_ups() for _ in range(rounds)]
    columns = [policy_bench.column_plan(People(200, 2_000)) for _ in range(rounds)]
    compiled = [policy_bench.compiling() for _ in range(rounds)]
    seconds = [(one.merge_s + one.all_s, one.plain_s) for one in compiled]
    return [
        _pairs("policy plan look-ups", "1/s", look_ups, "look-ups in a dictionary", policy_bench.FORM),
        _pairs("policy column plan", "rows/s", columns, "Arrow's copy", f"20,000 rows in dictionary columns; {policy_bench.FORM}"),
        _pairs("policy compile", "s", seconds, "making as many values", f"{compiled[0].plans} plans, merge included; {policy_bench.FORM}"),
    ]


def journal(rounds: int) -> list[Figure]:
    """Appending batches of 84 kB."""
    payloads = [os.urandom(journal_bench.PAYLOAD_BYTES) for _ in range(32)]
    sides = (journal_bench.append_journal, journal_bench.append_raw)
    pairs = []
    for _ in range(rounds):
        ours, raw = (journal_bench.in_folder(partial(_append, side, payloads)).wall_us for side in sides)
        pairs.append((journal_bench.RECORDS / ours * 1e6, journal_bench.RECORDS / raw * 1e6))
    form = f"payloads of 84 kB (5,000 records), {COMMIT_BATCHES} a commit, fsync, 64 KiB pages"
    return [_pairs("journal append", "records/s", pairs, "the same bytes in a table of two columns", form)]


def _append(side: Append, payloads: list[bytes], folder: Path) -> Cost:
    return side(folder, payloads, COMMIT_BATCHES, JOURNAL_BATCHES, DEFAULT_TUNING)


def _pairs(name: str, unit: str, pairs: Sequence[tuple[float, float]], raw_name: str, form: str) -> Figure:
    return Figure(name, unit, tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs), raw_name, form)


BENCHES: dict[str, Callable[[int], list[Figure]]] = {
    **{name: partial(chain, name) for name in CASES},
    "door": door,
    "policy": policy,
    "journal": journal,
    "life": life_bench.figures,
    "relay": relay_bench.figures,
}
"""All of them, by name, in the order they run."""


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "load_1min": round(psutil.getloadavg()[0], 1),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in PACKAGES},
    }


def _chosen(names: Sequence[str]) -> list[str]:
    """The names to run: all without any, and every gate for ALL_GATES."""
    return [each for name in names or (*BENCHES, ALL_GATES) for each in (GATES if name == ALL_GATES else (name,))]


def _judged(targets: Sequence[Target]) -> dict[str, object]:
    return {"targets": [target.encoded() for target in targets]} if targets else {}


def main() -> int:
    """Run what was asked for, or all; 1 when a ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHES)}; none: all")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(BENCHES) - set(GATES) - {ALL_GATES})
    if unknown:
        parser.error(f"unknown benchmark {unknown[0]!r}: choose from {', '.join([*BENCHES, ALL_GATES, *GATES])}")
    found: list[Figure] = []
    targets: list[Target] = []
    if not options.json:
        print(", ".join(f"{key} {value}" for key, value in machine().items()))
    for name in _chosen(options.names):
        if name in GATES:
            judged = GATES[name](options.rounds)
            targets += judged
            if not options.json:
                print("\n".join(line for target in judged for line in target_lines(target)), flush=True)
            continue
        measured = BENCHES[name](options.rounds)
        found += measured
        if not options.json:
            print(
                "\n".join(line for figure in measured for line in lines_of(figure)), f"   (load {psutil.getloadavg()[0]:.1f})", flush=True
            )
    if options.json:
        print(json.dumps({"machine": machine(), "figures": [figure.encoded() for figure in found], **_judged(targets)}, indent=2))
    return 1 if any(target.verdict == "FAIL" for target in targets) else 0


if __name__ == "__main__":
    sys.exit(main())
