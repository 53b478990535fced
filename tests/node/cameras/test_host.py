"""The cameras of a running node over changes of their list: changed when it says something else, kept when it cannot run."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_ai.looks.capacity import Admission, Measured
from edge_ai.spec import CameraSpec
from node.cameras import host as host_module
from node.cameras.admission import MEASUREMENT, cores
from node.cameras.credentials import CREDENTIALS_NAME, Credentials
from node.cameras.errors import CameraRefused
from node.cameras.host import CameraHost
from node.config.config import NodeConfig, load_config
from node.config.model import CameraEntry
from node.errors import NodeError
from tests.node.cameras.folder import CODE, GATE, entered, made

SOUTH = CameraEntry(id="south-1", kind="rtsp", source="rtsp://10.0.0.9/live", algorithm="motion-object", code=CODE)


class Supervisor:
    """Runs until cancelled and says whom it serves."""

    def __init__(self) -> None:
        self.served: list[list[str]] = []
        self.admissions: list[Admission | None] = []
        self.is_running = False

    def change(self, specs: Sequence[CameraSpec], admission: Admission | None = None) -> None:
        self.served.append([spec.id for spec in specs])
        self.admissions.append(admission)

    async def run(self) -> None:
        self.is_running = True
        try:
            await asyncio.Event().wait()
        finally:
            self.is_running = False

    def cameras(self) -> list[dict[str, object]]:
        return [{"camera": name, "state": "live"} for name in self.served[-1]]


def host_of(folder: Path, supervisor: Supervisor) -> CameraHost:
    def supervise(specs: Sequence[CameraSpec], admission: Admission | None) -> Any:
        supervisor.change(specs, admission)
        return supervisor

    return CameraHost(made(folder, GATE), supervise, {})


async def test_a_changed_list_goes_to_the_supervisor_that_runs(tmp_path: Path) -> None:
    supervisor = Supervisor()
    host = host_of(tmp_path, supervisor)
    serving = asyncio.create_task(host.run())
    await asyncio.sleep(0)
    entered(tmp_path, SOUTH, credentials=Credentials("a", "b"))
    assert await host.reload() == {"cameras": 2, "changed": True}
    assert list(host.codes()) == [CODE]
    assert await host.reload() == {"cameras": 2, "changed": False}
    assert supervisor.served == [["gate-1"], ["gate-1", "south-1"]]
    assert supervisor.is_running
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_changed_list_is_admitted_anew(tmp_path: Path) -> None:
    supervisor = Supervisor()
    host = host_of(tmp_path, supervisor)
    measured = Measured(
        at_us=1, cpu="x", cores=cores(), software={}, clip="", decode_ms=1e5, convert_ms=1, gate_ms=1, copy_ms=1, algorithms={}
    )  # fmt: skip
    (tmp_path / MEASUREMENT).write_bytes(msgspec.json.encode(measured))
    entered(tmp_path, SOUTH)
    await host.reload()
    before, after = supervisor.admissions
    assert before is None
    assert after is not None
    assert set(after.refused) == {"gate-1", "south-1"}


async def test_a_list_that_cannot_run_leaves_the_one_before(tmp_path: Path) -> None:
    host = host_of(tmp_path, Supervisor())
    entered(tmp_path, SOUTH, credentials=Credentials("a", "b"))
    (tmp_path / CREDENTIALS_NAME).chmod(0o644)
    with pytest.raises(CameraRefused, match="chmod"):
        await host.reload()
    assert [camera["camera"] for camera in host.cameras()] == ["gate-1"]


YARD = {"name": "yard", "kind": "zone", "points": [[0, 0], [1, 0], [1, 1]], "score_min": 0.3}
LISTED = msgspec.convert({**msgspec.to_builtins(SOUTH), "rule": [YARD]}, CameraEntry)


async def test_a_suggestion_that_is_taken_over_is_in_the_list_and_served(tmp_path: Path) -> None:
    host = host_of(tmp_path, Supervisor())
    entered(tmp_path, LISTED)
    await host.reload()
    assert await host.change_rule("south-1", "yard", "score_min", "0.55") == {"cameras": 2, "changed": True}
    await host.change_rule("south-1", "yard", "leave_out", "[[[0.1, 0.1], [0.3, 0.1], [0.3, 0.4]]]")
    [spec] = [each for each in host.specs if each.id == "south-1"]
    assert (spec.rules[0].score_min, spec.rules[0].leave_out) == (0.55, (((0.1, 0.1), (0.3, 0.1), (0.3, 0.4)),))
    [entry] = [each for each in load_config(tmp_path / "node.toml").listed if each.id == "south-1"]
    assert entry.rule[0].score_min == 0.55


async def test_changes_at_once_are_all_in_the_list(tmp_path: Path) -> None:
    """Two persons at the node, and a verb in a process of its own, which is as another thread to the lock."""
    host = host_of(tmp_path, Supervisor())
    entered(tmp_path, LISTED)
    await asyncio.gather(
        host.change_rule("south-1", "yard", "score_min", "0.55"),
        host.change_rule("south-1", "yard", "frames_min", "4"),
        asyncio.to_thread(entered, tmp_path, msgspec.structs.replace(SOUTH, id="west-1", code="")),
    )
    await host.reload()
    south, west = load_config(tmp_path / "node.toml").listed
    assert (south.rule[0].score_min, south.rule[0].frames_min, west.id) == (0.55, 4, "west-1")
    assert [spec.id for spec in host.specs] == ["gate-1", "south-1", "west-1"]


async def test_a_list_as_it_was_is_not_served_after_the_list_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of two reloads reads slowly."""
    host = host_of(tmp_path, Supervisor())
    read, go_on = threading.Event(), threading.Event()

    def slow_once(path: Path) -> NodeConfig:
        config = load_config(path)
        monkeypatch.setattr(host_module, "load_config", load_config)
        read.set()
        assert go_on.wait(10.0)
        return config

    entered(tmp_path, msgspec.structs.replace(SOUTH, id="west-1", code=""))
    monkeypatch.setattr(host_module, "load_config", slow_once)
    first = asyncio.create_task(host.reload())
    assert await asyncio.to_thread(read.wait, 10.0)
    await asyncio.to_thread(entered, tmp_path, SOUTH)
    second = asyncio.create_task(host.reload())
    await asyncio.wait([second], timeout=0.05)
    go_on.set()
    await asyncio.gather(first, second)
    assert [spec.id for spec in host.specs] == ["gate-1", "west-1", "south-1"]


@pytest.mark.parametrize(
    ("camera", "rule", "key", "then", "why"),
    [
        ("nobody", "yard", "score_min", "0.5", "is not configured here"),
        ("south-1", "door", "score_min", "0.5", "has no rule 'door': yard"),
        ("south-1", "yard", "score_min", "7", "'score_min' must be below 1"),
        ("south-1", "yard", "score_min", "nan\nname = 'x'", "write one value of TOML, such as 0.5"),
        ("south-1", "yard", "leave_out", "[[[0.1, 0.1", "refused"),
        ("south-1", "yard", "leave_out", "[" * 5_000, "refused"),
        ("south-1", "yard", "schedule", '["at night"]', "at night"),
    ],
)
async def test_a_change_that_cannot_be_changes_nothing(tmp_path: Path, camera: str, rule: str, key: Any, then: str, why: str) -> None:
    host = host_of(tmp_path, Supervisor())
    entered(tmp_path, LISTED)
    before = (tmp_path / "cameras.toml").read_bytes()
    with pytest.raises(NodeError, match=why):
        await host.change_rule(camera, rule, key, then)
    assert (tmp_path / "cameras.toml").read_bytes() == before
