"""Thousands of connections that say nothing, on every port of a node that may open 1,024 descriptors: it lives, and honest peers get in."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sync.model import Level
from tests.e2e.cluster import HOST, ROOT, Cluster, Place, cli, cli_json

pytestmark = pytest.mark.slow

PARENT, HONEST, LATE, HOSTILE = "shandong", "honest", "late", "hostile"
FEW = ("sh", "-c", 'ulimit -n 1024 && exec "$0" "$@"')
"""Put before a command: it may open so many descriptors and cannot ask for more."""
TREE = (
    Place(PARENT, Level.PROVINCIAL, "37", prefix=FEW),
    Place(HONEST, Level.DISTRICT, "370202", PARENT),
    Place(LATE, Level.DISTRICT, "370203", PARENT),
    Place(HOSTILE, Level.DISTRICT, "370205", PARENT),
)
RSS_GROWTH_MB_MAX = 120
"""Some 0.1 MB for each of the strangers that are left alone."""
COLUMNS = ["device", "quantity", "value", "text", "unit"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A parent and an honest child that are linked; the others are made and not started."""
    made = Cluster(tmp_path)
    made.make(TREE)
    try:
        made.start(PARENT, HONEST)
        made.wait("the honest link", lambda: is_up(made, HONEST))
        yield made
    finally:
        made.stop()


def is_up(cluster: Cluster, child: str) -> bool:
    return bool(cluster[child].call("status")["node"]["link"]["state"] == "up")


def test_thousands_that_stay_silent_keep_nobody_out(cluster: Cluster) -> None:
    parent = cluster[PARENT]
    process = psutil.Process(parent.pid)
    before_mb = process.memory_info().rss >> 20
    addresses = [f"{HOST}:{parent.ports[name]}" for name in ("link", "join", "door")]
    command = [sys.executable, "-m", "benchmarks.hostile_child", str(cluster[HOSTILE].folder), addresses[0], *["strangers"] * 100]
    attacker = subprocess.Popen([*command, "--others", *addresses[1:]], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert attacker.stdout is not None
        assert "connections stood" in json.loads(attacker.stdout.readline())["told"]
        cluster.start(LATE)
        cluster.wait("the link of a child that comes during the attack", lambda: is_up(cluster, LATE))
        cluster[LATE].call("put", resource="air-quality", columns=COLUMNS, rows=[["d", "pm25", 1.0, "late", "u"]])
        cluster.wait_records("air-quality", 1, PARENT)
        cluster.wait("an answer of the sensor door", lambda: is_door_answering(parent.ports["door"]))
        assert attacker.poll() is None
        grown_mb = (process.memory_info().rss >> 20) - before_mb
    finally:
        attacker.kill()
        attacker.communicate()
    assert grown_mb < RSS_GROWTH_MB_MAX
    assert "Traceback" not in parent.log
    assert parent.lives == 1
    assert cluster[HONEST].log.count("link up with") == 1
    (strangers,) = [entry for entry in cli_json(parent.folder, "status")["offences"] if entry["peer"] == "strangers"]
    assert strangers["links"] > 100
    assert cli(parent.folder, "status").returncode == 0


def is_door_answering(port: int) -> bool:
    """True when an MQTT 3.1.1 client without a name gets its CONNACK."""
    try:
        with socket.create_connection((HOST, port), timeout=5.0) as client:
            client.sendall(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
            return client.recv(4)[:2] == b"\x20\x02"
    except OSError:
        return False
