"""Durable catch-up over a chain of real node processes, beside appending the same batches to a journal in the same run.

Usage: python -m benchmarks.chain_bench [--hops N] [--rows N] [--batches N] [--rules policy|pass] [--spread together|scattered]
The lowest node has a backlog, as after an outage; links then open, and the time runs from that moment until the top has committed
everything. Every node is a process of its own: journal with synchronous=FULL, mTLS over loopback, signed manifests, gate at both ends
of every hop. All records of the backlog count, those that the policy withholds too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO

from benchmarks import workload
from benchmarks.chain_files import COMMIT_BATCHES, fill, make_chain
from benchmarks.workload import Rules, Spread
from node.store.journal import open_journal
from sync.core.engine import Engine
from sync.core.ready import LocalBatch
from sync.model import DEFAULT_LIMITS, ClockQuality, Instant, PolicyVersion
from sync.model.writes import Recovered, Write

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Case:
    """One measure."""

    hops: int = 1
    rows: int = 5_000
    """Rows of a batch of the backlog."""
    batches: int = 200
    rules: Rules = Rules.POLICY
    spread: Spread = Spread.TOGETHER
    live: bool = False
    """True when the lowest node makes the batches while the links are up, instead of having them as a backlog."""

    @property
    def records(self) -> int:
        """Records of the backlog."""
        return self.rows * self.batches


@dataclass(frozen=True, slots=True)
class Round:
    """What one run gave; rates in records per second."""

    rate: float
    append_rate: float
    """Appending the same batches to a journal, COMMIT_BATCHES in a commit."""
    cpu_s: tuple[float, ...]
    """CPU of each node from the top down, per million records."""
    rss_mb: tuple[float, ...]
    group: float
    """Frames in one commit of the top."""

    @property
    def ratio(self) -> float:
        """Catch-up over append."""
        return self.rate / self.append_rate


class Process:
    """A node process and its lines."""

    def __init__(self, folder: Path, records: int, profile: Path | None, extra: Sequence[str] = ()) -> None:
        extra = [*extra, *(["--profile", str(profile / f"{folder.name}.prof")] if profile else [])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.chain_node", str(folder), str(records), *extra],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait(self, key: str) -> dict[str, float]:
        """The next line that has `key`."""
        for line in _lines(self._process.stdout):
            fact: dict[str, float] = json.loads(line)
            if key in fact:
                return fact
        raise RuntimeError(f"the node ended before it said {key!r}: its errors are above")

    def tell(self, line: str) -> None:
        """One line to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self) -> None:
        """Close its stdin and wait."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def _lines(stream: IO[str] | None) -> Iterator[str]:
    assert stream is not None
    return iter(stream.readline, "")


def rounds_of(case: Case, count: int, profile: Path | None = None) -> list[Round]:
    """`count` runs of a case, each from the same backlog."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folders = make_chain(root / "chain", hops=case.hops, rules=case.rules, now_us=time.time_ns() // 1_000)
        backlog = workload.batches(case.batches, rows=case.rows, spread=case.spread)
        if not case.live:
            fill(folders[-1], backlog)
        names = [folder.name for folder in folders]
        results = []
        for index in range(count):
            shutil.copytree(root / "chain", root / "run")
            results.append(_round(case, [root / "run" / name for name in names], backlog, root / f"raw-{index}.db", profile))
            shutil.rmtree(root / "run")
        return results


def _round(case: Case, folders: Sequence[Path], backlog: Sequence[LocalBatch], raw: Path, profile: Path | None) -> Round:
    append_rate = case.records / append_s(raw, backlog)
    with ExitStack() as stack:
        live = ["--live", str(case.batches), "--rows", str(case.rows)] if case.live else []
        extras = [*([] for _ in folders[1:]), live]
        nodes = [stack.enter_context(running(folder, case.records, profile, extra)) for folder, extra in zip(folders, extras, strict=True)]
        ports = [int(node.wait("port")["port"]) for node in nodes]
        nodes[0].tell("")
        began = time.monotonic()
        for node, parent_port in zip(nodes[1:], ports, strict=False):
            node.tell(f"127.0.0.1:{parent_port}")
        done = [node.wait("done") for node in nodes]
    millions = case.records / 1e6
    return Round(
        rate=case.records / (done[0]["done"] - began),
        append_rate=append_rate,
        cpu_s=tuple(fact["cpu_s"] / millions for fact in done),
        rss_mb=tuple(fact["rss_mb"] for fact in done),
        group=done[0]["batches"] / max(1, done[0]["commits"]),
    )


@contextmanager
def running(folder: Path, records: int, profile: Path | None = None, extra: Sequence[str] = ()) -> Iterator[Process]:
    """A node process for as long as the context lasts."""
    process = Process(folder, records, profile, extra)
    try:
        yield process
    finally:
        process.end()


def append_s(path: Path, backlog: Sequence[LocalBatch]) -> float:
    """Seconds to append the backlog to a fresh journal, as a node stores what it makes: same codec, pages and durability."""
    journal = open_journal(path, node="raw", incarnation=1)
    commits = list(commits_of(backlog))
    began = time.perf_counter()
    for writes in commits:
        journal.commit(writes)
    elapsed = time.perf_counter() - began
    journal.close()
    return elapsed


def commits_of(backlog: Sequence[LocalBatch]) -> Iterator[Sequence[Write]]:
    """The writes of a node that makes `backlog`, COMMIT_BATCHES batches a commit."""
    engine = Engine(
        node="raw", incarnation=1, has_parent=True, version=PolicyVersion(), recovered=Recovered(), limits=DEFAULT_LIMITS,
        clock=ClockQuality(),
    )  # fmt: skip
    for start in range(0, len(backlog), COMMIT_BATCHES):
        for batch in backlog[start : start + COMMIT_BATCHES]:
            engine.offer(batch, Instant(0))
        yield engine.ready(Instant(0)).writes
        engine.advance()


def main() -> None:
    """Run the rounds and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hops", type=int, default=1, choices=(1, 2, 3, 4))
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--rules", type=Rules, default=Rules.POLICY, choices=list(Rules))
    parser.add_argument("--spread", type=Spread, default=Spread.TOGETHER, choices=list(Spread))
    parser.add_argument("--live", action="store_true", help="make the batches while the links are up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=Path, help="folder for profiles of every node's event loop")
    options = parser.parse_args()
    case = Case(options.hops, options.rows, options.batches, options.rules, options.spread, options.live)
    print("\n".join(lines_of(case, rounds_of(case, options.rounds, options.profile))))


def lines_of(case: Case, rounds: Sequence[Round]) -> list[str]:
    """What is printed of a case."""
    rates = [entry.rate for entry in rounds]
    cpu = " + ".join(f"{median(values):.2f}" for values in zip(*(entry.cpu_s for entry in rounds), strict=True))
    rss = ", ".join(f"{median(values):.0f}" for values in zip(*(entry.rss_mb for entry in rounds), strict=True))
    title = f"{case.hops} hop, {case.batches} batches of {case.rows}, {case.rules.value}, listed rows {case.spread.value}"
    append, ratio = median(entry.append_rate for entry in rounds), median(entry.ratio for entry in rounds)
    return [
        f"{title}: {median(rates):,.0f} records/s ({min(rates):,.0f}-{max(rates):,.0f})",
        f"    append of the same batches {append:,.0f} records/s, ratio {ratio:.3f}",
        f"    CPU s per million, top down: {cpu}; RSS MB: {rss}; {median(entry.group for entry in rounds):.1f} frames a commit at the top",
    ]


if __name__ == "__main__":
    main()
