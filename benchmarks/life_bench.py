"""How long a node takes to answer its API, one alone and the five of a city together, and how much memory it holds at rest.

Usage: python -m benchmarks.life_bench. Nodes are `yunnao run` on joined folders of five levels, as in the demo but without cameras. Raw
cost: a Python process that does nothing but import what a node imports.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.chain_files import make_chain
from benchmarks.figures import Figure, lines_of
from benchmarks.workload import Rules
from node.client import SOCKET_NAME, NodeClient, NodeUnreachable

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
START_S_MAX = 60.0
REST_S = 4.0
"""How long a started node is left alone before its memory is read: two heartbeats."""
IMPORTS = "import node.cli, node.appliance, sys; print('imported', flush=True); sys.stdin.read()"


@dataclass(frozen=True, slots=True)
class Start:
    """One start of some nodes."""

    seconds: float
    """From the first process to the last API that answers."""
    rss_mb: tuple[float, ...]
    """Of each node at rest; empty where it was not read."""


def starts(folders: Sequence[Path], *, at_rest: bool) -> Start:
    """Start `yunnao run` in every folder at once."""
    began = time.monotonic()
    with ExitStack() as stack:
        processes = [stack.enter_context(_running([sys.executable, "-m", "node.cli", "--dir", str(folder), "run"])) for folder in folders]
        for folder in folders:
            _wait_answering(folder, began + START_S_MAX)
        seconds = time.monotonic() - began
        if not at_rest:
            return Start(seconds, ())
        _wait_idle(processes)
        return Start(seconds, tuple(psutil.Process(process.pid).memory_info().rss / 2**20 for process in processes))


def imports() -> Start:
    """Start a process that only imports."""
    began = time.monotonic()
    with _running([sys.executable, "-c", IMPORTS]) as process:
        assert process.stdout is not None
        process.stdout.readline()
        return Start(time.monotonic() - began, (psutil.Process(process.pid).memory_info().rss / 2**20,))


@contextmanager
def _running(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_answering(folder: Path, deadline: float) -> None:
    while True:
        try:
            if (folder / SOCKET_NAME).exists():
                NodeClient(folder).call("status")
                return
        except NodeUnreachable:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise TimeoutError(f"no node answers in {folder}")
        time.sleep(0.01)


def _wait_idle(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait out REST_S; a node that ends meanwhile is an error."""
    deadline = time.monotonic() + REST_S
    while (left := deadline - time.monotonic()) > 0:
        gone, _ = psutil.wait_procs([psutil.Process(process.pid) for process in processes], timeout=left)
        if gone:
            raise RuntimeError(f"{len(gone)} nodes ended at rest")


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Start-up and memory."""
    with tempfile.TemporaryDirectory(prefix="yb") as name:
        chain = make_chain(Path(name), hops=4, rules=Rules.POLICY, now_us=time.time_ns() // 1_000)
        bare = [imports() for _ in range(rounds)]
        alone = [starts(chain[:1], at_rest=True) for _ in range(rounds)]
        city = [starts(chain, at_rest=False) for _ in range(rounds)]
    raw_s = tuple(entry.seconds for entry in bare)
    form = "yunnao run, provincial node, no camera, empty journal"
    return [
        Figure("memory of an idle node", "MB", tuple(entry.rss_mb[0] for entry in alone), tuple(entry.rss_mb[0] for entry in bare),
               "RSS of its imports alone", f"RSS, {form}"),
        Figure("start of a node", "s", tuple(entry.seconds for entry in alone), raw_s, "importing the same modules",
               f"process start to API answer, {form}"),
        Figure("start of five nodes at once", "s", tuple(entry.seconds for entry in city), raw_s, "importing the same modules once",
               "process start to the last API answer; grid to province, joined"),
    ]  # fmt: skip


def main() -> None:
    """Print the figures."""
    for figure in figures():
        print("\n".join(lines_of(figure)))


if __name__ == "__main__":
    main()
