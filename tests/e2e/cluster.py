"""A tree of real nodes for tests and benchmarks: made and joined in this process, run as processes, spoken to through their local API.

Owns: folders, free ports, the processes it starts and their logs. Refuses to wait without a deadline: what does not become true in time is
an error that carries the logs. Making five nodes takes about a second, because the joins go through a join service in this process; running
them is the product's own `yunnao run`, by starter.py in the end-to-end tests. Called by tests/e2e, tests/network and the benchmarks:

    cluster = Cluster(folder)
    cluster.make(CHAIN)            # folders, keys, tokens, joins, node.toml
    cluster.start()                # five processes, in parallel
    cluster.wait_linked()          # every child has its link
    cluster["qd-grid"].call("status")
    cluster.stop()                 # SIGTERM by pid; returns the exit codes
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.client import SOCKET_NAME, ApiError, NodeClient
from node.clock import SystemClock
from node.config.config import NodeConfig, set_parent
from node.config.template import render_config
from node.identity.admissions import Admissions
from node.identity.files import IdentityFiles
from node.identity.join_client import join_parent
from node.identity.join_server import JoinServer
from node.verbs.folder import facts_of_config, open_admissions
from node.verbs.init import init_node
from sync.model import Level, Territory
from tests.e2e import starter
from tests.e2e.starter import Process

ROOT = starter.ROOT
HOST = "127.0.0.1"
PORTS = range(21_000, 32_000)
"""Below the kernel's own range for outgoing connections, so that nobody takes the port of a node while it is down."""
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 10.0
PACE_S = 0.05
"""Between two looks at a condition."""
NEXT_LIFE_PACES_MAX = 200
"""Looks for the socket of a node that starts again in its process: ten seconds."""
LOG_LINES = 15
"""Of each node's log in an error."""
TOKEN_TTL_S = 600.0

Plain = dict[str, Any]

BY_COMMAND = ("env",)
"""A prefix that changes nothing: for a node whose memory is measured."""


@dataclass(frozen=True, slots=True)
class Place:
    """One node of a tree, before it is made."""

    id: str
    level: Level
    territory: str
    parent: str = ""
    extra: str = ""
    """TOML appended to its node.toml."""
    host: str = HOST
    """Address where its link and join services listen."""
    prefix: tuple[str, ...] = ()
    """What to put before its command, such as `ip netns exec NAME`; a node that has a prefix is started by its command and not forked."""


CHAIN = (
    Place("shandong", Level.PROVINCIAL, "37"),
    Place("qingdao", Level.MUNICIPAL, "3702", "shandong"),
    Place("qd-shinan", Level.DISTRICT, "370202", "qingdao"),
    Place("qd-street", Level.STREET, "370202001", "qd-shinan"),
    Place("qd-grid", Level.GRID, "370202001001001", "qd-street"),
)
"""One node of each level."""

QUICK_LIMITS = "\n[limits]\nreconnect_floor_s = 0.2\nreconnect_cap_s = 1.0\nheartbeat_s = 0.5\n"
"""Limits for tests in which nodes come and go."""


class ClusterError(Exception):
    """What did not happen in time, with the ends of the logs."""


@dataclass(slots=True)
class Node:
    """One made node; `process` while it runs."""

    place: Place
    folder: Path
    ports: Plain
    """link, join and door; a grid node has only its door."""
    process: Process | None = None
    lives: int = field(default=0)
    has_answered: bool = field(default=False)
    """True once this process has answered a call."""

    @property
    def id(self) -> str:
        """The node's id."""
        return self.place.id

    @property
    def pid(self) -> int:
        """Process id; only while it runs."""
        assert self.process is not None, f"{self.id} is not running"
        return self.process.pid

    @property
    def door(self) -> str:
        """host:port of the sensor door."""
        return f"{HOST}:{self.ports['door']}"

    @property
    def journal(self) -> Path:
        """The journal file."""
        return self.folder / "journal.db"

    @property
    def log(self) -> str:
        """Everything the node's lives wrote to stderr and stdout."""
        path = self.folder / "run.log"
        return path.read_text("utf-8", errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start the process; does not wait."""
        assert self.process is None, f"{self.id} runs already"
        arguments = ["--lang", "en", "--dir", str(self.folder), "run"]
        with (self.folder / "run.log").open("ab") as log:
            self.process = starter.start(arguments, out=log, err=log, prefix=self.place.prefix)
        self.lives += 1
        self.has_answered = False

    def kill(self) -> None:
        """kill -9, and the process is gone when this returns."""
        self.signal(signal.SIGKILL)
        self.wait_ended()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """SIGTERM; the exit code. Raises subprocess.TimeoutExpired, with the process killed, when it does not end in time."""
        self.signal(signal.SIGTERM)
        return self.wait_ended(timeout_s)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this node's process and to no other."""
        assert self.process is not None, f"{self.id} is not running"
        self.process.send_signal(number)

    def wait_ended(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Wait for the end of the process; its exit code, as `stop`."""
        assert self.process is not None, f"{self.id} is not running"
        process, self.process = self.process, None
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def call(self, verb: str, **arguments: Any) -> Plain:
        """One call of the local API; raises ApiError.

        A node that goes on after a move, a fork or a damaged batch starts again in its process and has no socket for a moment. That is
        waited for: nothing of the call is sent before.
        """
        for _ in range(NEXT_LIFE_PACES_MAX):
            if not self.has_answered or self.process is None or (self.folder / SOCKET_NAME).exists():
                break
            self.pace()
        answer = dict(NodeClient(self.folder).call(verb, **arguments))
        self.has_answered = True
        return answer

    def pace(self) -> None:
        """Let a moment pass; raises ClusterError when the process ends meanwhile."""
        assert self.process is not None, f"{self.id} is not running"
        try:
            code = self.process.wait(PACE_S)
        except subprocess.TimeoutExpired:
            return
        raise ClusterError(f"{self.id} ended with exit status {code}:\n{tail(self)}")


class Cluster:
    """The nodes of one tree below one folder (short: Unix socket paths are)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.nodes: dict[str, Node] = {}
        self._clock = SystemClock()
        self._ports = free_ports()

    def __getitem__(self, node: str) -> Node:
        return self.nodes[node]

    # ---- making

    def make(self, places: Sequence[Place] = CHAIN, *, limits: str = QUICK_LIMITS) -> None:
        """Make and join every node, parents first. Doors take any device without a password; `limits` goes into every node.toml."""
        for place in places:
            asyncio.run(self._make(place, limits))

    def take_ports(self, level: Level) -> Plain:
        """Free ports for a node of `level`, never given twice."""
        names = ("door",) if level is Level.GRID else ("door", "link", "join")
        return {name: next(self._ports) for name in names}

    async def _make(self, place: Place, limits: str) -> None:
        node = Node(place, self.folder / place.id, self.take_ports(place.level))
        config = init_node(node.folder, config_text(place, node.ports, limits), self._clock)
        self.nodes[place.id] = node
        if place.parent:
            await self._join(config, self.nodes[place.parent])

    async def _join(self, config: NodeConfig, parent: Node) -> None:
        with open_admissions(parent.folder) as (files, admissions):
            own = files.own(now_us=self._clock.wall_us())
            announced = f"{parent.place.host}:{parent.ports['link']}"
            server = JoinServer(files, admissions, own_path=own.path, link_address=announced, clock=self._clock)
            port = await server.start(HOST, 0)
            try:
                token = token_for(files, admissions, config, now_us=self._clock.wall_us())
                await join_parent(
                    f"{HOST}:{port}", token, files=IdentityFiles(config.folder), facts=facts_of_config(config), clock=self._clock,
                    on_pending=None, wait_s=0,
                )  # fmt: skip
            finally:
                await server.stop()
        set_parent(config.path, address=announced, join_address=f"{parent.place.host}:{parent.ports['join']}")

    # ---- running

    def start(self, *nodes: str) -> None:
        """Start the named nodes, or all, and wait until each answers."""
        chosen = [self.nodes[name] for name in nodes] or list(self.nodes.values())
        for node in chosen:
            node.start()
        for node in chosen:
            self.wait(f"{node.id} to answer", lambda node=node: bool(node.call("status")), watch=node)  # type: ignore[misc]

    def stop(self) -> dict[str, int]:
        """SIGTERM to everything that runs; the exit codes."""
        running = [node for node in self.nodes.values() if node.process is not None]
        for node in running:
            node.signal(signal.SIGTERM)
        return {node.id: node.wait_ended() for node in running}

    # ---- waiting

    def wait(self, what: str, is_true: Callable[[], bool], *, timeout_s: float = START_TIMEOUT_S, watch: Node | None = None) -> None:
        """Look until `is_true`; an unanswered call counts as not yet. Raises ClusterError with the logs when time is up or `watch` ends."""
        begun = self._clock.now()
        problem = ""
        while self._clock.now().seconds_since(begun) < timeout_s:
            try:
                if is_true():
                    return
                problem = ""
            except ApiError as error:
                problem = f" ({error})"
            (watch or next(node for node in self.nodes.values() if node.process)).pace()
        logs = "\n".join(tail(node) for node in self.nodes.values())
        raise ClusterError(f"waited {timeout_s:g} s for {what}{problem}\n{logs}")

    def wait_linked(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until every node that has a parent is linked to it and has its policy."""
        for node in self.nodes.values():
            if node.place.parent:
                self.wait(f"{node.id} to be linked", lambda node=node: is_linked(node), timeout_s=timeout_s)  # type: ignore[misc]

    def wait_records(self, resource: str, count: int, *nodes: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until each named node, or every node, holds `count` records of the resource."""
        for name in nodes or tuple(self.nodes):
            node = self.nodes[name]
            self.wait(f"{count} {resource} at {name}", lambda node=node: records(node, resource) >= count, timeout_s=timeout_s)  # type: ignore[misc]


def config_text(place: Place, ports: Plain, limits: str = "") -> str:
    """The node.toml of a place: loopback only."""
    return render_config(
        node=place.id,
        level=place.level,
        territory=Territory(place.territory),
        listen=f"{place.host}:{ports['link']}" if "link" in ports else "",
        join_listen=f"{place.host}:{ports['join']}" if "join" in ports else "",
        devices_listen=(f"{HOST}:{ports['door']}",),
        anonymous=True,
        admit_unknown=True,
        extra=limits + place.extra,
    )


def token_for(files: IdentityFiles, admissions: Admissions, config: NodeConfig, *, now_us: int) -> str:
    """A token of the parent that admits exactly this child at once."""
    token, _ = admissions.create_token(
        ca_sha256=files.ca_sha256(), level=config.level, territory=config.territory, ttl_s=TOKEN_TTL_S, auto_accept=True, now_us=now_us
    )
    return str(token)


def is_linked(node: Node) -> bool:
    """True when the node has its uplink and the catalogue: bundles of other issuers may come before the province's."""
    status = node.call("status")
    return bool(status["node"]["link"]["state"] == "up" and status["catalogue"]["entries"])


def records(node: Node, resource: str) -> int:
    """Records of the resource that are present at the node."""
    return int(node.call("status")["node"]["records"].get(resource, 0))


def tail(node: Node) -> str:
    """The last lines of a node's log."""
    return "\n".join(f"{node.id}| {line}" for line in node.log.splitlines()[-LOG_LINES:])


def cli(folder: Path, *arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run `yunnao --lang en --dir FOLDER ...` as a user would; never raises for its exit status."""
    return starter.run(["--lang", "en", "--dir", str(folder), *arguments], timeout_s=timeout_s)


def cli_json(folder: Path, *arguments: str) -> Plain:
    """The JSON a verb prints with --json; its exit status is not judged."""
    done = cli(folder, *arguments, "--json")
    assert done.stdout, f"{' '.join(arguments)} printed nothing: {done.stderr}"
    return dict(json.loads(done.stdout))


def free_ports() -> Iterator[int]:
    """Ports nobody listens on, each once; two test runs begin at different places."""
    size = len(PORTS)
    for step in range(size):
        port = PORTS[(os.getpid() * 37 + step) % size]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        yield port
