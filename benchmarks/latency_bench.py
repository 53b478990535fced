"""How long ten records take from a durable commit at the lowest node to a durable commit at the top, over an idle chain.

Usage: python -m benchmarks.latency_bench [--hops N] [--pings N]. A few records wait for one fsync a hop: a node that is idle stores them,
decides them for the next hop and enters them into the share ledger in one commit (node/engine/small_jobs.py); with more of them it is two.
So what the lowest node decides lies before its durable commit; the whole way from the offer on is printed too. The records go in a lane
that does not wait for more. Beside it stands the p50 of an fsync of 4 KiB in the same folder, measured between the pings.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from benchmarks.chain_bench import running
from benchmarks.chain_files import make_chain
from benchmarks.chain_node import PINGED
from benchmarks.workload import Rules

PINGS = 200
WARM_PINGS = 20
"""First ones, which are not counted: plans are compiled and files grow."""
RECORDS_MAX = 1 << 40
"""More than ever arrive: the nodes never say that they are done."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    hops: int
    p50_ms: float
    """One hop, the median over the pings divided by the hops."""
    p99_ms: float
    fsync_p50_ms: float
    offered_p50_ms: float
    """The whole way, all hops, from the offer at the lowest node on."""

    @property
    def beyond_ms(self) -> float:
        """What a hop takes beyond its two fsyncs."""
        return self.p50_ms - 2 * self.fsync_p50_ms


def measure(*, hops: int, pings: int = PINGS) -> Latency:
    """Send pings one after another over a fresh chain of `hops` hops."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folders = make_chain(Path(name), hops=hops, rules=Rules.POLICY, now_us=time.time_ns() // 1_000)
        extras = [["--live", str(PINGED[0])], *([] for _ in folders[1:])]
        nodes = [stack.enter_context(running(folder, RECORDS_MAX, None, extra)) for folder, extra in zip(folders, extras, strict=True)]
        ports = [int(node.wait("port")["port"]) for node in nodes]
        for node, port in zip(nodes[1:], ports, strict=False):
            node.tell(f"127.0.0.1:{port}")
        for node in nodes[1:]:
            node.wait("up")
        took: list[float] = []
        whole: list[float] = []
        syncs: list[float] = []
        with (Path(name) / "synced").open("wb") as file:
            for _ in range(WARM_PINGS + pings):
                syncs.append(_fsync_s(file.fileno()))
                nodes[-1].tell("ping")
                low, arrived = nodes[-1].wait("stored"), nodes[0].wait("arrived")["arrived"]
                took.append(arrived - low["stored"])
                whole.append(arrived - low["offered"])
    counted = [seconds * 1e3 / hops for seconds in took[WARM_PINGS:]]
    return Latency(hops, median(counted), quantiles(counted, n=100)[-1], median(syncs) * 1e3, median(whole[WARM_PINGS:]) * 1e3)


def _fsync_s(handle: int) -> float:
    os.write(handle, bytes(4_096))
    began = time.perf_counter()
    os.fsync(handle)
    return time.perf_counter() - began


def main() -> None:
    """Print one measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hops", type=int, default=4, choices=(1, 2, 3, 4))
    parser.add_argument("--pings", type=int, default=PINGS)
    options = parser.parse_args()
    found = measure(hops=options.hops, pings=options.pings)
    print(
        f"{found.hops} hops, idle: p50 {found.p50_ms:.2f} ms a hop, p99 {found.p99_ms:.2f} ms; fsync p50 {found.fsync_p50_ms:.2f} ms; "
        f"beyond two fsyncs {found.beyond_ms:.2f} ms; the whole way from the offer on p50 {found.offered_p50_ms:.2f} ms"
    )


if __name__ == "__main__":
    main()
