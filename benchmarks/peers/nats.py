"""NATS JetStream: one server for each node, each a leaf of the one above it; a stream above takes the stream below as its source."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.peers.common import POLL_S, Form, PeerError, absent, connect, free_port, server, wait_for

UNACKED_MAX = 256
"""Messages published and not yet acknowledged by the stream."""


class Nats:
    """File storage, one replica."""

    name = "NATS JetStream, leaf nodes and sources"
    durability = "acknowledged after write() to the page cache; fsync on a timer; no TLS"

    def missing(self) -> str:
        """The program that is not installed."""
        return absent("nats-server")

    def catch_up(self, folder: Path, form: Form, *, hops: int, records: int) -> float:
        """From the first message in the top stream until the last: the seconds that sources take to begin are not counted."""
        messages = records // form.records
        with ExitStack() as stack:
            ports: list[tuple[int, int]] = []
            for index in range(hops + 1):
                above = ports[-1][1] if ports else None
                ports.append(stack.enter_context(_server(folder / f"nats{index}", f"d{index}", above)))
            clients = [stack.enter_context(_client(port)) for port, _ in ports]
            clients[-1].create({"name": "S", "subjects": ["bench"], "storage": "file"})
            clients[-1].fill("bench", form.body(), messages)
            # A fresh leaf link takes a moment until its subjects are known on the other side.
            for index in range(hops):
                wait_for(lambda index=index: clients[index].reaches(f"$JS.d{index + 1}.API.INFO"), "NATS leaf links")  # type: ignore[misc]
            for index in range(hops):
                source = {"name": "S", "external": {"api": f"$JS.d{index + 1}.API", "deliver": ""}}
                clients[index].create({"name": "S", "storage": "file", "sources": [source]})
            began = wait_for(lambda: clients[0].stored() > 0, "NATS to bring the first message to the top")
            already = clients[0].stored()
            ended = wait_for(lambda: clients[0].stored() >= messages, "NATS to fill the top stream")
            if ended - began < POLL_S or already >= messages:
                raise PeerError(f"NATS moved {messages} messages between two looks: give it more records")
            return (messages - already) * form.records / (ended - began)


class _Client:
    """As much of the protocol as it takes: request, publish with acknowledgement."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        # Of its own: interest in a subject travels over leaf links, and a client above would get the answers meant for one below.
        self._inbox = b"_in%d" % opened.getsockname()[1]
        self._lines = opened.makefile("rb")
        self._lines.readline()
        self._send(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\nSUB %s 1\r\nPING\r\n' % self._inbox)
        while self._lines.readline() != b"PONG\r\n":
            pass

    def create(self, config: dict[str, object]) -> None:
        """Make a stream."""
        answer = self.request(f"$JS.API.STREAM.CREATE.{config['name']}", json.dumps(config).encode())
        if "error" in answer:
            raise PeerError(f"NATS made no stream: {answer['error']}")

    def stored(self) -> int:
        """Messages in the stream."""
        state = self.request("$JS.API.STREAM.INFO.S", b"").get("state", {})
        assert isinstance(state, dict)
        return int(state.get("messages", 0))

    def reaches(self, subject: str) -> bool:
        """True when somebody answers on `subject`."""
        return bool(self.request(subject, b""))

    def fill(self, subject: str, body: bytes, count: int) -> None:
        """Publish `count` messages, each acknowledged by the stream."""
        message = b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), self._inbox, len(body), body)
        sent = acked = 0
        while acked < count:
            burst = min(UNACKED_MAX, count - sent)
            if burst:
                self._send(message * burst)
                sent += burst
            for _ in range(sent - acked):
                self._message()
            acked = sent

    def request(self, subject: str, body: bytes) -> dict[str, object]:
        """The answer as JSON; empty when nobody answers."""
        self._send(b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), self._inbox, len(body), body))
        answer = self._message()
        found: dict[str, object] = json.loads(answer) if answer else {}
        return found

    def _message(self) -> bytes:
        while True:
            words = self._lines.readline().split()
            if not words:
                raise PeerError("NATS closed the connection")
            if words[0] == b"PING":
                self._send(b"PONG\r\n")
            elif words[0] == b"MSG":
                return self._lines.read(int(words[-1]) + 2)[:-2]
            elif words[0] == b"HMSG":
                return self._lines.read(int(words[-1]) + 2)[int(words[-2]) : -2]
            elif words[0] == b"-ERR":
                raise PeerError(f"NATS: {b' '.join(words).decode()}")

    def _send(self, data: bytes) -> None:
        self._socket.sendall(data)


@contextmanager
def _client(port: int) -> Iterator[_Client]:
    with connect(port) as opened:
        yield _Client(opened)


@contextmanager
def _server(folder: Path, domain: str, parent_leaf_port: int | None) -> Iterator[tuple[int, int]]:
    """The client port and the port for leaves."""
    folder.mkdir()
    port, leaf_port = free_port(), free_port()
    remote = "" if parent_leaf_port is None else f'remotes: [{{url: "nats-leaf://127.0.0.1:{parent_leaf_port}"}}]'
    config = folder / "nats.conf"
    config.write_text(
        f'server_name: {domain}\nlisten: "127.0.0.1:{port}"\njetstream {{store_dir: "{folder}", domain: {domain}}}\n'
        f'leafnodes {{listen: "127.0.0.1:{leaf_port}", {remote}}}\nmax_payload: 4MB\n'
    )
    with server(["nats-server", "-c", str(config)], port=port):
        yield port, leaf_port
