"""Five hundred children after a parent's restart: `python -m benchmarks.children_bench [--children 500]`.

The parent is a real node process; the children (benchmarks/children.py) are one other process with an identity, two mTLS connections
and the real handshake each. The parent is killed and started again; the time runs from its first answer until every child's link
stands, and its memory is the most that was seen on the way and for SETTLE_S after. Beside it: what a bare grpc.aio server takes for the
same streams with the same certificates (benchmarks/bare_links.py).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.chain_files import _join, _make_node
from node.identity.facts import NodeFacts
from node.identity.files import IdentityFiles
from sync.model import Level, Territory
from sync.transport.mailbox import Group
from tests.e2e.cluster import HOST, ROOT, Cluster, Place

PARENT = "shandong"
ADMITTED_GOAL_S = 60.0
RSS_GOAL_MB = 250.0
FIRST_TIMEOUT_S = 180.0
SETTLE_S = 5.0
ENDS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one restart gave."""

    admitted_s: float
    idle_mb: float
    """The parent before its first child."""
    rss_mb: float
    told_to_wait: int
    """Refusals with a time that the children got after the restart."""
    fell_off: int
    """Links that did not stand any more SETTLE_S later."""
    ends: tuple[str, ...]
    """Why links ended after the restart."""
    bare_idle_mb: float
    bare_mb: float
    """A bare server before the first stream and with all of them."""


class Children:
    """The other process."""

    def __init__(self, folder: Path, address: str, ends: Path) -> None:
        self._ends = ends
        with ends.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.children", str(folder), address], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
            )

    def look(self) -> dict[str, int]:
        """Its next report; one comes every second."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the children's process ended: {self._ends.read_text()[-2_000:]}")
        return dict(json.loads(line))

    def ends(self) -> list[str]:
        """Why links that stood have ended so far, a line each."""
        return self._ends.read_text().splitlines()

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def run(root: Path, count: int) -> Outcome:
    """Make a parent and its children, link them, restart the parent."""
    cluster = Cluster(root / "t")
    cluster.make((Place(PARENT, Level.PROVINCIAL, "37"),), limits="")
    parent = cluster[PARENT]
    make_children(parent.folder, root / "c", count)
    bare_idle_mb, bare_mb = bare(parent.folder, root / "c", count)
    cluster.start()
    idle_mb = _rss_mb(parent.pid)
    children = Children(root / "c", f"{HOST}:{parent.ports['link']}", root / "ends")
    try:
        _wait_all(children, count, FIRST_TIMEOUT_S, parent.pid)
        parent.kill()
        told = _wait_none(children)
        cluster.start()
        begin, known = time.monotonic(), len(children.ends())
        facts, rss_mb = _wait_all(children, count, FIRST_TIMEOUT_S, parent.pid)
        admitted_s = time.monotonic() - begin
        end = time.monotonic() + SETTLE_S
        while time.monotonic() < end:
            later, rss_mb = children.look(), max(rss_mb, _rss_mb(parent.pid))
        told_after, ends = facts["told_to_wait"] - told, tuple(children.ends()[known:])
        return Outcome(admitted_s, idle_mb, rss_mb, told_after, count - later["up"], ends, bare_idle_mb, bare_mb)
    finally:
        children.end()
        if parent.process is not None:
            parent.kill()


def bare(parent: Path, children: Path, count: int) -> tuple[float, float]:
    """Megabytes of a bare server before and with the streams of all children."""
    command = [sys.executable, "-m", "benchmarks.bare_links"]
    server = subprocess.Popen([*command, "serve", str(parent)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    clients = None
    try:
        assert server.stdout is not None
        address = f"{HOST}:{int(server.stdout.readline())}"
        idle_mb = _rss_mb(server.pid)
        clients = subprocess.Popen([*command, "dial", str(children), address], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert clients.stdout is not None
        if int(clients.stdout.readline() or 0) != len(Group) * count:
            raise RuntimeError("not every stream of the bare server stands: see the errors above")
        return idle_mb, _rss_mb(server.pid)
    finally:
        for process in (server, clients):
            if process is not None:
                process.kill()
                process.communicate()


def make_children(parent: Path, folder: Path, count: int) -> None:
    """Folders of `count` districts, joined to the parent through its real admissions."""
    files, now_us = IdentityFiles(parent), time.time_ns() // 1_000
    for number in range(count):
        facts = NodeFacts(f"child-{number:04d}", Level.DISTRICT, Territory(f"37{number:04d}"))
        _join(files, _make_node(folder / facts.node, facts, now_us=now_us), facts, now_us=now_us)


def _wait_all(children: Children, count: int, timeout_s: float, pid: int) -> tuple[dict[str, int], float]:
    end, rss_mb = time.monotonic() + timeout_s, 0.0
    while time.monotonic() < end:
        facts, rss_mb = children.look(), max(rss_mb, _rss_mb(pid))
        if facts["up"] >= count:
            return facts, rss_mb
    raise RuntimeError(f"only {facts['up']} of {count} links stand after {timeout_s:g} s")


def _wait_none(children: Children) -> int:
    """Wait until every child has noticed; the refusals counted so far."""
    while (facts := children.look())["up"]:
        pass
    return facts["told_to_wait"]


def _rss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def main() -> int:
    """Run and print; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--children", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yn") as folder:
        outcome = run(Path(folder), options.children)
    print(
        f"{options.children} children: all admitted {outcome.admitted_s:.1f} s after the parent's restart (goal {ADMITTED_GOAL_S:g} s), "
        f"parent's memory at most {outcome.rss_mb:.0f} MB (goal {RSS_GOAL_MB:g} MB), {outcome.told_to_wait} refusals with a time, "
        f"{outcome.fell_off} fell off"
    )
    links_mb, bare_mb = outcome.rss_mb - outcome.idle_mb, outcome.bare_mb - outcome.bare_idle_mb
    print(
        f"the links took {links_mb:.0f} MB beside an idle node of {outcome.idle_mb:.0f} MB; a bare grpc.aio server takes {bare_mb:.0f} MB "
        f"for the same {len(Group) * options.children} idle mTLS streams: ratio {links_mb / bare_mb:.2f}; idle node and bare streams "
        f"together would be {outcome.idle_mb + bare_mb:.0f} MB"
    )
    print("".join(f"  {line}\n" for line in outcome.ends[:ENDS_SHOWN_MAX]), end="")
    return 0 if outcome.admitted_s <= ADMITTED_GOAL_S and outcome.rss_mb < RSS_GOAL_MB and not outcome.fell_off else 1


if __name__ == "__main__":
    sys.exit(main())
