"""Cities with faults, small and full-size, and every seed that once showed a bug: no promise may be broken."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from simulations.faults import FaultKind, read_schedule
from simulations.rules import Change
from simulations.run import SMALL_SETTINGS, SeedReport, Settings, run_seed

FIVE = replace(SMALL_SETTINGS, fan_out=1)
"""A city of five nodes with few records, in which every fault matters."""
REGRESSIONS = {
    2: "a refusal that was lost with its session was never told again, and the refused records never sent",
    6: "what may return was passed over while a node had no catalogue, and never looked at again",
    35: "frames that never arrived counted as delivered after a stricter policy decided them again",
    46: "two backfills of the same records in one frame could not be encoded, and the link was dead for good",
}
"""Seeds that showed a bug, and what it was."""
SEEDS = sorted({*range(1, 31), *REGRESSIONS})
FULL_SEEDS = {
    4: "what a peer refused before its policy came was not sent again when it had come",
}
"""Full-size seeds, and what a seed showed that once had a bug."""
LEAST = {"batches": 1_000, "records": 50_000, "frames": 300, "commits": 2_000}
AWAY = "0 away p0 m1 40000000 0 -\n"
ISSUED_WHILE_DOWN = "34000000 outage - - 9000000 5 -\n37000000 policy p0 - 0 0 -\n"
BACKFILLS = """
3899947 outage - - 8599939 1 -
13643580 crash m1 - 14880579 1 before-commit
21489423 policy p0 - 0 0 -
27563979 one-way m1 p0 5884756 0 -
28258709 crash-loop p0 - 599576 4 before-commit
33881438 policy p0 - 0 0 -
"""


def passed(report: SeedReport) -> bool:
    """True when every promise held; else the failure shows how to see it again."""
    lines = [violation.line for violation in report.violations]
    assert not lines, f"yunnao simulate --seed {report.seed}: {lines[:5]}"
    return True


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_small_city_with_faults_keeps_every_promise(seed: int) -> None:
    report = run_seed(seed, FIVE)
    assert passed(report)
    assert min(report.records, report.frames, sum(report.faults.values())) > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", FULL_SEEDS)
def test_a_full_city_does_real_work_and_keeps_every_promise(seed: int) -> None:
    report = run_seed(seed)
    assert passed(report)
    assert report.nodes == 31
    assert sum(report.faults.values()) >= 30
    assert {name: getattr(report, name) for name in LEAST if getattr(report, name) < LEAST[name]} == {}
    assert report.floor_s > 0


@pytest.mark.slow
def test_a_city_without_faults_keeps_every_promise() -> None:
    report = run_seed(7, replace(FIVE, has_faults=False))
    assert passed(report)
    assert (report.faults, report.crashes, report.messages_lost) == ({}, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("plan", "change"), [(AWAY, Change.TIGHTEN), (BACKFILLS, Change.RELEASE_ALL)], ids=["away", "backfills"])
def test_the_short_plans_of_found_bugs_stay_good(plan: str, change: Change) -> None:
    settings = replace(FIVE, schedule=read_schedule(plan), change=change)
    assert [passed(run_seed(seed, settings)) for seed in (6, 46)] == [True, True]


@pytest.mark.slow
def test_what_a_province_issues_while_it_is_down_comes_into_force_after_the_faults() -> None:
    settings = replace(FIVE, schedule=read_schedule(ISSUED_WHILE_DOWN), change=Change.TIGHTEN)
    report = run_seed(19, settings)
    assert passed(report)
    assert report.faults == {"outage": 1, "policy": 1}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wipe", "full", "exchange", "pause", "thin", "away", "version"])
def test_one_kind_of_fault_alone_keeps_every_promise(kind: str) -> None:
    lines = {
        "wipe": "15000000 wipe d11 - 2000000 0 -",
        "full": "5000000 full g1111 - 6000000 0 -\n6000000 burst g1111 - 0 3000 -",
        "exchange": "9000000 exchange d11 s111 1500000 0 -",
        "pause": "9000000 pause d11 - 9000000 0 -",
        "thin": "2000000 thin g1111 s111 30000000 30000 -",
        "away": "0 away d11 m1 40000000 0 -",
        "version": "2000000 version s111 d11 30000000 0 older\n3000000 version d11 m1 30000000 0 newer",
    }
    settings: Settings = replace(FIVE, schedule=read_schedule(lines[kind]), change=Change.NONE)
    report = run_seed(3, settings)
    assert passed(report)
    assert report.faults[FaultKind(kind).value] >= 1


HARD_DAYS = {
    "move": "9000000 move g1111 d11 0 0 -\n5000000 partition s111 d11 8000000 0 -\n20000000 move d11 p0 0 0 -",
    "restore": "9000000 restore d11 - 6000000 0 found",
    "clone": "2000000 partition g1111 s111 12000000 0 -\n6000000 clone g1111 - 5000000 0 -",
    "rot": "15000000 rot d11 - 0 3 -",
    "garble": "2000000 garble g1111 s111 30000000 150 -\n2000000 garble m1 d11 30000000 150 -",
    "replay": "2000000 replay s111 d11 30000000 150 -\n2000000 replay d11 s111 30000000 150 -",
    "battery": "9000000 battery d11 - 12000000 0 -",
    "stale": "683670 stale m1 - 10461400 54259200000000 -",
    "quota": "3000000 quota s111 - 25000000 300000 -\n3000000 partition s111 d11 15000000 0 -\n8000000 burst g1111 - 0 3000 -",
}
"""One hard day of each kind; `stale` is the short plan of a bug: an alarm that a receiver with a wrong clock refused never came again."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", HARD_DAYS)
def test_a_hard_day_of_one_kind_alone_keeps_every_promise(kind: str) -> None:
    settings = replace(FIVE, schedule=read_schedule(HARD_DAYS[kind]), change=Change.NONE, deadline_records=0)
    report = run_seed(3, settings)
    assert passed(report)
    assert report.faults[FaultKind(kind).value] >= 1


COPIED_CITY = {
    "below": "6000000 restore m1 - 5000000 0 found\n7000000 partition m1 d11 6000000 0 -\n10000000 partition m1 p0 11000000 0 -\n",
    "above": "6000000 restore m1 - 5000000 0 found\n7000000 partition m1 p0 6000000 0 -\n10000000 partition m1 d11 11000000 0 -\n",
}
"""A backup of a city writes to one neighbour before the other shows that the lost disk had written under the same numbers."""


@pytest.mark.slow
@pytest.mark.parametrize("plan", COPIED_CITY.values(), ids=COPIED_CITY)
def test_what_a_copied_city_sent_before_it_knew_counts_once(plan: str) -> None:
    report = run_seed(2, replace(FIVE, schedule=read_schedule(plan), change=Change.NONE, deadline_records=0))
    assert passed(report)
    assert report.faults["restore"] == 1


FOSTERED = "3000000 move s112 d22 0 0 -\n"
COME_HOME = FOSTERED + "20000000 move s112 d11 0 0 -\n"
RETURNED_TO_STREET = "SELECT sum(row_count) FROM batch WHERE direction = 1"


@pytest.mark.slow
def test_a_street_gets_nothing_returned_through_a_foster_parent_and_all_of_it_once_it_is_home(tmp_path: Path) -> None:
    returned = []
    for name, plan in (("away", FOSTERED), ("home", COME_HOME)):
        settings = replace(SMALL_SETTINGS, rounds=3, deadline_records=0, schedule=read_schedule(plan), change=Change.NONE)
        assert passed(run_seed(3, settings, keep=tmp_path / name))
        with closing(sqlite3.connect(tmp_path / name / "s112" / "journal.db")) as journal:
            returned.append(journal.execute(RETURNED_TO_STREET).fetchone()[0] or 0)
    assert returned[0] == 0 < returned[1]


GONE_ON = "4000000 move g1211 s112 0 0 -\n12000000 partition d11 m1 16000000 0 -\n21000000 move s112 d12 0 0 -\n"
"""A grid goes below a street of another district, then the street to that district, while its former district has records of the grid."""


@pytest.mark.slow
def test_what_a_former_parent_still_holds_of_a_fostered_grid_goes_up_from_there() -> None:
    settings = replace(SMALL_SETTINGS, rounds=3, deadline_records=0, schedule=read_schedule(GONE_ON), change=Change.NONE)
    assert passed(run_seed(2, settings))


BEHIND = "3000000 stale p0 - 22000000 67910400000000 -\n5000000 quota m1 - 27000000 120000 -\n"
BEHIND += "8000000 burst g1111 - 0 1500 -\n14000000 burst g1111 - 0 1500 -\n"
"""A city with a small disk keeps what a province with a wrong clock refuses, until it may try again."""


@pytest.mark.slow
def test_what_was_refused_for_a_time_is_not_let_go_as_delivered() -> None:
    report = run_seed(3, replace(FIVE, schedule=read_schedule(BEHIND), change=Change.NONE, deadline_records=0))
    assert passed(report)
    assert (report.faults["stale"], report.faults["quota"]) == (1, 1)
