"""Same seed, same digest, whatever the process and its hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = ((2, 2), (11, 1), (3, 1))
"""Seed and fan-out: a city of 31 nodes and two of five, one after the other in one process.

The days are short, for every kind of event comes early.
"""
PROGRAM = """
from dataclasses import replace
from simulations.run import SMALL_SETTINGS, run_seed
SHORT = replace(SMALL_SETTINGS, rounds=2, records=10, deadline_records=600, cases=4, fault_s=15, faults=14)
for seed, fan_out in {runs}:
    report = run_seed(seed, replace(SHORT, fan_out=fan_out))
    print(report.nodes, report.digest, report.records, report.frames, report.crashes, report.violations)
"""


def begun(hash_seed: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM.format(runs=RUNS)]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_with_different_hash_seeds_trace_the_same_and_two_seeds_differently() -> None:
    first, second = (process.communicate()[0].splitlines() for process in [begun("0"), begun("4242")])
    assert first == second
    large, small, other = first
    assert large.startswith("31 ")
    assert small.startswith("5 ")
    assert other.startswith("5 ")
    assert small != other
