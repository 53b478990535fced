"""What an honest child notices of an attack: `python -m benchmarks.hostile_bench [--runs 5] [--readings 200]`.

A real parent and a real honest child; the attackers are a process of their own on the other core (os.sched_setaffinity), with the identity
of an admitted child, and go through attacks that load the parent without end. A reading is put at the honest child every PACE_S; its
latency is from that moment to its commit at the parent, seen by reading the parent's journal beside it every POLL_S. Each run measures
without and with the attack; the medians of the runs' p99 are compared.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import psutil

from sync.model import Level
from tests.e2e.cluster import HOST, ROOT, Cluster, Place

PARENT, HONEST, HOSTILE = "shandong", "honest", "hostile"
TREE = (
    Place(PARENT, Level.PROVINCIAL, "37"),
    Place(HONEST, Level.DISTRICT, "370202", PARENT),
    Place(HOSTILE, Level.DISTRICT, "370205", PARENT),
)
ATTACKS = ("flood", "bombs", "garbage", "statuses", "refusals", "deaf", "streams", "strangers")
ATTACK_S = 0.5
"""Each attack of the round; the round is repeated for as long as is measured."""
PACE_S = 0.05
POLL_S = 0.002
PATIENCE_S = 30.0
GOAL_RATIO, GOAL_BEYOND_MS = 2.0, 50.0
LANE = "alarm"
RESOURCE = "incidents"
COLUMNS = ["incident_id", "event_id", "class", "severity", "handling_level", "state", "summary"]


@dataclass(frozen=True, slots=True)
class Measure:
    """Latencies of one stretch, milliseconds."""

    p50_ms: float
    p99_ms: float
    rss_mb: int
    """The most that the parent took."""


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
    parent, took, rss_mb = psutil.Process(cluster[PARENT].pid), [], 0
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
            rss_mb = max(rss_mb, int(parent.memory_info().rss) >> 20)
            time.sleep(max(0.0, PACE_S - (time.perf_counter() - began)))
    return Measure(median(took), quantiles(took, n=100)[-1], rss_mb)


@contextmanager
def attack(cluster: Cluster, core: int, attacks: tuple[str, ...]) -> Iterator[None]:
    """The attacker's process on `core`, while the block runs."""
    address = f"{HOST}:{cluster[PARENT].ports['link']}"
    command = [sys.executable, "-m", "benchmarks.hostile_child", str(cluster[HOSTILE].folder), address, *attacks * 100]
    process = subprocess.Popen(
        [*command, "--seconds", str(ATTACK_S), "--core", str(core)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError("the attacker ended by itself: its errors are above")
    finally:
        process.kill()
        process.wait()


def main() -> int:
    """Print the runs and the medians; 1 when the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--readings", type=int, default=200)
    parser.add_argument("--attacks", nargs="+", default=ATTACKS)
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
            return report(cluster, cores[-1], options.runs, options.readings, tuple(options.attacks))
        finally:
            os.sched_setaffinity(0, set(cores))
            cluster.stop()


def report(cluster: Cluster, core: int, runs: int, readings: int, attacks: tuple[str, ...]) -> int:
    """Measure and print."""
    calm, hit = [], []
    measure(cluster, min(readings, 20))  # plans are compiled, files grow
    for run in range(1, runs + 1):
        calm.append(measure(cluster, readings))
        with attack(cluster, core, attacks):
            hit.append(measure(cluster, readings))
        print(
            f"run {run}: without p50 {calm[-1].p50_ms:.1f} ms, p99 {calm[-1].p99_ms:.1f} ms; with p50 {hit[-1].p50_ms:.1f} ms, "
            f"p99 {hit[-1].p99_ms:.1f} ms; parent {hit[-1].rss_mb} MB", flush=True,
        )  # fmt: skip
    base, worst = median(entry.p99_ms for entry in calm), median(entry.p99_ms for entry in hit)
    goal = GOAL_RATIO * base + GOAL_BEYOND_MS
    lost = cluster[HONEST].log.count("link up with") - 1
    print(
        f"median of {runs}: p99 {base:.1f} ms without, {worst:.1f} ms with (goal {goal:.1f} ms); parent's memory at most "
        f"{max(entry.rss_mb for entry in hit)} MB; honest links lost: {lost}"
    )
    return 0 if worst <= goal else 1


if __name__ == "__main__":
    sys.exit(main())
