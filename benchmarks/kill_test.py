"""Kills nodes of a real tree at random moments while data flows, and counts afterwards: `kill_test.py --kills 20 --seed 7`.

Five processes, one of each level. A park of simulated devices (`yunnao simulate devices`) sends to the grid node's door over connections
that break by themselves, too, and a series is replayed into the district node's; both keep a ledger outside the nodes of what was sent and
of the readings whose PUBACK came. `kill -9` of a random node, a random pause, a start, and so on. When the feeders are done and the tree
has caught up, everything stops and plain_audit.py reads the journals without product code. Exit status: 0 when nothing is missing and
nothing is double, 1 otherwise. The seed is printed first.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random

from benchmarks import plain_audit
from node.clock import SystemClock
from node.identity.chance import new_rng
from tests.e2e.cluster import CHAIN, Cluster, ClusterError, Node, records

RESOURCE = "air-quality"
DEVICES = 20
GAP_S = (0.1, 1.4)
"""Between two kills."""
LIFE_S_MIN = 0.5
"""A node that came up is left alone for so long: on a busy machine all would else be killed before a device has found them."""
PAUSE_S = (0.0, 0.8)
"""Between a kill and the restart."""
READINGS_PER_S = 150
"""Of each feeder."""
FEED_TIMEOUT_S, DRAIN_S = 240.0, 120.0
CONVERGE_TIMEOUT_S = 60.0
SERIES_BEGINS_S = 1_760_000_000
SEED_BITS = 32
DOOR = "DOOR"
"""In the place of a door's address, which is known once the tree is made."""
PARK_DEVICES, PARK_RECONNECT_S = 60, 0.5
PARK_ACKED_MIN = 500
"""Readings of the park that must be acknowledged before it is told to end."""
PARK_SECONDS_MAX = 86_400
"""It is told when to end."""
PARK_FAULTS = "flap,takeover,drift,jump,flood,duplicate"
"""Devices whose connections break, whose clocks are wrong, and which send again what was acknowledged; none that lies."""


@dataclass(slots=True)
class Feeder:
    """Readings on their way into one node's door."""

    door: str
    levels: tuple[str, ...]
    """Nodes that must hold its readings at the end."""
    arguments: tuple[str, ...]
    """Of `yunnao`, with DOOR for the address."""
    ledger: Path
    is_park: bool = False
    process: subprocess.Popen[bytes] | None = None

    def start(self, node: Node) -> None:
        """Start the verb."""
        arguments = [node.door if argument == DOOR else argument for argument in self.arguments]
        command = [sys.executable, "-m", "node.cli", "--lang", "en", *arguments, "--ledger", str(self.ledger)]
        with self.ledger.with_suffix(".log").open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self, say: Callable[[str], None]) -> int:
        """Wait for its end; the exit status. A park sends nothing new from now on. Raises subprocess.TimeoutExpired for a park.

        A series that is not through in time is cut: on a busy machine its door was hardly open, and what was acknowledged counts as well.
        """
        assert self.process is not None, "started before"
        if self.is_park:
            self.process.send_signal(signal.SIGINT)
            return self.process.wait(FEED_TIMEOUT_S)
        try:
            return self.process.wait(FEED_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            say(f"series of {self.door} cut after {self.acked()} readings: not through {FEED_TIMEOUT_S:g} s after the last kill")
            self.process.kill()
            self.process.wait()
            return 0

    def acked(self) -> int:
        """Readings of the ledger whose PUBACK came."""
        return len(plain_audit.read_ledger(self.ledger).acked) if self.ledger.exists() else 0


@dataclass(slots=True)
class Killer:
    """Kills at random, restarts what is due, keeps the list."""

    cluster: Cluster
    rng: Random
    clock: SystemClock = field(default_factory=SystemClock)
    due_s: dict[str, float] = field(default_factory=dict)
    """Node -> when it is started again."""
    killed: list[str] = field(default_factory=list)
    up_since_s: dict[str, float] = field(default_factory=dict)
    """Node -> when it was first seen up in its present life."""

    def run(self, kills: int, seconds: float) -> None:
        """Kill `kills` times or for `seconds`, then start again what is down."""
        begun = self.clock.now()
        at_s = now_s = 0.0
        while (is_killing := len(self.killed) < kills and now_s < seconds) or self.due_s:
            now_s = self.clock.now().seconds_since(begun)
            self._start_due(now_s)
            if (running := self._running(now_s)) and is_killing and now_s >= at_s:
                self._kill(self.rng.choice(running), now_s)
                at_s = now_s + self.rng.uniform(*GAP_S)
            self._pace()

    def _kill(self, node: Node, now_s: float) -> None:
        node.kill()
        del self.up_since_s[node.id]
        self.killed.append(node.id)
        self.due_s[node.id] = now_s + self.rng.uniform(*PAUSE_S)

    def _start_due(self, now_s: float) -> None:
        for name in [name for name, due_s in self.due_s.items() if due_s <= now_s]:
            del self.due_s[name]
            self.cluster[name].start()

    def _running(self, now_s: float) -> list[Node]:
        """Nodes that have been up for LIFE_S_MIN in their present life: killing an import proves nothing."""
        up = [node for node in self.cluster.nodes.values() if node.process and node.log.count(" node up: ") == node.lives]
        return [node for node in up if now_s - self.up_since_s.setdefault(node.id, now_s) >= LIFE_S_MIN]

    def _pace(self) -> None:
        next(node for node in self.cluster.nodes.values() if node.process).pace()


def main(arguments: list[str]) -> int:
    """Run as the module docstring says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=None, help="kill no longer than this; default: until all kills are done")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    parser.add_argument("--dir", type=Path, default=None, help="keep the nodes here; default: a folder that is removed")
    given = parser.parse_args(arguments)
    seed = new_rng().getrandbits(SEED_BITS) if given.seed is None else given.seed
    seconds = inf if given.minutes is None else 60 * given.minutes
    with tempfile.TemporaryDirectory(prefix="yn") as scratch:
        folder = given.dir or Path(scratch)
        return 0 if kill_test(folder, kills=given.kills, seconds=seconds, seed=seed, say=lambda line: print(line, flush=True)) else 1


def kill_test(folder: Path, *, kills: int, seed: int, say: Callable[[str], None], seconds: float = inf) -> bool:
    """One whole run in `folder`, killing for at most `seconds`; True when nothing is missing, double or damaged."""
    say(f"kill_test.py --kills {kills} --seed {seed}")
    rng = Random(seed)
    cluster = Cluster(folder)
    cluster.make(CHAIN)
    feeders = make_feeders(folder, seconds=min(seconds, kills * sum(GAP_S) / 2), seed=seed)
    with running(cluster, feeders):
        killer = Killer(cluster, rng)
        killer.run(kills, seconds)
        say(f"killed {len(killer.killed)}: {' '.join(killer.killed)}")
        for park in (feeder for feeder in feeders if feeder.is_park):
            # On a busy machine the door was hardly ever open; a proof needs readings.
            cluster.wait(f"{PARK_ACKED_MIN} readings of the park", lambda park=park: park.acked() >= PARK_ACKED_MIN)  # type: ignore[misc]
        ended = [feeder.wait(say) for feeder in feeders]
        say(f"feeders ended with {ended}, acked {[feeder.acked() for feeder in feeders]}")
        wait_caught_up(cluster, feeders, say)
        books = books_hold(cluster, say)
    return count(cluster, feeders, say) and books and not any(ended)


@contextmanager
def running(cluster: Cluster, feeders: list[Feeder]) -> Iterator[None]:
    """The tree and the feeders, for as long as the block runs."""
    with ExitStack() as stack:
        stack.callback(cluster.stop)
        cluster.start()
        cluster.wait_linked()
        for feeder in feeders:
            feeder.start(cluster[feeder.door])
            assert feeder.process is not None, "just started"
            stack.enter_context(feeder.process)
            stack.callback(feeder.process.kill)
        yield


def make_feeders(folder: Path, *, seconds: float, seed: int) -> list[Feeder]:
    """Devices at the foot of the chain, and a series in its middle; every name is one feeder's."""
    names = [place.id for place in CHAIN]
    foot, middle = names[-1], names[2]
    park = (
        "simulate", "devices", "--door", DOOR, "--seed", str(seed), "--count", str(PARK_DEVICES), "--interval",
        f"{PARK_DEVICES / READINGS_PER_S:g}", "--faults", PARK_FAULTS, "--seconds", str(PARK_SECONDS_MAX), "--drain", str(DRAIN_S),
        "--reconnect", str(PARK_RECONNECT_S), "--prefix", foot,
    )  # fmt: skip
    series = folder / f"{middle}.csv"
    write_series(series, middle, round(READINGS_PER_S * seconds))
    replay = ("feed", str(series), "--to", DOOR, "--speed", "1")
    return [
        Feeder(door, tuple(names[: names.index(door) + 1]), arguments, folder / f"{door}.ledger", is_park=arguments is park)
        for door, arguments in ((foot, park), (middle, replay))
    ]


def write_series(path: Path, name: str, readings: int) -> None:
    """A long CSV series whose readings are all different: `readings` values of DEVICES devices, READINGS_PER_S a second."""
    with path.open("w", encoding="utf-8") as file:
        file.write("device,time,quantity,value\n")
        for number in range(readings):
            time_s = SERIES_BEGINS_S + number / READINGS_PER_S
            file.write(f"{name}-{number % DEVICES:02},{time_s:.6f},PM2.5,{number % 997}\n")


def wait_caught_up(cluster: Cluster, feeders: list[Feeder], say: Callable[[str], None]) -> None:
    """Wait until every level holds as many records as were acknowledged below it; says so when time runs out."""
    try:
        for node in cluster.nodes.values():
            expected = sum(feeder.acked() for feeder in feeders if node.id in feeder.levels)
            cluster.wait(
                f"{expected} records at {node.id}",
                lambda node=node, expected=expected: records(node, RESOURCE) >= expected,  # type: ignore[misc]
                timeout_s=CONVERGE_TIMEOUT_S,
            )
    except ClusterError as error:
        say(f"not caught up: {error}")


def books_hold(cluster: Cluster, say: Callable[[str], None]) -> bool:
    """True when the accounting equation holds on every hop of every node."""
    differences = {node.id: node.call("audit_flow")["first_difference"] for node in cluster.nodes.values()}
    for node, difference in differences.items():
        if difference:
            say(f"books of {node}: {difference}")
    return not any(differences.values())


def count(cluster: Cluster, feeders: list[Feeder], say: Callable[[str], None]) -> bool:
    """Print the plain audit of each feeder's readings; True when all is there once."""
    is_good = True
    for feeder in feeders:
        accounts = plain_audit.audit(feeder.ledger, [f"{name}={cluster[name].journal}" for name in feeder.levels])
        say(f"fed into {feeder.door}:")
        for line in plain_audit.report(accounts):
            say(line)
        is_good = is_good and all(account.is_good for account in accounts)
    return is_good


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
