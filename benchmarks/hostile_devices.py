"""What good devices notice of hostile ones: `python -m benchmarks.hostile_devices [--runs 3] [--seconds 4] [--attacks NAME ...]`.

A real node. Good devices, each with one reading in flight at a time and a pause between two, measure how long their PUBACK takes, which is
after the commit. The attacker is a process of its own on the last core; the node and the good devices share the first, as far as there are
two. Each run measures without and with each attack, one right after the other; the p99 with over the p99 without is the figure, because
absolute times are the disk's. At the end every good reading must be stored once, and the node must stop in time. Prints a line for each
attack, and what the door counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from benchmarks import plain_audit
from benchmarks.hostile_packets import ATTACKS
from simulations.devices.packets import Kind, connect, publish, read_answers
from sync.model import Level
from tests.e2e.cluster import BY_COMMAND, HOST, Cluster, Node, Place

GOOD_DEVICES = 20
PACE_S = 0.02
"""Between a PUBACK and the next reading of a device."""
SETTLE_S = 0.5
"""An attack goes on for so long before anything is measured."""
GOAL_RATIO, GOAL_BEYOND_MS = 3.0, 50.0
"""The p99 of good devices may be so many times its own, and a little more: a few ms more is nothing that a device notices."""
PUBACK_TIMEOUT_S = 30.0
STOP_TIMEOUT_S, STOP_GOAL_S = 120.0, 10.0
"""After the last attack the node may take so long to stop: it is killed after the first, which is a failure; the goal is the second."""
NODE = "door"
RESOURCE = "air-quality"
HEAD = """| Attack | p50 / p99 without, ms | with | ratio of p99 | goal | the door counted |
|---|---|---|---|---|---|"""
REASONS_SHOWN = 3


@dataclass(slots=True)
class Row:
    """What was measured of one attack; a pair of p50 and p99 in milliseconds for each run."""

    attack: str
    calm: list[tuple[float, float]] = field(default_factory=list)
    hit: list[tuple[float, float]] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)
    """What the door turned away meanwhile, by reason."""

    @property
    def ratio(self) -> float:
        """Median of the runs' ratios of p99."""
        return median(hit[1] / calm[1] for calm, hit in zip(self.calm, self.hit, strict=True))

    @property
    def passes(self) -> bool:
        """True when good devices noticed no more than allowed."""
        return median(hit[1] for hit in self.hit) <= GOAL_RATIO * median(calm[1] for calm in self.calm) + GOAL_BEYOND_MS

    def line(self) -> str:
        """The row of the table."""
        most = sorted(self.counted.items(), key=lambda entry: -entry[1])[:REASONS_SHOWN]
        said = ", ".join(f"{reason} {count}" for reason, count in most) or "-"
        cells = (f"`{self.attack}`", _both(self.calm), _both(self.hit), f"{self.ratio:.1f}", "PASS" if self.passes else "FAIL", said)
        return f"| {' | '.join(cells)} |"


def _both(side: Sequence[tuple[float, float]]) -> str:
    return f"{median(pair[0] for pair in side):.0f} / {median(pair[1] for pair in side):.0f}"


@dataclass(slots=True)
class GoodDevice:
    """A device that sends one reading after another, each acknowledged before the next."""

    name: str
    number: int = 0
    took_ms: list[float] = field(default_factory=list)

    async def run(self, port: int, until: float) -> None:
        """Until the monotonic moment `until`. Raises when the door closes its connection or lets it wait PUBACK_TIMEOUT_S."""
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(connect(self.name))
        buffer = bytearray()
        await self._wait(reader, buffer, Kind.CONNACK)
        while time.monotonic() < until:
            self.number += 1
            began = time.perf_counter()
            writer.write(publish(f"{RESOURCE}/reading/{self.name}", self._payload(), self.number % 60_000 + 1))
            await self._wait(reader, buffer, Kind.PUBACK)
            self.took_ms.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(PACE_S)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _wait(self, reader: asyncio.StreamReader, buffer: bytearray, kind: Kind) -> None:
        async with asyncio.timeout(PUBACK_TIMEOUT_S):
            while True:
                data = await reader.read(1 << 12)
                if not data:
                    raise ConnectionError(f"the door closed the connection of good device {self.name}")
                buffer += data
                if any(answer.kind == kind for answer in read_answers(buffer, 4)):
                    return

    def _payload(self) -> bytes:
        time_s = 1_760_000_000 + self.number
        identity = f"{self.name}/{self.number}"
        return f'{{"device":"{self.name}","time":{time_s},"quantity":"PM2.5","value":{self.number % 97},"text":"{identity}"}}'.encode()


async def measure(node: Node, devices: Sequence[GoodDevice], seconds: float) -> tuple[float, float]:
    """p50 and p99 of the good devices' PUBACKs, milliseconds."""
    port, until = int(node.door.rpartition(":")[2]), time.monotonic() + seconds
    for device in devices:
        device.took_ms.clear()
    async with asyncio.TaskGroup() as tasks:
        for device in devices:
            tasks.create_task(device.run(port, until))
    took = [entry for device in devices for entry in device.took_ms]
    return median(took), quantiles(took, n=100, method="inclusive")[-1]


@contextmanager
def attack(name: str, node: Node, core: int) -> Iterator[None]:
    """The attacker's process, while the block runs."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_attack, args=(name, int(node.door.rpartition(":")[2]), core))
    process.start()
    try:
        time.sleep(SETTLE_S)
        yield
        if not process.is_alive():
            raise RuntimeError(f"attack {name} ended by itself: its errors are above")
    finally:
        process.kill()
        process.join()


def _attack(name: str, port: int, core: int) -> None:
    os.sched_setaffinity(0, {core})
    asyncio.run(ATTACKS[name](HOST, port))


def turned_away(node: Node) -> dict[str, int]:
    """What the door refused since its start, by reason, rejects included."""
    facts = node.call("status")["door"]
    return {**facts["refused_by_reason"], "rejected": facts["rejected"]}


def main() -> int:
    """Print the table; 1 when a goal is missed or a good reading is missing or double."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--attacks", nargs="+", choices=sorted(ATTACKS), default=list(ATTACKS))
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="yn") as scratch:
        cluster = Cluster(Path(scratch))
        cluster.make((Place(NODE, Level.PROVINCIAL, "37", prefix=BY_COMMAND),))
        try:
            os.sched_setaffinity(0, {cores[0]})
            cluster.start()
            return report(cluster[NODE], cores[-1], options.runs, options.seconds, options.attacks)
        finally:
            os.sched_setaffinity(0, set(cores))
            cluster.stop()


def report(node: Node, core: int, runs: int, seconds: float, attacks: Sequence[str]) -> int:
    """Measure and print."""
    rows, devices = [Row(name) for name in attacks], [GoodDevice(f"good-{number:02}") for number in range(GOOD_DEVICES)]
    asyncio.run(measure(node, devices, seconds))
    for run in range(1, runs + 1):
        for row in rows:
            row.calm.append(asyncio.run(measure(node, devices, seconds)))
            before = turned_away(node)
            with attack(row.attack, node, core):
                row.hit.append(asyncio.run(measure(node, devices, seconds)))
            after = turned_away(node)
            row.counted = {reason: count - before.get(reason, 0) for reason, count in after.items() if count > before.get(reason, 0)}
            sys.stderr.write(f"run {run} of {runs}: {row.attack} {row.calm[-1][1]:.0f} -> {row.hit[-1][1]:.0f} ms\n")
    print(HEAD)
    for row in rows:
        print(row.line())
    began = time.monotonic()
    node.stop(STOP_TIMEOUT_S)
    stopped_s = time.monotonic() - began
    acked = frozenset(f"{device.name}/{number}" for device in devices for number in range(1, device.number + 1))
    account = plain_audit.account_of(node.id, node.journal, plain_audit.Ledger(acked, acked))
    print(f"\nmedians of {runs} runs of {seconds:g} s; load {os.getloadavg()[0]:.1f}; readings of the good devices:")
    print("\n".join(plain_audit.report([account])))
    print(f"the node stopped in {stopped_s:.1f} s (goal {STOP_GOAL_S:g})")
    return 0 if all(row.passes for row in rows) and account.is_good and stopped_s <= STOP_GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
