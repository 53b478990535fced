"""A real node is recorded while readings flow and its link breaks; the recording replays equal, holds no value, and changes are found."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from node.client import ApiError
from node.clock import SystemClock
from sync.model import Instant, Level
from tests.e2e.cluster import QUICK_LIMITS, ROOT, Cluster, Place, cli, records

TREE = (
    Place("city", Level.PROVINCIAL, "370202"),
    Place("grid", Level.GRID, "370202001001001", "city"),
)
COLUMNS = ["device", "quantity", "value", "text", "unit"]
SECRET = "a-word-nobody-else-uses"
SECONDS = 3.0
WAIT_S = 30.0


def put(cluster: Cluster, count: int) -> None:
    rows = [[f"{SECRET}-{number}", "pm25", 0.5, SECRET, None] for number in range(count)]
    cluster["grid"].call("put", resource="air-quality", columns=COLUMNS, rows=rows)


def record(cluster: Cluster, node: str, out: Path, done: list[dict[str, Any]]) -> threading.Thread:
    """Record a node in a thread, as a person would in another terminal."""

    def work() -> None:
        ended = cli(cluster[node].folder, "trace", "record", "--seconds", f"{SECONDS:g}", "--out", str(out), "--json")
        done.append({"code": ended.returncode, "stderr": ended.stderr} | (json.loads(ended.stdout) if ended.stdout else {}))

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def wait_begun(cluster: Cluster, path: Path, clock: SystemClock) -> Instant:
    """Wait until a recording has begun; the last moment at which it had not."""
    before = clock.now()

    def has_begun() -> bool:
        nonlocal before
        looked_at = clock.now()
        if path.exists() and path.stat().st_size > 0:
            return True
        before = looked_at
        return False

    cluster.wait(f"{path.name} to begin", has_begun)
    return before


def replay(path: Path) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "node.cli", "--lang", "en", "simulate", "--replay", str(path), "--json"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False)
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else {}, ended.stderr


@pytest.mark.slow
def test_a_recorded_node_replays_equal_over_a_broken_link(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make(TREE, limits=QUICK_LIMITS)
    files = {name: tmp_path / f"{name}.trace" for name in ("grid", "city")}
    try:
        cluster.start()
        cluster.wait_linked()
        put(cluster, 40)
        cluster.wait("40 records at the city", lambda: records(cluster["city"], "air-quality") == 40, timeout_s=WAIT_S)
        done: list[dict[str, Any]] = []
        threads, stored_at, begun, clock = [], [], {}, SystemClock()
        for name, path in files.items():  # the second recording ends the link that the first one sees
            threads.append(record(cluster, name, path, done))
            begun[name] = wait_begun(cluster, path, clock)
            for _ in range(5):
                put(cluster, 7)
                stored_at.append(clock.now())
                cluster["grid"].pace()
        cluster.wait("110 records at the city", lambda: records(cluster["city"], "air-quality") == 110, timeout_s=WAIT_S)
        for thread in threads:
            thread.join(WAIT_S)
        assert [entry["code"] for entry in done] == [0, 0], done
        with pytest.raises(ApiError, match="is there already"):
            cluster["grid"].call("trace_record", path=str(files["grid"]), seconds=1.0)
        put(cluster, 3)
        cluster.wait("113 records at the city", lambda: records(cluster["city"], "air-quality") == 113, timeout_s=WAIT_S)
    finally:
        cluster.stop()
    # A slow machine stores the last of them after the recording's seconds are over.
    inside = sum(at.seconds_since(begun["grid"]) < SECONDS for at in stored_at)
    least = {"grid": inside, "city": 1}  # what arrives is merged
    for name, path in files.items():
        assert SECRET.encode() not in path.read_bytes()
        code, found, stderr = replay(path)
        assert (code, found["equal"], found["violations"]) == (0, True, []), (name, found, stderr)
        assert found["kinds"]["link_up"] >= 1, found
        assert found["batches"] >= least[name], found
