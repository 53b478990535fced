"""The cameras of a running node over changes of their list: replaced when it says something else, kept when it cannot run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_ai.spec import CameraSpec
from node.cameras.credentials import CREDENTIALS_NAME, Credentials
from node.cameras.errors import CameraRefused
from node.cameras.host import CameraHost
from node.cameras.listing import CameraList
from node.config.config import load_config
from node.config.model import CameraEntry
from tests.node.cameras.folder import CODE, GATE, made

SOUTH = CameraEntry(id="south-1", kind="rtsp", source="rtsp://10.0.0.9/live", algorithm="motion-object", code=CODE)


class Supervisor:
    """Runs until cancelled and says whom it serves."""

    def __init__(self, specs: Sequence[CameraSpec], running: list[list[str]]) -> None:
        self.names = [spec.id for spec in specs]
        self.running = running

    async def run(self) -> None:
        self.running.append(self.names)
        try:
            await asyncio.Event().wait()
        finally:
            self.running.remove(self.names)

    def cameras(self) -> list[dict[str, object]]:
        return [{"camera": name, "state": "live"} for name in self.names]


async def settle() -> None:
    """Let what is ready run."""
    for _ in range(10):
        await asyncio.sleep(0)


def host_of(folder: Path, running: list[list[str]]) -> CameraHost:
    made_of: Any = lambda specs: Supervisor(specs, running)  # noqa: E731 - a supervisor by shape
    return CameraHost(made(folder, GATE), made_of, {})


async def test_a_changed_list_is_served_and_one_supervisor_runs_at_a_time(tmp_path: Path) -> None:
    running: list[list[str]] = []
    host = host_of(tmp_path, running)
    serving = asyncio.create_task(host.run())
    await settle()
    assert running == [["gate-1"]]
    listed = CameraList(load_config(tmp_path / "node.toml"))
    listed.put(SOUTH, Credentials("a", "b"))
    listed.save()
    assert await host.reload() == {"cameras": 2, "changed": True}
    await settle()
    assert running == [["gate-1", "south-1"]]
    assert list(host.codes()) == [CODE]
    assert await host.reload() == {"cameras": 2, "changed": False}
    await settle()
    assert host.starts == 2
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert running == []


async def test_a_list_that_cannot_run_leaves_the_one_before(tmp_path: Path) -> None:
    running: list[list[str]] = []
    host = host_of(tmp_path, running)
    listed = CameraList(load_config(tmp_path / "node.toml"))
    listed.put(SOUTH, Credentials("a", "b"))
    listed.save()
    (tmp_path / CREDENTIALS_NAME).chmod(0o644)
    with pytest.raises(CameraRefused, match="chmod"):
        await host.reload()
    assert [camera["camera"] for camera in host.cameras()] == ["gate-1"]
