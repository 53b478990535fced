"""Hard cases as days of a city: the cheap ones here, all of them with `yunnao simulate --scenario all` and with `--planted`."""

from __future__ import annotations

import pytest

from simulations.planted import MUTATIONS
from simulations.planted.governed import GOVERNED
from simulations.scenarios import ELSEWHERE, SCENARIOS, Scenario, run_day
from simulations.scenarios.day import run_planted_day

HARD_CASES = {"1", "1b", "2", "3", "3b", "4", "4b", "5", "6", "7", "8", "9", "10", "11", "12", "13"}
DECIDED = ("reclassified-up", "reclassified-down", "freed-again", "threshold-by-trickle", "old-node-comes-back", "sealed-past-the-district")
"""Days with rooms that are played here; those on borders, totals, tickets, derived resources and a recall alone cost as much and have more
unit tests."""
NAMED = {scenario.name: scenario for scenario in SCENARIOS}


def test_every_hard_case_is_played_or_says_what_answers_for_it() -> None:
    played = {scenario.case for scenario in SCENARIOS} - {"-"}
    assert played | {case.split()[0] for case in ELSEWHERE} == HARD_CASES
    assert len(NAMED) == len(SCENARIOS)
    assert {scenario.planted for scenario in SCENARIOS} <= {mutation.name for mutation in (*MUTATIONS, *GOVERNED)} | {""}
    assert all(scenario.planted for scenario in SCENARIOS if scenario.script is not None)


@pytest.mark.slow
@pytest.mark.parametrize("name", DECIDED)
def test_what_people_decide_on_a_hard_day_comes_about(name: str) -> None:
    report = run_day(NAMED[name])
    assert report.is_good, report.lines[:5]
    assert report.seed.crashes
    assert report.seed.messages_lost


@pytest.mark.slow
@pytest.mark.parametrize("scenario", [NAMED["onward"], NAMED["child-offline-at-change"]], ids=lambda scenario: scenario.name)
def test_no_canary_gets_past_the_gates_on_a_hard_day(scenario: Scenario) -> None:
    report = run_day(scenario)
    assert report.is_good, report.lines[:5]
    assert report.withheld["p0"] > 30
    assert report.seed.faults


@pytest.mark.slow
def test_the_same_scan_finds_every_canary_with_the_gates_off() -> None:
    """The quiet day is good; with both gates off each withheld canary is in the stores of all above, and in the frames to them."""
    quiet = run_day(NAMED["quiet-day"])
    assert quiet.is_good, quiet.lines[:5]
    leaking, ran = run_planted_day(NAMED["quiet-day"])
    assert ran
    assert leaking.withheld == quiet.withheld
    for node, count in leaking.withheld.items():
        for place in ("journal.db", "wire"):
            found = {hit.value for hit in leaking.hits if hit.file.startswith(f"{node}/{place}")}
            assert len(found) == count, f"{len(found)} of {count} canaries found in {node}/{place}"
