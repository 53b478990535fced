"""Publishers for the benchmarks of the sensor door, each in a process of its own: one that pipelines, and many connections at once.

Both send the same bytes to the door and to a broker: one reading of about 90 bytes a message, QoS 1. Called by door_bench.py, door_gate.py.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

WINDOW = 4_000
"""PUBLISH packets of the pipelining publisher without PUBACK."""
PIECE = 200
"""Packets in one of its writes."""
DEVICES = 200
CONNECTION_WINDOW = 8
"""PUBLISH packets of each of many connections without PUBACK; each is a send of its own."""
ACK_BYTES = 4
"""Of a PUBACK that says success in either version."""
READ_BYTES = 1 << 16
LINE_BYTES_MAX = 127
"""A remaining length up to here has one byte."""
PACKET_IDS = 60_000
LOOPBACK = "127.0.0.1"

Result = multiprocessing.SimpleQueue  # of seconds


@dataclass(frozen=True, slots=True)
class Load:
    """What a publisher sends."""

    messages: int
    version: int = 4
    connections: int = 1
    begins_s: int = 1_700_000_000
    """Time of the first reading; another in every round, or the door would recognise the readings of the round before."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What one side took."""

    rate: float
    """Messages a second."""
    cpu_s: float
    """Of a message, in every process that took it; the publisher's own is left out."""


def cpu_s(process: int) -> float:
    """CPU seconds of a running process until now."""
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def packet(number: int, packet_id: int, version: int, begins_s: int = 1_700_000_000) -> bytes:
    """One PUBLISH at QoS 1 with a reading of about 90 bytes."""
    device = f"air-{number % DEVICES:04d}"
    topic = f"air-quality/reading/{device}".encode()
    payload = b'{"device":"%s","time":%d,"quantity":"PM2.5","value":%.1f,"unit":"ug/m3"}' % (
        device.encode(),
        begins_s + number,
        number % 90,
    )
    body = len(topic).to_bytes(2, "big") + topic + packet_id.to_bytes(2, "big") + (b"\0" if version == 5 else b"") + payload
    length = bytes([len(body)]) if len(body) <= LINE_BYTES_MAX else bytes([len(body) % 128 | 128, len(body) // 128])
    return b"\x32" + length + body


def connect_packet(client: str, version: int) -> bytes:
    """CONNECT, clean, without keep alive."""
    body = b"\x00\x04MQTT" + bytes((version, 2, 0, 0)) + (b"\0" if version == 5 else b"") + len(client).to_bytes(2, "big") + client.encode()
    return bytes((0x10, len(body))) + body


def open_link(port: int, client: str, version: int) -> socket.socket:
    """A connection that was let in."""
    link = socket.create_connection((LOOPBACK, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(connect_packet(client, version))
    assert link.recv(1_000)[0] == 0x20, "a CONNACK"
    return link


def pipelined(port: int, load: Load) -> float:
    """Send everything over one connection; seconds from the first byte to the last PUBACK."""
    packets = [packet(number, number % PACKET_IDS + 1, load.version, load.begins_s) for number in range(load.messages)]
    pieces = [b"".join(packets[start : start + PIECE]) for start in range(0, load.messages, PIECE)]
    with open_link(port, "pub", load.version) as link:
        began, acked = time.perf_counter(), 0
        for index, piece in enumerate(pieces):
            link.sendall(piece)
            while (index + 1) * PIECE - acked // ACK_BYTES > WINDOW:
                acked += len(link.recv(READ_BYTES))
        while acked < ACK_BYTES * load.messages:
            acked += len(link.recv(READ_BYTES))
        return time.perf_counter() - began


@dataclass(slots=True)
class _Device:
    """One of many connections."""

    link: socket.socket
    waiting: list[bytes]
    """Packets that are not sent, the next one last."""
    acked_bytes: int = 0

    def send(self, count: int) -> None:
        """The next packets, one send each."""
        for _ in range(min(count, len(self.waiting))):
            self.link.sendall(self.waiting.pop())


def scattered(port: int, load: Load) -> float:
    """Send everything over many connections, each with a small window; seconds from the first byte to the last PUBACK."""
    devices = {}
    poll = select.epoll()
    for place in range(load.connections):
        numbers = range(place, load.messages, load.connections)
        packets = [packet(number, turn % PACKET_IDS + 1, load.version, load.begins_s) for turn, number in enumerate(numbers)]
        device = _Device(open_link(port, f"pub-{place}", load.version), packets[::-1])
        devices[device.link.fileno()] = device
        poll.register(device.link.fileno(), select.EPOLLIN)
    began, left = time.perf_counter(), load.messages
    for device in devices.values():
        device.send(CONNECTION_WINDOW)
    while left:
        for number, _ in poll.poll():
            device = devices[number]
            data = device.link.recv(READ_BYTES)
            assert data, "the server closed a connection of the load"
            before, device.acked_bytes = device.acked_bytes // ACK_BYTES, device.acked_bytes + len(data)
            acked = device.acked_bytes // ACK_BYTES - before
            left -= acked
            device.send(acked)
    elapsed = time.perf_counter() - began
    for device in devices.values():
        device.link.close()
    return elapsed


def _publish(port: int, load: Load, result: Result[float]) -> None:
    send: Callable[[int, Load], float] = pipelined if load.connections == 1 else scattered
    result.put(send(port, load))


async def run_publisher(port: int, load: Load) -> float:
    """Seconds that a publisher in a process of its own needed."""
    context = multiprocessing.get_context("spawn")
    result: Result[float] = context.SimpleQueue()
    process = context.Process(target=_publish, args=(port, load, result))
    process.start()
    seconds = await asyncio.to_thread(result.get)
    await asyncio.to_thread(process.join)
    return seconds
