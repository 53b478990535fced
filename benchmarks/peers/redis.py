"""Redis streams: one server for each node, each a replica of the one below it, append-only file with an fsync before each answer."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.peers.common import Form, PeerError, absent, connect, free_port, server, wait_for

PIPELINED = 64
"""Commands sent before their answers are read."""


class Redis:
    """AOF `always`."""

    name = "Redis streams, AOF always"
    durability = "fsync before the answer at each server; replication acknowledges nothing per record; no TLS"

    def missing(self) -> str:
        """The program that is not installed."""
        return absent("redis-server")

    def catch_up(self, folder: Path, form: Form, *, hops: int, records: int) -> float:
        """From the moment the stopped replica above the origin goes on until the top has every entry."""
        messages = records // form.records
        with ExitStack() as stack:
            ports: list[int] = []
            processes = []
            for _ in range(hops + 1):
                port = free_port()
                processes.append(stack.enter_context(server(_command(folder, port, ports[-1] if ports else None), port=port)))
                ports.append(port)
            origin, top = (stack.enter_context(_Client(port)) for port in (ports[0], ports[-1]))
            for port in ports[1:]:
                with _Client(port) as replica:
                    wait_for(lambda client=replica: b"master_link_status:up" in client.ask(b"INFO", b"replication"), "Redis replicas")  # type: ignore[misc]
            processes[1].send_signal(signal.SIGSTOP)
            try:
                origin.fill(form.body(), messages)
            finally:
                began = time.monotonic()
                processes[1].send_signal(signal.SIGCONT)
            ended = wait_for(lambda: top.length() >= messages, "Redis to fill the top")
            return records / (ended - began)


def _command(folder: Path, port: int, parent: int | None) -> list[str]:
    data = folder / f"redis-{port}"
    data.mkdir()
    options = {
        "port": str(port), "bind": "127.0.0.1", "dir": str(data), "appendonly": "yes", "appendfsync": "always", "save": "",
        "repl-backlog-size": "1gb", "client-output-buffer-limit": "replica 0 0 0", "repl-diskless-sync-delay": "0",
        **({} if parent is None else {"replicaof": f"127.0.0.1 {parent}"}),
    }  # fmt: skip
    return ["redis-server", *(word for key, value in options.items() for word in (f"--{key}", *(value.split(" ") if value else [""])))]


class _Client:
    """Commands and their answers."""

    def __init__(self, port: int) -> None:
        self._socket: socket.socket = connect(port)
        self._answers = self._socket.makefile("rb")

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, *words: bytes) -> bytes:
        """The answer to one command."""
        self._socket.sendall(_encoded(*words))
        return self._answer()

    def fill(self, body: bytes, count: int) -> None:
        """Add `count` entries."""
        command = _encoded(b"XADD", b"bench", b"*", b"p", body)
        for start in range(0, count, PIPELINED):
            burst = min(PIPELINED, count - start)
            self._socket.sendall(command * burst)
            for _ in range(burst):
                self._answer()

    def length(self) -> int:
        """Entries in the stream."""
        return int(self.ask(b"XLEN", b"bench"))

    def _answer(self) -> bytes:
        line = self._answers.readline()
        if line[:1] == b"$":
            return self._answers.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"-" or not line:
            raise PeerError(f"redis: {line.decode().strip() or 'closed the connection'}")
        return line[1:].strip()


def _encoded(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
