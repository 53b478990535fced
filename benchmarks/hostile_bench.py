"""What an honest child notices of each attack: `python -m benchmarks.hostile_bench [--runs 5] [--readings 100] [--attacks NAME ...]`.

A real parent and a real honest child share the first core; the attacker is a process of its own on the last one (os.sched_setaffinity),
with the identity of an admitted child. A reading is put at the honest child every PACE_S; its latency is from that moment to its commit
at the parent, seen by reading the parent's journal beside it every POLL_S. Each run measures without and with each attack, one right
after the other; the medians of the runs' p99 are compared. Prints one line for each attack as a Markdown table, and what the parent's
status counted meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import psutil

from benchmarks.hostile_child import ATTACKS
from sync.model import Level
from tests.e2e.cluster import HOST, ROOT, Cluster, Place

PARENT, HONEST, HOSTILE = "shandong", "honest", "hostile"
TREE = (
    Place(PARENT, Level.PROVINCIAL, "37"),
    Place(HONEST, Level.DISTRICT, "370202", PARENT),
    Place(HOSTILE, Level.DISTRICT, "370205", PARENT),
)
ATTACK_S = 0.5
"""An attack says what it did this often; it is repeated for as long as is measured."""
ATTACKS_MAX = 1_000
"""Times it is repeated at most."""
PACE_S = 0.05
POLL_S = 0.002
PATIENCE_S = 30.0
WARM_UP = 20
"""Readings before the first measure: plans are compiled, files grow."""
GOAL_RATIO, GOAL_BEYOND_MS = 2.0, 50.0
RSS_CAP_MB = 400
"""What the parent may take: at rest 140 MB, two inboxes of 8 MB and a frame of 16 MB on both sides of its decoding for each child."""
SAID_CHARS_MAX = 90
HEAD = """| Attack | p50 / p99 without, ms | with | goal of p99 | parent, MB | descriptors | counted | what the status says last |
|---|---|---|---|---|---|---|---|"""
RESOURCE = "incidents"
COLUMNS = ["incident_id", "event_id", "class", "severity", "handling_level", "state", "summary"]


@dataclass(frozen=True, slots=True)
class Measure:
    """Latencies of one stretch, milliseconds."""

    p50_ms: float
    p99_ms: float
    rss_mb: int
    """The most that the parent took."""
    descriptors: int
    """The most that it had open."""


@dataclass(slots=True)
class Row:
    """Everything measured of one attack."""

    attack: str
    calm: list[Measure] = field(default_factory=list)
    hit: list[Measure] = field(default_factory=list)
    counted: int = 0
    """Offences that the status counted while it went on."""
    said: str = ""
    """What the status says last of the attacker."""

    @property
    def goal_ms(self) -> float:
        """What the p99 of the honest child may be."""
        return GOAL_RATIO * median(entry.p99_ms for entry in self.calm) + GOAL_BEYOND_MS

    @property
    def p99_ms(self) -> float:
        """The median of the runs' p99 under attack."""
        return median(entry.p99_ms for entry in self.hit)

    @property
    def passes(self) -> bool:
        """True when the honest child noticed no more than allowed, and the parent's memory stayed below its cap."""
        return self.p99_ms <= self.goal_ms and max(entry.rss_mb for entry in self.hit) <= RSS_CAP_MB

    def line(self) -> str:
        """The row of the table."""
        verdict = "PASS" if self.passes else "FAIL"
        rss_mb, descriptors = max(entry.rss_mb for entry in self.hit), max(entry.descriptors for entry in self.hit)
        cells = (f"`{self.attack}`", _both(self.calm), _both(self.hit), f"{self.goal_ms:.0f} {verdict}", rss_mb, descriptors)
        return f"| {' | '.join(map(str, (*cells, self.counted, self.said)))} |"


def _both(side: Sequence[Measure]) -> str:
    return f"{median(entry.p50_ms for entry in side):.0f} / {median(entry.p99_ms for entry in side):.0f}"


class Watch:
    """The newest number of the honest child that the parent has committed."""

    def __init__(self, journal: Path) -> None:
        self._connection = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)

    def reached(self) -> int:
        """0 before the first."""
        statement = "SELECT max(last_seq) FROM stream_range WHERE origin = ? AND resource = ? AND state = 1"
        return int(self._connection.execute(statement, (HONEST, RESOURCE)).fetchone()[0] or 0)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()


def measure(cluster: Cluster, readings: int) -> Measure:
    """Put readings one after another."""
    parent, took, rss_mb, descriptors = psutil.Process(cluster[PARENT].pid), [], 0, 0
    with closing(Watch(cluster[PARENT].journal)) as watch:
        number = watch.reached()
        for _ in range(readings):
            number += 1
            began = time.perf_counter()
            row = [f"inc-{number}", f"ev-{number}", "fire", 3, "street", "open", "smoke"]
            cluster[HONEST].call("put", resource=RESOURCE, columns=COLUMNS, rows=[row])
            while watch.reached() < number:
                if time.perf_counter() - began > PATIENCE_S:
                    raise RuntimeError(f"reading {number} is not at the parent after {PATIENCE_S:g} s")
                time.sleep(POLL_S)
            took.append((time.perf_counter() - began) * 1e3)
            rss_mb, descriptors = max(rss_mb, int(parent.memory_info().rss) >> 20), max(descriptors, parent.num_fds())
            time.sleep(max(0.0, PACE_S - (time.perf_counter() - began)))
    return Measure(median(took), quantiles(took, n=100, method="inclusive")[-1], rss_mb, descriptors)


@contextmanager
def attack(cluster: Cluster, core: int, name: str) -> Iterator[None]:
    """The attacker's process on `core`, while the block runs; it begins once the first round of the attack is over."""
    others = [f"{HOST}:{cluster[PARENT].ports[port]}" for port in ("join", "door")]
    command = [sys.executable, "-m", "benchmarks.hostile_child", str(cluster[HOSTILE].folder), f"{HOST}:{cluster[PARENT].ports['link']}"]
    command += [*[name] * ATTACKS_MAX, "--seconds", str(ATTACK_S), "--core", str(core), "--others", *others]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the attacker ended by itself: its errors are above")
        yield
        if process.poll() is not None:
            raise RuntimeError("the attacker ended by itself: its errors are above")
    finally:
        process.kill()
        process.communicate()


def offences(cluster: Cluster) -> tuple[int, str]:
    """How many the parent's status counts of the attacker and of strangers, and the words of the last."""
    found = cluster[PARENT].call("status")["offences"]
    assert HONEST not in [entry["peer"] for entry in found], "the honest child is accused"
    counted = sum(entry["frames"] + entry["links"] + entry["hurries"] for entry in found)
    return counted, json.dumps(found[0]["last"], ensure_ascii=False) if found else ""


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--readings", type=int, default=100)
    parser.add_argument("--attacks", nargs="+", choices=sorted(ATTACKS), default=list(ATTACKS))
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="yn") as folder:
        cluster = Cluster(Path(folder))
        cluster.make(TREE, limits="")
        try:
            # Everything honest shares the first core, the attacker has the last for itself.
            os.sched_setaffinity(0, {cores[0]})
            cluster.start(PARENT, HONEST)
            cluster.wait("the honest link", lambda: cluster[HONEST].call("status")["node"]["link"]["state"] == "up")
            return report(cluster, cores[-1], options.runs, options.readings, options.attacks)
        finally:
            os.sched_setaffinity(0, set(cores))
            cluster.stop()


def report(cluster: Cluster, core: int, runs: int, readings: int, attacks: Sequence[str]) -> int:
    """Measure and print."""
    rows = [Row(name) for name in attacks]
    measure(cluster, min(readings, WARM_UP))
    for run in range(1, runs + 1):
        for row in rows:
            row.calm.append(measure(cluster, readings))
            before, _ = offences(cluster)
            with attack(cluster, core, row.attack):
                row.hit.append(measure(cluster, readings))
            after, said = offences(cluster)
            row.counted += after - before
            row.said = said[:SAID_CHARS_MAX] if after > before else row.said
            sys.stderr.write(f"run {run} of {runs}: {row.attack} {row.calm[-1].p99_ms:.0f} -> {row.hit[-1].p99_ms:.0f} ms\n")
    print(HEAD)
    for row in rows:
        print(row.line())
    lost = cluster[HONEST].log.count("link up with") - 1
    load = os.getloadavg()[0]
    print(f"\nmedians of {runs} runs of {readings} readings each way; load {load:.1f}; honest links lost: {lost}")
    return 0 if all(row.passes for row in rows) and not lost else 1


if __name__ == "__main__":
    sys.exit(main())
