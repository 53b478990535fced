"""Forty cities with faults, and every seed that once showed a bug: no promise may be broken."""

from __future__ import annotations

import pytest

from simulations.run import SeedReport, Settings, run_seed

SEEDS = range(1, 41)
REGRESSIONS = {
    2: "a refusal that was lost with its session was never told again, and the refused records never sent",
    6: "frames that never arrived counted as delivered after a stricter policy decided them again",
}
"""Seeds that showed a bug, and what it was."""


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
@pytest.mark.parametrize("seed", [seed for seed in REGRESSIONS if seed not in SEEDS])
def test_a_seed_that_once_showed_a_bug_keeps_every_promise(seed: int) -> None:
    assert passed(run_seed(seed))


@pytest.mark.slow
def test_a_city_without_faults_keeps_every_promise() -> None:
    report = run_seed(7, Settings(has_faults=False))
    assert passed(report)
    assert (report.faults, report.crashes, report.messages_lost) == ({}, 0, 0)
