"""The way in from a real Mosquitto."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import aiomqtt
import pytest

from node.backoff import Backoff
from node.clock import SystemClock
from node.ingest.errors import IngestError
from node.ingest.mosquitto import BridgeSettings, MosquittoBridge
from tests.node.ingest.parts import ListSink, make_bench

MOSQUITTO = shutil.which("mosquitto")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


@asynccontextmanager
async def running_broker(folder: Path, port: int) -> AsyncIterator[None]:
    """A Mosquitto on loopback."""
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = await asyncio.create_subprocess_exec(
        str(MOSQUITTO), "-c", str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await wait_true(lambda: connects(port))
        yield
    finally:
        process.terminate()
        await process.wait()


def connects(port: int) -> bool:
    """True when somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def wait_true(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.wait({asyncio.create_task(asyncio.sleep(0.005))})


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running_bridge(bridge: MosquittoBridge) -> AsyncIterator[None]:
    """A bridge that runs meanwhile."""
    task = asyncio.create_task(bridge.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def make_bridge(port: int, sink: object) -> MosquittoBridge:
    """A bridge with short waits."""
    settings = BridgeSettings("127.0.0.1", port, "yunnao-test", ("air-quality/#",))
    return MosquittoBridge(settings, sink, Backoff(Random(1), floor_s=0.01, cap_s=0.05), SystemClock())  # type: ignore[arg-type]


async def publish(port: int, values: range) -> None:
    """Send readings to the broker."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for value in values:
            payload = json.dumps({"device": "d1", "value": value, "time": 1_700_000_000 + value})
            await client.publish("air-quality/reading/d1", payload, qos=1)


@needs_mosquitto
@pytest.mark.slow
async def test_messages_of_the_broker_are_stored(tmp_path: Path) -> None:
    port, bench = free_port(), make_bench(tmp_path)
    bridge = make_bridge(port, bench.intake)
    async with running_broker(tmp_path, port), running_bridge(bridge):
        await wait_true(lambda: bridge.state.value == "up")
        await publish(port, range(50))
        await wait_true(lambda: bench.commit() >= 0 and len(bench.rows) >= 50)
    assert sorted(row["value"] for row in bench.rows) == [float(value) for value in range(50)]  # type: ignore[type-var]
    bench.close()


@needs_mosquitto
@pytest.mark.slow
async def test_what_was_not_committed_is_sent_again_by_the_broker(tmp_path: Path) -> None:
    port, deaf = free_port(), ListSink(stores_at_once=False)
    async with running_broker(tmp_path, port):
        first = make_bridge(port, deaf)
        async with running_bridge(first):
            await wait_true(lambda: first.state.value == "up")
            await publish(port, range(5))
            await wait_true(lambda: len(deaf.messages) == 5)
        second_sink = ListSink()
        second = make_bridge(port, second_sink)
        async with running_bridge(second):
            await wait_true(lambda: len(second_sink.messages) == 5)
        third_sink = ListSink()
        third = make_bridge(port, third_sink)
        async with running_bridge(third):
            await publish(port, range(5, 6))
            await wait_true(lambda: len(third_sink.messages) >= 1)
    assert [json.loads(message.payload)["value"] for message in third_sink.messages] == [5]


@needs_mosquitto
@pytest.mark.slow
async def test_a_broker_that_comes_later_is_found(tmp_path: Path) -> None:
    port, sink = free_port(), ListSink()
    bridge = make_bridge(port, sink)
    async with running_bridge(bridge):
        await wait_true(lambda: bridge.reconnects >= 2)
        assert bridge.problem
        async with running_broker(tmp_path, port):
            await wait_true(lambda: bridge.state.value == "up")


def test_a_bad_filter_is_refused_at_once() -> None:
    with pytest.raises(IngestError, match="refused"):
        MosquittoBridge(BridgeSettings("h", 1, "c", ("a/#/b",)), ListSink(), Backoff(Random(1), floor_s=1, cap_s=1), SystemClock())
