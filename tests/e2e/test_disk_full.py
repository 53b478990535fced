"""A real node whose disk takes no more: no acknowledgement without a commit, one clear sentence, and on it goes when there is room.

The limit is the kernel's own on file sizes (RLIMIT_FSIZE), set on the running process from outside and taken away again.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import plain_audit
from node.errors import EXIT_FAILED
from sync.model import Level
from tests.e2e.cluster import Cluster, Node, Place

pytestmark = pytest.mark.slow

READINGS = 3_000
ROOM_BYTES = 4 << 16
"""What the write-ahead log may still grow: a few pages of the journal."""
FEED_TIMEOUT_S = 60.0


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One running provincial node."""
    made = Cluster(tmp_path)
    made.make((Place("sd", Level.PROVINCIAL, "37"),))
    made.start()
    yield made
    made.stop()


def start_feed(node: Node, ledger: Path) -> subprocess.Popen[bytes]:
    """Readings, all different, as fast as the door takes them."""
    series = ledger.with_suffix(".csv")
    lines = [f"d{number % 10},{1_760_000_000 + number},q,{number}" for number in range(READINGS)]
    series.write_text("\n".join(("device,time,quantity,value", *lines)) + "\n", "utf-8")
    command = [sys.executable, "-m", "node.cli", "feed", str(series), "--to", node.door, "--ledger", str(ledger)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def limit_files(node: Node, size: int) -> None:
    """No file of the node's process may grow past `size` bytes from now on."""
    resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def account(node: Node, ledger: Path) -> plain_audit.Account:
    """The plain audit of what is acknowledged by now."""
    (found,) = plain_audit.audit(ledger, [f"{node.id}={node.journal}"])
    return found


def test_nothing_is_acknowledged_without_a_commit_and_the_node_recovers(cluster: Cluster, tmp_path: Path) -> None:
    node, ledger = cluster["sd"], tmp_path / "ledger"
    log = node.journal.with_name("journal.db-wal")
    limit_files(node, max(log.stat().st_size, node.journal.stat().st_size) + ROOM_BYTES)
    with start_feed(node, ledger) as feed:
        cluster.wait("the node to say that nothing can be stored", lambda: "nothing can be stored" in node.log, watch=node)
        full = account(node, ledger)
        limit_files(node, resource.RLIM_INFINITY)
        assert feed.wait(FEED_TIMEOUT_S) == 0
    assert (full.missing, full.double, full.damaged) == ((), (), 0)
    assert 0 < full.acked < READINGS
    after = account(node, ledger)
    assert (after.acked, after.stored, after.missing, after.double) == (READINGS, READINGS, (), ())
    assert node.stop() == 0
    assert node.log.count("Traceback") == 0
    assert f"{node.journal}" in next(line for line in node.log.splitlines() if "nothing can be stored" in line)


def test_a_node_without_room_refuses_to_start_in_one_sentence(tmp_path: Path) -> None:
    made = Cluster(tmp_path)
    made.make((Place("sd", Level.PROVINCIAL, "37"),))
    command = [sys.executable, "-m", "node.cli", "--lang", "en", "--dir", str(made["sd"].folder), "run"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (EXIT_FAILED, 1), done.stderr
    assert f"{made['sd'].folder / 'run.lock'} cannot be written" in done.stderr
    assert "free space on its disk" in done.stderr
