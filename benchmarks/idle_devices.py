"""What idle devices cost a node: 10,000 connections that were let in and say nothing, plain and over TLS. Called by gates.py (`g8-idle`).

A real node by its command; the devices are sockets of one other process, without keep alive, so that nothing is sent while memory is read.
"""

from __future__ import annotations

import multiprocessing
import socket
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from benchmarks.door_load import LOOPBACK, connect_packet
from benchmarks.figures import Target
from node.links.strangers import raise_descriptors
from sync.model import Level
from tests.e2e.cluster import BY_COMMAND, Cluster, Node, Place
from tests.sync.transport.certificates import Authority

CONNECTIONS = 10_000
RSS_MB_MAX = 300.0
REST_S = 3.0
"""How long everything is left alone before memory is read."""
RESTS_MAX, IDLE_PERCENT = 10, 20.0
TIMEOUT_S = 300.0
CONNACK_BYTES = 4
MB, KB = 1 << 20, 1 << 10


@dataclass(frozen=True, slots=True)
class Idle:
    """A node's memory without and with idle devices."""

    before_mb: float
    after_mb: float
    connections: int

    @property
    def each_kb(self) -> float:
        """What a connection costs."""
        return (self.after_mb - self.before_mb) * MB / KB / self.connections


def targets(rounds: int) -> Sequence[Target]:
    """RSS with plain connections against the bound, TLS beside it."""
    plain = [measure(is_tls=False) for _ in range(rounds)]
    tls = measure(is_tls=True)
    notes = (
        f"at rest {plain[0].before_mb:.0f} MB; {plain[0].each_kb:.1f} KB a connection",
        f"over TLS, one round: {tls.after_mb:.0f} MB with {tls.connections}, {tls.each_kb:.1f} KB a connection",
    )
    what = f"RSS of the node with {CONNECTIONS:,} idle plain-TCP connections, MB"
    form = "yunnao run, provincial node; MQTT 3.1.1, let in, silent"
    return [Target("G8", what, RSS_MB_MAX, False, tuple(one.after_mb for one in plain), form, notes)]


def measure(*, is_tls: bool, connections: int = CONNECTIONS) -> Idle:
    """One node, and then its devices."""
    with tempfile.TemporaryDirectory(prefix="yn") as scratch:
        cluster = Cluster(Path(scratch))
        cluster.make((Place("idle", Level.PROVINCIAL, "37", prefix=BY_COMMAND),))
        node = cluster["idle"]
        if is_tls:
            take_tls(node)
        cluster.start()
        try:
            process = psutil.Process(node.pid)
            rest(process)
            before = process.memory_info().rss
            with idle_devices(int(node.door.rpartition(":")[2]), connections, is_tls=is_tls):
                rest(process)
                return Idle(before / MB, process.memory_info().rss / MB, connections)
        finally:
            cluster.stop()


def rest(process: psutil.Process) -> None:
    """Until the node used next to nothing for REST_S, at most RESTS_MAX times as long."""
    for _ in range(RESTS_MAX):
        if process.cpu_percent(REST_S) < IDLE_PERCENT:
            return


def take_tls(node: Node) -> None:
    """Give the door of a stopped node a certificate."""
    issued = Authority.root("idle").issue(node.id)
    (node.folder / "door.pem").write_bytes(issued.chain_pem)
    (node.folder / "door_key.pem").write_bytes(issued.key_pem)
    config = node.folder / "node.toml"
    text = config.read_text("utf-8")
    for line in ('tls_certificate = "door.pem"', 'tls_key = "door_key.pem"'):
        assert f"# {line}" in text, "the template of node.toml shows where"
        text = text.replace(f"# {line}", line)
    config.write_text(text, "utf-8")


@contextmanager
def idle_devices(port: int, count: int, *, is_tls: bool) -> Iterator[None]:
    """`count` devices in a process of their own, all let in, for as long as the block runs."""
    context = multiprocessing.get_context("spawn")
    own, other = context.Pipe()
    process = context.Process(target=_hold, args=(port, count, is_tls, other))
    process.start()
    try:
        if not own.poll(TIMEOUT_S):
            raise TimeoutError(f"{count} devices were not let in within {TIMEOUT_S:g} s")
        said = own.recv()
        if said != count:
            raise ConnectionError(f"{said}")
        yield
    finally:
        own.close()
        process.join()


def _hold(port: int, count: int, is_tls: bool, control: Connection) -> None:
    raise_descriptors()
    opened: list[socket.socket] = []
    tls = _trusting() if is_tls else None
    try:
        opened += (_open(port, f"idle-{number}", tls) for number in range(count))
        control.send(count)
    except OSError as error:
        control.send(f"device {len(opened)} was not let in: {error}")
    try:
        control.recv()
    except EOFError:
        return


def _trusting() -> ssl.SSLContext:
    # One for all of them: a context with the system's authorities takes 0.4 MB and 20 ms.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _open(port: int, name: str, tls: ssl.SSLContext | None) -> socket.socket:
    link = socket.create_connection((LOOPBACK, port))
    if tls is not None:
        link = tls.wrap_socket(link)
    link.sendall(connect_packet(name, 4))
    answer = link.recv(CONNACK_BYTES)
    if answer != b"\x20\x02\x00\x00":
        raise ConnectionError(f"CONNACK {answer.hex()}")
    return link
