"""G8: a real node takes one record a message at QoS 1, PUBACK after the commit, beside mosquitto with a consumer. Called by gates.py.

Every round runs the node, mosquitto -> aiomqtt and mosquitto -> gmqtt one after the other with the same publisher, first over one
connection that pipelines and then over 500 connections that send each message by itself. The node is `yunnao run` with everything it does:
registry, alarms, accounting, fsync before each acknowledgement. The others are not durable.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import door_peers
from benchmarks.door_load import Load, Pace, cpu_s, run_publisher
from benchmarks.figures import Target
from sync.model import Level
from tests.e2e.cluster import Cluster, Node, Place, records

MESSAGES, MESSAGES_BROKER = 60_000, 20_000
"""A broker's round is shorter, because it is that much slower."""
CONNECTIONS = 500
BOUNDS = {("aiomqtt", 1): 10.0, ("gmqtt", 1): 4.0, ("aiomqtt", CONNECTIONS): 4.0, ("gmqtt", CONNECTIONS): 1.5}
"""Least ratio, by consumer and number of connections."""
ROUND_S = 1_000_000
"""Between the times of two rounds' readings."""
FORM = "MQTT 3.1.1, QoS 1, one JSON reading of about 90 bytes a message; the node's PUBACK after fsync, the others keep nothing"


@dataclass(slots=True)
class Rates:
    """What each side did, a figure for each round."""

    node: list[Pace] = field(default_factory=list)
    peers: dict[str, list[Pace]] = field(default_factory=dict)


def targets(rounds: int) -> Sequence[Target]:
    """The four ratios; those whose peer is not installed are skipped with a word."""
    found = {connections: Rates(peers={name: [] for name in door_peers.CONSUMERS}) for connections in (1, CONNECTIONS)}
    with tempfile.TemporaryDirectory(prefix="yn") as scratch:
        cluster = Cluster(Path(scratch))
        cluster.make((Place("door", Level.PROVINCIAL, "37"),))
        cluster.start()
        try:
            for number in range(rounds):
                for connections, rates in found.items():
                    asyncio.run(_round(cluster, Path(scratch), rates, connections, number))
        finally:
            cluster.stop()
    return [_target(name, connections, found[connections]) for (name, connections) in BOUNDS]


async def _round(cluster: Cluster, folder: Path, rates: Rates, connections: int, number: int) -> None:
    begins_s = Load(0).begins_s + ROUND_S * (2 * number + (connections > 1))
    rates.node.append(await node_pace(cluster, cluster["door"], Load(MESSAGES, connections=connections, begins_s=begins_s)))
    for name, found in rates.peers.items():
        if not door_peers.missing(name):
            found.append(await door_peers.broker_pace(name, folder, Load(MESSAGES_BROKER, connections=connections)))


async def node_pace(cluster: Cluster, node: Node, load: Load) -> Pace:
    """What a running node's door takes; every message is stored."""
    before, used_s = records(node, "air-quality"), cpu_s(node.pid)
    seconds = await run_publisher(int(node.door.rpartition(":")[2]), load)
    await asyncio.to_thread(cluster.wait_records, "air-quality", before + load.messages, node.id)
    assert records(node, "air-quality") == before + load.messages, "every message is stored once"
    return Pace(load.messages / seconds, (cpu_s(node.pid) - used_s) / load.messages)


def _target(name: str, connections: int, rates: Rates) -> Target:
    what = f"node's door / mosquitto -> {name}, {connections} connection{'s' if connections > 1 else ''}, messages/s"
    bound, peers = BOUNDS[name, connections], rates.peers[name]
    if not peers:
        return Target("G8", what, bound, True, (), FORM, (door_peers.missing(name),))
    by_cpu = median(peer.cpu_s / node.cpu_s for node, peer in zip(rates.node, peers, strict=True))
    notes = (
        f"node {_said(rates.node)}; mosquitto -> {name} {_said(peers)}",
        f"the same ratio by CPU of node, and of broker and consumer, which other work on the machine moves less: {by_cpu:.1f}",
    )
    values = tuple(node.rate / peer.rate for node, peer in zip(rates.node, peers, strict=True))
    return Target("G8", what, bound, True, values, FORM, notes)


def _said(paces: Sequence[Pace]) -> str:
    return f"{median(pace.rate for pace in paces):,.0f} messages/s, {median(pace.cpu_s for pace in paces) * 1e6:.1f} CPU s per million"
