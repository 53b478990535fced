"""Runs every check and every test suite, prints what each took against its share, and ends with one closing line like pytest's.

Owns the table of suites and their shares of the 15 minutes. Refuses a test folder that no suite names. Called by `./yunnao test`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from node.clock import Clock, SystemClock

ROOT = Path(__file__).resolve().parent.parent
SHARES_S_MAX = 900
"""Seconds all suites may take together on two cores."""
OVERRUN_FACTOR = 2
"""A suite that runs this many times its share is ended and fails, so that a hanging test cannot hold the run for ever.

Below that an overrun is said and fails nothing: machines differ by a third from hour to hour, and no test of the project is timed.
"""
MEMORY = Path("/dev/shm")
"""A disk in memory, in which the run makes a folder of its own."""
MEMORY_BYTES_MIN = 4 << 30
"""Free bytes from which the run's journals lie in memory: on a disk, half of the time of `node` is spent waiting for fsync."""


@dataclass(frozen=True, slots=True)
class Check:
    """A check that is not pytest's; it must exit 0."""

    command: tuple[str, ...]
    again: tuple[str, ...] = ()
    """Run instead where the command could not do its work (exit status BROKE_DOWN)."""


BROKE_DOWN = 2
"""What mypy exits with when it found nothing out: its workers have three seconds to start, which a busy machine may not give them."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A part of the run with its share of the time."""

    name: str
    share_s: int
    checks: tuple[Check, ...] = ()
    tests: tuple[str, ...] = ()
    """Paths under the project root that one pytest run takes."""
    workers: int = 0
    """Processes of pytest-xdist; 0 runs in one. More than the two cores where tests wait: a thin link takes a minute and no processor."""
    groups_stay_whole: bool = False
    """True where the tests of one file share nodes that were made for it: they then run in one worker, as tests/conftest.py groups them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a suite came to."""

    suite: str
    took_s: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    complaints: tuple[str, ...] = ()
    """Why the suite fails beyond its failed tests, one sentence each."""
    overrun: str = ""
    """What it took beyond its share, as a sentence; it fails nothing."""

    @property
    def is_good(self) -> bool:
        """True when nothing failed and nothing is complained about."""
        return not self.failed and not self.complaints


SUITES = (
    Suite(
        "checks",
        58,
        checks=(Check(("ruff", "check", ".")), Check(("mypy", "--num-workers", "2"), again=("mypy",)), Check(("lint-imports",))),
        tests=("tests/test_tidy.py", "tests/house"),
        workers=2,
    ),
    Suite("sync", 36, tests=("tests/sync", "tests/contracts", "tests/fuzz"), workers=2),
    Suite("node", 158, tests=("tests/node",), workers=2),
    Suite("policies", 28, tests=("tests/policies", "tests/attacks"), workers=2),
    Suite("edge_ai", 70, tests=("tests/edge_ai",), workers=2),
    Suite("tui", 96, tests=("tests/tui",), workers=2),
    Suite("simulations", 174, tests=("tests/simulations", "tests/benchmarks", "tests/training"), workers=2),
    Suite("e2e", 280, tests=("tests/network", "tests/e2e"), workers=3, groups_stay_whole=True),
)


def main(arguments: Sequence[str]) -> int:
    """Run the suites named in `arguments`, or all; 0 when everything passed, 1 when something failed, 2 for an unknown name."""
    unknown = sorted(set(arguments) - {suite.name for suite in SUITES})
    if unknown:
        say(f"unknown suite {', '.join(unknown)}: choose from {', '.join(suite.name for suite in SUITES)}")
        return 2
    clock = SystemClock()
    begin = clock.now()
    outcomes = [table_outcome(ROOT, SUITES)]
    with tempfile.TemporaryDirectory(prefix="yn-", dir=temporary_place(MEMORY), ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder
        outcomes += [run_suite(suite, clock) for suite in SUITES if not arguments or suite.name in arguments]
    say("")
    for line in report(outcomes, SUITES, clock.now().seconds_since(begin)):
        say(line)
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


def temporary_place(memory: Path) -> Path | None:
    """Where the folders of tests lie: in `memory` where it is and has room, else (None) where the machine has them."""
    has_room = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= MEMORY_BYTES_MIN
    return memory if has_room else None


def table_outcome(root: Path, suites: Sequence[Suite]) -> Outcome:
    """Complaints about the table itself: test paths that no suite names, suites whose path is missing, shares over the limit."""
    named = {path for suite in suites for path in suite.tests}
    present = {f"tests/{name}" for name in suite_paths(root / "tests")}
    complaints = [f"{path} is in no suite: add it to the table in tests/run_suites.py" for path in sorted(present - named)]
    complaints += [f"{path} is in the table and not in the tree: take it out of tests/run_suites.py" for path in sorted(named - present)]
    total_s = sum(suite.share_s for suite in suites)
    if total_s > SHARES_S_MAX:
        complaints.append(f"the shares add up to {total_s} s, over the {SHARES_S_MAX} s of a whole run")
    return Outcome("table", complaints=tuple(complaints))


def suite_paths(tests: Path) -> Iterator[str]:
    """Names under `tests` that hold tests: folders with a test module anywhere below, and test modules."""
    for entry in tests.iterdir():
        is_folder_with_tests = entry.is_dir() and next(entry.rglob("test_*.py"), None) is not None
        if is_folder_with_tests or entry.match("test_*.py"):
            yield entry.name


def run_suite(suite: Suite, clock: Clock) -> Outcome:
    """Run one suite's checks and tests, their output going straight to the terminal."""
    say(f"== {suite.name} (share {suite.share_s} s)")
    begin = clock.now()
    complaints = [f"{check.command[0]} failed" for check in suite.checks if not passes(check, suite.share_s)]
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "junit.xml"
        code = run([*pytest_command(suite, xml), f"--basetemp={folder}/t"], suite.share_s * OVERRUN_FACTOR)
        if xml.exists():
            passed, failed, skipped = read_junit(xml.read_text("utf-8"))
    if code and not failed:
        complaints.append(f"pytest ended with exit status {code} and no failed test: see its lines above")
    took_s = clock.now().seconds_since(begin)
    overrun = f"took {took_s:.1f} s, over its share of {suite.share_s} s" if took_s > suite.share_s else ""
    return Outcome(suite.name, took_s, passed, failed, skipped, tuple(complaints), overrun)


def passes(check: Check, limit_s: float) -> bool:
    """Run a check; False when it found something."""
    status = run([str(tool(check.command[0])), *check.command[1:]], limit_s)
    if status == BROKE_DOWN and check.again:
        status = run([str(tool(check.again[0])), *check.again[1:]], limit_s)
    return status == 0


def tool(name: str) -> Path:
    """A program of the virtual environment that runs this script."""
    return Path(sys.executable).parent / name


def pytest_command(suite: Suite, xml: Path) -> list[str]:
    """The command line of a suite's pytest run, writing JUnit XML to `xml`."""
    spread = ["--dist", "loadfile", "--no-loadscope-reorder"] if suite.groups_stay_whole else ["--dist", "load"]
    workers = ["-n", str(suite.workers), *spread] if suite.workers else []
    return [sys.executable, "-m", "pytest", *suite.tests, *workers, "--durations=3", f"--junitxml={xml}"]


def run(command: Sequence[str], limit_s: float) -> int:
    """Exit status of `command` in the project root; one that runs past `limit_s` is ended with all it started."""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            say(f"{Path(command[0]).name} ran past {limit_s:.0f} s and was ended")
            return -signal.SIGKILL
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def read_junit(text: str) -> tuple[int, int, int]:
    """(passed, failed, skipped) of a JUnit report; errors count as failed."""
    passed = failed = skipped = 0
    for suite in ET.fromstring(text).iter("testsuite"):
        bad = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        left_out = int(suite.get("skipped", "0"))
        passed += int(suite.get("tests", "0")) - bad - left_out
        failed += bad
        skipped += left_out
    return passed, failed, skipped


def report(outcomes: Sequence[Outcome], suites: Sequence[Suite], total_s: float) -> Iterator[str]:
    """The lines of the summary: one per suite, the complaints, and the closing line."""
    shares = {suite.name: suite.share_s for suite in suites}
    for outcome in outcomes:
        if outcome.suite in shares:
            word = "ok" if outcome.is_good else "FAILED"
            share_s = shares[outcome.suite]
            yield f"{outcome.suite:<12} {outcome.took_s:7.1f} s of {share_s:>4} s  {closing_counts([outcome])}  {word}"
    yield from (f"SLOW {outcome.suite}: {outcome.overrun}" for outcome in outcomes if outcome.overrun)
    for outcome in outcomes:
        yield from (f"FAILED {outcome.suite}: {complaint}" for complaint in outcome.complaints)
    yield f"{sum(outcome.passed for outcome in outcomes)} passed, {sum(outcome.failed for outcome in outcomes)} failed"
    yield f"{closing_counts(outcomes)} in {total_s:.2f}s"


def closing_counts(outcomes: Sequence[Outcome]) -> str:
    """`3 failed, 120 passed, 2 skipped` as pytest words it; each complaint counts as an error."""
    errors = sum(len(outcome.complaints) for outcome in outcomes)
    counts = {
        "failed": sum(outcome.failed for outcome in outcomes),
        "passed": sum(outcome.passed for outcome in outcomes),
        "skipped": sum(outcome.skipped for outcome in outcomes),
        "error" if errors == 1 else "errors": errors,
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count or word == "passed")


def say(line: str) -> None:
    """Write a line to the terminal before anything a child process writes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
