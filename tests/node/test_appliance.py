"""One life of a node: it starts, refuses what it cannot store, starts again from its journal, and goes down on a signal."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from node import appliance
from node.appliance import Appliance
from node.assembly import Parts, assemble
from node.config.config import NodeConfig, load_config
from node.fork.clones import ForkMemory
from sync.model import JournalError, JournalFull
from sync.transport.local_api import LocalApiError
from tests.node.station import CALL_TIMEOUT_S, call, make_station, running, until

RELEASE_S = 0.05
"""The runtime ends this long after what it gave up."""
ROW = {"resource": "air-quality", "columns": ["device", "quantity", "value", "text", "unit"], "rows": [["d1", "pm25", 1.5, None, None]]}


def many(count: int) -> list[list[object]]:
    """Rows that no free page of a small journal holds."""
    return [[f"device-{number}", "pm25", number * 1.1, str((number + 3) ** 60), None] for number in range(count)]


def full(parts: Parts) -> None:
    """Let the journal's file grow no further: SQLite answers as on a full disk."""
    (pages,) = parts.journal._writer.execute("PRAGMA page_count").fetchone()
    parts.journal._writer.execute(f"PRAGMA max_page_count = {pages}")


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    return make_station(tmp_path / "n")


@pytest.mark.slow
async def test_what_a_node_stored_is_there_in_its_next_life(config: NodeConfig) -> None:
    async with running(config):
        assert (await call(config, "put", **ROW))["stored"] == 1
    assert not (config.folder / "api.sock").exists()
    async with running(config):
        found = await call(config, "readings", resource="air-quality")
        assert len(found["rows"]) == 1  # type: ignore[arg-type]


@pytest.mark.slow
async def test_a_full_journal_acknowledges_nothing_says_so_and_goes_on_when_there_is_room(
    config: NodeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Parts] = []

    def assemble_full(config: NodeConfig, *, software: str, memory: ForkMemory | None = None) -> Parts:
        made.append(assemble(config, software=software, memory=memory))
        full(made[0])
        return made[0]

    monkeypatch.setattr(appliance, "assemble", assemble_full)
    async with running(config) as life:
        waiting = asyncio.create_task(call(config, "put", **(ROW | {"rows": many(900)})))
        await until(lambda: bool(made) and made[0].runtime.is_full)
        node = (await call(config, "status"))["node"]
        assert "journal_full" in node["words"]  # type: ignore[index]
        with pytest.raises(LocalApiError, match="no room in the journal for lane"):
            await call(config, "put", **ROW)
        assert not waiting.done()
        made[0].journal._writer.execute("PRAGMA max_page_count = 1000000")
        assert (await waiting)["stored"] == 900
        assert (await call(config, "put", **ROW))["stored"] == 1
        assert not life.done()


@pytest.mark.slow
async def test_a_stores_failure_on_the_way_down_does_not_hide_why_the_node_stopped(
    config: NodeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_journal(config: NodeConfig, *, software: str, memory: ForkMemory | None = None) -> Parts:
        parts = assemble(config, software=software, memory=memory)
        monkeypatch.setattr(parts.journal, "commit", _broken_disk)
        return parts

    monkeypatch.setattr(appliance, "assemble", break_journal)
    monkeypatch.setattr("node.ingest.devices.DeviceRegistry.save", _full_disk)
    with pytest.raises(JournalError, match="the disk is gone"):
        await refused(config)


@pytest.mark.slow
async def test_work_that_waited_behind_the_failing_commit_does_not_hide_why_the_node_stopped(
    config: NodeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_failing, asked, given_up = threading.Event(), threading.Event(), threading.Event()

    def fail_once_asked(writes: object) -> None:
        is_failing.set()
        asked.wait(CALL_TIMEOUT_S)
        _broken_disk(writes)

    def break_journal(config: NodeConfig, *, software: str, memory: ForkMemory | None = None) -> Parts:
        parts = assemble(config, software=software, memory=memory)
        monkeypatch.setattr(parts.journal, "commit", fail_once_asked)
        beside_commits = parts.runtime.beside_commits

        async def wait_behind(work: Callable[[], object]) -> object:
            await until(is_failing.is_set)
            before_it = asyncio.ensure_future(beside_commits(lambda: given_up.wait(CALL_TIMEOUT_S)))
            waiting = asyncio.ensure_future(beside_commits(work))
            await asyncio.sleep(0)
            asked.set()
            try:
                return await waiting
            finally:
                asyncio.get_running_loop().call_later(RELEASE_S, given_up.set)
                before_it.cancel()

        monkeypatch.setattr(parts.runtime, "beside_commits", wait_behind)
        return parts

    monkeypatch.setattr(appliance, "assemble", break_journal)
    with pytest.raises(JournalError, match="the disk is gone"):
        await refused(config)


async def refused(config: NodeConfig) -> None:
    """Run a node that cannot store, offer it a row, and wait for its end."""
    async with running(config) as life:
        with pytest.raises(LocalApiError):
            await call(config, "put", **ROW)
        await asyncio.wait([life])


def _broken_disk(writes: object) -> None:
    raise JournalError("the disk is gone")


def _full_disk(registry: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


@pytest.mark.slow
async def test_a_port_that_is_taken_ends_the_start_and_frees_everything(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = make_station(tmp_path / "n")
        path = config.folder / "node.toml"
        path.write_text(path.read_text("utf-8").replace("127.0.0.1:0", f"127.0.0.1:{port}"), "utf-8")
        with pytest.raises(OSError, match=r"address already in use|address is already in use"):
            await Appliance(load_config(path)).run(asyncio.Event())
    async with running(load_config(path)):
        assert (await call(config, "status"))["software"] == "0.1.0"


@pytest.mark.slow
async def test_a_node_that_could_not_store_is_started_again_until_a_signal_comes(
    config: NodeConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lives: list[str] = []

    async def life(self: Appliance, stopping: asyncio.Event) -> None:
        lives.append("begun")
        if len(lives) < 3:
            raise JournalFull("no space is left")
        os.kill(os.getpid(), signal.SIGTERM)
        await stopping.wait()

    monkeypatch.setattr(Appliance, "run", life)
    monkeypatch.setattr(appliance, "RESTART_WAIT_S", 0.01)
    assert await appliance._run_until_stopped(config) == 0
    assert len(lives) == 3
    assert caplog.text.count("nothing can be stored: no space is left; the door is closed") == 2


@pytest.mark.slow
async def test_a_signal_ends_a_running_node_with_everything_stored(config: NodeConfig) -> None:
    process = asyncio.create_task(appliance._run_until_stopped(config))
    await until(lambda: (config.folder / "api.sock").exists())
    assert (await call(config, "put", **ROW))["stored"] == 1
    os.kill(os.getpid(), signal.SIGTERM)
    assert await process == 0
    parts = assemble(config, software="test")
    assert parts.journal.counts()["air-quality"] == 1
    parts.close()
