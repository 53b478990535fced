"""The suite runner: its table, its counts, and the runs it must not call good."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import run_suites
from tests.house.tree import ROOT
from tests.run_suites import (
    BROKE_DOWN,
    SHARES_S_MAX,
    SUITES,
    Check,
    Outcome,
    Suite,
    closing_counts,
    main,
    passes,
    read_junit,
    report,
    run,
    table_outcome,
    temporary_place,
)

JUNIT = """<?xml version="1.0"?><testsuites>
<testsuite name="a" errors="1" failures="2" skipped="3" tests="10"/><testsuite name="b" errors="0" failures="0" skipped="0" tests="5"/>
</testsuites>"""


def make_tests(root: Path, *modules: str) -> None:
    """Empty test modules below `root`."""
    for module in modules:
        path = root / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_shares_fit_into_a_quarter_of_an_hour() -> None:
    assert sum(suite.share_s for suite in SUITES) <= SHARES_S_MAX == 15 * 60


def test_every_test_folder_is_in_the_table() -> None:
    assert table_outcome(ROOT, SUITES).complaints == ()


def test_a_test_folder_outside_the_table_fails_the_run(tmp_path: Path) -> None:
    make_tests(tmp_path, "tests/sync/test_a.py", "tests/forgotten/deep/test_b.py", "tests/data/readme.txt")
    outcome = table_outcome(tmp_path, [Suite("sync", 60, tests=("tests/sync",))])
    assert outcome.complaints == ("tests/forgotten is in no suite: add it to the table in tests/run_suites.py",)
    assert not outcome.is_good


def test_a_suite_that_lost_its_folder_fails_the_run(tmp_path: Path) -> None:
    make_tests(tmp_path, "tests/sync/test_a.py")
    outcome = table_outcome(tmp_path, [Suite("all", 60, tests=("tests/sync", "tests/gone"))])
    assert outcome.complaints == ("tests/gone is in the table and not in the tree: take it out of tests/run_suites.py",)


def test_shares_over_the_limit_fail_the_run(tmp_path: Path) -> None:
    make_tests(tmp_path, "tests/sync/test_a.py")
    outcome = table_outcome(tmp_path, [Suite("sync", SHARES_S_MAX + 1, tests=("tests/sync",))])
    assert outcome.complaints == ("the shares add up to 901 s, over the 900 s of a whole run",)


def test_errors_count_as_failed_and_what_is_left_passed() -> None:
    assert read_junit(JUNIT) == (9, 3, 3)


def test_the_report_ends_with_one_closing_line() -> None:
    outcomes = [Outcome("sync", 12.5, passed=10), Outcome("node", 3.0, passed=5, skipped=2)]
    lines = list(report(outcomes, [Suite("sync", 60), Suite("node", 150)], 15.5))
    assert lines == [
        "sync            12.5 s of   60 s  10 passed  ok",
        "node             3.0 s of  150 s  5 passed, 2 skipped  ok",
        "15 passed, 0 failed",
        "15 passed, 2 skipped in 15.50s",
    ]


def test_a_complaint_is_printed_and_counted_in_the_closing_line() -> None:
    outcome = Outcome("sync", 70.0, passed=10, complaints=("ruff failed",))
    lines = list(report([outcome], [Suite("sync", 60)], 70.0))
    assert "FAILED sync: ruff failed" in lines
    assert lines[-1] == "10 passed, 1 error in 70.00s"
    assert not outcome.is_good


def test_a_suite_over_its_share_is_named_and_fails_nothing() -> None:
    outcome = Outcome("sync", 70.0, passed=10, overrun="took 70.0 s, over its share of 60 s")
    lines = list(report([outcome], [Suite("sync", 60)], 70.0))
    assert "SLOW sync: took 70.0 s, over its share of 60 s" in lines
    assert lines[-1] == "10 passed in 70.00s"
    assert outcome.is_good


def test_failed_tests_come_first_in_the_counts() -> None:
    assert closing_counts([Outcome("sync", failed=1, passed=2), Outcome("node", failed=2)]) == "3 failed, 2 passed"


def test_an_unknown_suite_is_refused_with_the_names_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes"]) == 2
    assert "unknown suite nodes: choose from checks, sync, node" in capsys.readouterr().out


def test_folders_of_tests_lie_in_memory_only_where_it_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert temporary_place(tmp_path / "absent") is None
    monkeypatch.setattr(run_suites, "MEMORY_BYTES_MIN", 0)
    assert temporary_place(tmp_path) == tmp_path
    monkeypatch.setattr(run_suites, "MEMORY_BYTES_MIN", 1 << 62)
    assert temporary_place(tmp_path) is None


def test_a_command_reports_its_exit_status() -> None:
    assert run([sys.executable, "-c", "raise SystemExit(3)"], 30) == 3


@pytest.mark.slow
def test_a_command_that_hangs_is_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([sys.executable, "-c", "import threading; threading.Event().wait()"], 0.5) != 0
    assert "ran past" in capsys.readouterr().out


def test_a_check_that_broke_down_runs_once_more_and_one_that_found_something_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    ends = {"broken": BROKE_DOWN, "strict": 1, "slow": 0}

    def run(command: Sequence[str], limit_s: float) -> int:
        ran.append(Path(command[0]).name)
        return ends[ran[-1]]

    monkeypatch.setattr(run_suites, "run", run)
    assert passes(Check(("broken",), again=("slow",)), 1.0)
    assert not passes(Check(("strict",), again=("slow",)), 1.0)
    assert not passes(Check(("broken",)), 1.0)
    assert ran == ["broken", "slow", "strict", "broken"]
