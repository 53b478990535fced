"""Same seed, same digest, whatever the process and its hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = (
    "from simulations.run import SMALL_SETTINGS, run_seed; report = run_seed({seed}, SMALL_SETTINGS); "
    "print(report.digest, report.records, report.frames, report.crashes, report.violations)"
)


def outcome(seed: int, hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(seed=seed)], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 11])
def test_two_processes_with_different_hash_seeds_trace_the_same(seed: int) -> None:
    assert outcome(seed, "0") == outcome(seed, "4242")


@pytest.mark.slow
def test_two_seeds_trace_differently() -> None:
    assert outcome(2, "0") != outcome(3, "0")
