"""Forty cities with faults, and every seed that once showed a bug: no promise may be broken."""

from __future__ import annotations

import pytest

from simulations.run import SeedReport, Settings, run_seed

REGRESSIONS = {
    2: "a refusal that was lost with its session was never told again, and the refused records never sent",
    6: "frames that never arrived counted as delivered after a stricter policy decided them again",
    35: "the same, where the second frame covered the very stretch of the first",
    38: "as 35, with several origins in the stretch",
}
"""Seeds that showed a bug, and what it was."""
SEEDS = sorted({*range(1, 41), *REGRESSIONS})


def passed(report: SeedReport) -> bool:
    """True when every promise held; else the failure shows how to see it again."""
    lines = [violation.line for violation in report.violations]
    assert not lines, f"yunnao simulate --seed {report.seed}: {lines[:5]}"
    return True


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_city_with_faults_keeps_every_promise(seed: int) -> None:
    report = run_seed(seed)
    assert passed(report)
    assert report.records > 0
    assert report.frames > 0


@pytest.mark.slow
def test_a_city_without_faults_keeps_every_promise() -> None:
    report = run_seed(7, Settings(has_faults=False))
    assert passed(report)
    assert (report.faults, report.crashes, report.messages_lost) == ({}, 0, 0)
