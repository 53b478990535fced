"""The other ways to take sensor data, for the benchmarks of the door: Debian's mosquitto, and behind it a consumer in aiomqtt or gmqtt.

Neither is durable: the broker acknowledges before it writes anything, and the consumers decode and keep nothing. gmqtt is no requirement of
the project (benchmarks/requirements.txt). Called by door_bench.py and door_gate.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec

from benchmarks.door_load import LOOPBACK, Load, Pace, cpu_s, run_publisher

TOPICS = "air-quality/#"
LISTEN_TIMEOUT_S = 10.0
ROUND_TIMEOUT_S = 120.0


@dataclass(slots=True)
class Taken:
    """What a consumer took: the seconds run from the first message to the last."""

    wanted: int
    seen: int = 0
    began: float = 0.0
    ended: float = 0.0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    decode: Callable[[bytes], object] = field(default_factory=lambda: msgspec.json.Decoder(dict).decode)

    def take(self, payload: bytes) -> None:
        """One message."""
        if not self.seen:
            self.began = time.perf_counter()
        self.decode(payload)
        self.seen += 1
        if self.seen == self.wanted:
            self.ended = time.perf_counter()
            self.done.set()

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.seen / (self.ended - self.began)


def missing(consumer: str) -> str:
    """Why a consumer cannot run here; empty when it can."""
    if shutil.which("mosquitto") is None:
        return "mosquitto is not installed (Debian: mosquitto)"
    return f"{consumer} is not installed (pip: {consumer})" if importlib.util.find_spec(consumer) is None else ""


async def broker_pace(consumer: str, folder: Path, load: Load) -> Pace:
    """What mosquitto and `consumer`, aiomqtt or gmqtt, take together; the consumer runs in this process."""
    taken = Taken(load.messages)
    async with running_broker(folder) as broker, asyncio.timeout(ROUND_TIMEOUT_S), CONSUMERS[consumer](broker.port, taken):
        used_s = cpu_s(broker.pid) + time.process_time()
        sending = asyncio.create_task(run_publisher(broker.port, load))
        await taken.done.wait()
        used_s = cpu_s(broker.pid) + time.process_time() - used_s
        await sending
    return Pace(taken.rate, used_s / load.messages)


@dataclass(frozen=True, slots=True)
class Broker:
    """A running mosquitto."""

    port: int
    pid: int


@asynccontextmanager
async def running_broker(folder: Path) -> AsyncIterator[Broker]:
    """mosquitto on a free port, without any bound on what it queues."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(f"listener {port} {LOOPBACK}\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 4000\n")
    binary, quiet = shutil.which("mosquitto"), asyncio.subprocess.DEVNULL
    assert binary is not None, "asked before"
    process = await asyncio.create_subprocess_exec(binary, "-c", str(config), stdout=quiet, stderr=quiet)
    try:
        await wait_listening(port)
        yield Broker(port, process.pid)
    finally:
        process.terminate()
        await process.wait()


async def wait_listening(port: int) -> None:
    """Until somebody listens."""
    async with asyncio.timeout(LISTEN_TIMEOUT_S):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _by_aiomqtt(port: int, taken: Taken) -> AsyncIterator[None]:
    async with aiomqtt.Client(LOOPBACK, port) as client:
        await client.subscribe(TOPICS, qos=1)

        async def consume() -> None:
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                taken.take(message.payload)

        consuming = asyncio.create_task(consume())
        yield
        consuming.cancel()
        await asyncio.gather(consuming, return_exceptions=True)


@asynccontextmanager
async def _by_gmqtt(port: int, taken: Taken) -> AsyncIterator[None]:
    gmqtt = importlib.import_module("gmqtt")
    client, is_subscribed = gmqtt.Client("bench-consumer"), asyncio.Event()

    def on_message(client: Any, topic: str, payload: bytes, qos: int, properties: Any) -> int:
        taken.take(payload)
        return 0

    client.on_message = on_message
    client.on_subscribe = lambda *_: is_subscribed.set()
    await client.connect(LOOPBACK, port)
    client.subscribe(TOPICS, qos=1)
    await is_subscribed.wait()
    yield
    await client.disconnect()


CONSUMERS = {"aiomqtt": _by_aiomqtt, "gmqtt": _by_gmqtt}
"""By the name of their package."""
