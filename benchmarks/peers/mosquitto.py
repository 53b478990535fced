"""Mosquitto: one broker for each node, each bridged upward at QoS 1; a subscriber at the top counts."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from benchmarks.peers.common import FINISH_S_MAX, Form, PeerError, absent, connect, free_port, server

UNACKED_MAX = 64
_CONNACK, _PUBLISH, _PUBACK, _SUBACK = 0x20, 0x30, 0x40, 0x90


class Mosquitto:
    """A backlog in the bridge of the lowest broker while the one above it is down."""

    name = "Mosquitto bridges, QoS 1"
    durability = "acknowledged from memory; the snapshot on disk is written on a timer; no TLS"

    def missing(self) -> str:
        """The program that is not installed."""
        return absent("mosquitto")

    def catch_up(self, folder: Path, form: Form, *, hops: int, records: int) -> float:
        """From the first message that the top's subscriber sees until the last: the wait for the bridge to try again is not counted."""
        messages, ports = records // form.records, [free_port() for _ in range(hops + 1)]
        with ExitStack() as stack:
            for index in range(hops, 0, -1):
                if index == hops:
                    stack.enter_context(_broker(folder, ports[index], ports[index - 1]))
                    _publish(ports[index], form.body(), messages)
            for index in range(hops):
                stack.enter_context(_broker(folder, ports[index], ports[index - 1] if index else None))
                if index == 0:
                    counter = _Counter(ports[0], messages)
                    stack.callback(counter.close)
            return counter.rate(form.records)


def _broker(folder: Path, port: int, parent_port: int | None) -> AbstractContextManager[subprocess.Popen[bytes]]:
    config = folder / f"mosquitto-{port}.conf"
    bridge = "" if parent_port is None else (
        f"connection up-{port}\naddress 127.0.0.1:{parent_port}\ntopic bench out 1\ncleansession false\nnotifications false\n"
        f"try_private true\nrestart_timeout 1\nremote_clientid up-{port}\n"
    )
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\n"
        f"user root\npersistence true\npersistence_location {folder}/db-{port}-\n{bridge}"
    )
    return server(["mosquitto", "-c", str(config)], port=port)


def _packet(kind: int, body: bytes) -> bytes:
    size, length = bytearray(), len(body)
    while True:
        size.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes((kind,)) + bytes(size) + body


def _hello(port: int, name: str) -> socket.socket:
    opened = connect(port)
    opened.sendall(_packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name.encode()))
    if opened.recv(4)[:1] != bytes((_CONNACK,)):
        raise PeerError("mosquitto refused a client")
    return opened


def _publish(port: int, body: bytes, count: int) -> None:
    """`count` messages at QoS 1, some at once, each acknowledged."""
    with _hello(port, "filler") as opened:
        done = 0
        while done < count:
            burst = min(UNACKED_MAX, count - done)
            topic = b"\x00\x05bench"
            opened.sendall(b"".join(_packet(_PUBLISH | 2, topic + (index + 1).to_bytes(2, "big") + body) for index in range(burst)))
            waiting = 4 * burst
            while waiting:
                waiting -= len(opened.recv(waiting))
            done += burst


class _Counter:
    """A subscriber on a thread of its own that reads whole packets and counts them."""

    def __init__(self, port: int, expected: int) -> None:
        self._socket = _hello(port, "counter")
        self._socket.sendall(_packet(0x82, b"\x00\x01\x00\x05bench\x00"))
        self._lines = self._socket.makefile("rb", buffering=1 << 20)
        self._expected, self._first, self._last = expected, 0.0, 0.0
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()

    def rate(self, records: int) -> float:
        """Records per second, once all are in."""
        self._thread.join(FINISH_S_MAX)
        if self._thread.is_alive() or not self._last:
            raise PeerError("mosquitto did not deliver everything")
        return self._expected * records / (self._last - self._first)

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()

    def _count(self) -> None:
        seen = 0
        while seen < self._expected:
            kind, size, shift = self._lines.read(1)[0], 0, 0
            while True:
                byte = self._lines.read(1)[0]
                size |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            self._lines.read(size)
            if kind & 0xF0 == _PUBLISH:
                seen += 1
                self._first = self._first or time.monotonic()
        self._last = time.monotonic()
