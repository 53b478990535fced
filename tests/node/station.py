"""A real provincial node in a test's own process: its folder, its parts, and its life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from node.appliance import Appliance
from node.clock import SystemClock
from node.config.config import NodeConfig
from node.config.template import render_config
from node.verbs.init import init_node
from sync.model import Level, Territory
from sync.transport.local_api import call_local_async

CALL_TIMEOUT_S = 20.0


def make_station(folder: Path, *, extra: str = "") -> NodeConfig:
    """A province that listens on no fixed port."""
    text = render_config(
        node="shandong", level=Level.PROVINCIAL, territory=Territory("37"), devices_listen=("127.0.0.1:0",), anonymous=True, extra=extra
    )
    return init_node(folder, text, SystemClock())


async def call(config: NodeConfig, verb: str, /, **arguments: object) -> dict[str, object]:
    """What the node answers on its socket; raises LocalApiError."""
    answer = await call_local_async(config.folder / "api.sock", verb, msgspec.json.encode(arguments), CALL_TIMEOUT_S)
    return msgspec.json.decode(answer, type=dict[str, object])


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds`; fails after CALL_TIMEOUT_S."""
    async with asyncio.timeout(CALL_TIMEOUT_S):
        while not holds():  # noqa: ASYNC110 - other tasks and threads make it true, and tell nobody
            await asyncio.sleep(0)


@asynccontextmanager
async def running(config: NodeConfig) -> AsyncIterator[asyncio.Task[None]]:
    """The node while it runs; stopped in the end, where its failure is raised."""
    stopping = asyncio.Event()
    life = asyncio.create_task(Appliance(config).run(stopping))
    try:
        await until(lambda: (config.folder / "api.sock").exists() or life.done())
        yield life
    finally:
        stopping.set()
        await asyncio.wait([life])
    life.result()
