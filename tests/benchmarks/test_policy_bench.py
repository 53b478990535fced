"""The benchmark of policies fails with its ratios, and measures rules of which no two are alike."""

from __future__ import annotations

import sys

import pytest

from benchmarks import policy_bench, policy_rules, run
from benchmarks.figures import Target
from benchmarks.gates import GATES
from policies import merge
from policies.catalogue import schema


@pytest.mark.parametrize(("value", "status"), [(0.4, 1), (0.6, 0)])
def test_a_missed_ratio_is_the_exit_status(value: float, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def judged(rounds: int) -> list[Target]:
        return [Target("G16", "ours / raw", 0.5, True, (value,) * rounds, "in memory")]

    monkeypatch.setattr(policy_bench, "targets", judged)
    monkeypatch.setitem(GATES, "g16", judged)
    monkeypatch.setattr(sys, "argv", ["policy_bench", "--rounds", "1"])
    assert policy_bench.main() == status
    monkeypatch.setattr(sys, "argv", ["run", "g16", "--rounds", "1"])
    assert run.main() == status


def test_the_catalogue_that_is_compiled_has_no_two_resources_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_rules, "RESOURCES", 200)
    monkeypatch.setattr(policy_rules, "ENTRIES", 50)
    large = policy_rules.large_catalogue()
    assert len({str(schema(resource)) for resource in large.contents.catalogue}) == 200
    rules = merge([policy_rules.PROVINCE, large])
    plans = policy_bench.compile_all(rules)
    assert len(plans) == len(rules.resources) * 5
    assert any(plan.rows for plan in plans)
    assert len(policy_bench.make_plainly(plans)) == len(plans)
