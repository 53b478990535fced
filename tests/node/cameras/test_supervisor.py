"""The supervisor with a real worker process over a real socket."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
import zmq
import zmq.asyncio

from edge_ai.errors import SpecError
from edge_ai.looks.capacity import Admission
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from edge_ai.wire.events import EventRow
from edge_ai.wire.views import VideoMessage, VideoOrder
from node.cameras.grouping import ring_folder
from node.cameras.specs import camera_spec
from node.cameras.supervisor import CameraSupervisor
from node.clock import SystemClock
from node.config.model import CameraEntry, RuleEntry
from tests.edge_ai.quick_street import ANALYSED_FPS, write_quick_street

LINE = RuleSpec(name="middle", kind=RuleKind.LINE, points=((0.5, 0.0), (0.5, 1.0)), frames_min=2)
PATIENCE_S = 40.0


@dataclass
class Events:
    """Collects what the supervisor delivers and acknowledges it at once."""

    rows: list[EventRow] = field(default_factory=list)
    jpegs: list[bytes] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, row: EventRow, jpeg: bytes, _thumb: bytes, ack: Callable[[], None]) -> None:
        self.rows.append(row)
        self.jpegs.append(jpeg)
        self.came.set()
        ack()

    async def wait_next(self) -> None:
        self.came.clear()
        await asyncio.wait_for(self.came.wait(), PATIENCE_S)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("street") / "street.avi"
    write_quick_street(path)
    return path


def street(clip: Path, **changes: object) -> CameraSpec:
    values: dict[str, object] = {
        "id": "street",
        "kind": CameraKind.RENDERED,
        "source": str(clip),
        "algorithm": "street-s",
        "loop": True,
        "territory": "370202",
        "rules": (LINE,),
        "analysed_fps": ANALYSED_FPS,
    }
    return CameraSpec(**(values | changes))  # type: ignore[arg-type]


@asynccontextmanager
async def running(*cameras: CameraSpec) -> AsyncIterator[tuple[CameraSupervisor, Events, Path]]:
    events = Events()
    with tempfile.TemporaryDirectory(prefix="yn") as folder:
        path = Path(folder) / "ai.sock"
        supervisor = CameraSupervisor(cameras, path, events.take, clock=SystemClock(), rng=Random(1))
        task = asyncio.create_task(supervisor.run())
        try:
            yield supervisor, events, path
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            assert supervisor.process_ids() == []


async def wait_state(supervisor: CameraSupervisor, camera: str, state: str) -> dict[str, object]:
    """The camera's entry once it is in `state` and says so itself."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = next(entry for entry in supervisor.cameras() if entry["camera"] == camera)
            if found["state"] == state:
                return found
            await asyncio.sleep(0.05)


async def wait_video(supervisor: CameraSupervisor, order: VideoOrder) -> tuple[int, str]:
    """What the process that reads a camera answers: the number of the question, and why there is no video."""
    coming: asyncio.Future[VideoMessage] = asyncio.get_running_loop().create_future()
    supervisor.on_video = coming.set_result
    supervisor.watch(order)
    answer = await asyncio.wait_for(coming, PATIENCE_S)
    return answer.row.number, answer.row.missing


@pytest.mark.slow
async def test_events_come_with_pictures_and_come_again_after_each_kind_of_process_is_killed(clip: Path) -> None:
    async with running(street(clip)) as (supervisor, events, path):
        await events.wait_next()
        first = events.rows[0]
        assert events.jpegs[0].startswith(b"\xff\xd8")
        assert (first.scene, first.evidence_grade, first.territory) == ("rendered", "rendered-only", "370202")
        for identity, state in (("worker-0", "degraded"), ("capture-0", "lost")):
            process = supervisor.processes()[identity]
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            down = await wait_state(supervisor, "street", state)
            assert f"{identity} ended with status -9" in str(down["why"])
            count = len(events.rows)
            while len(events.rows) == count:
                await events.wait_next()
            assert process.counts.starts == 2
        assert supervisor.counts.refused == 0
        assert len({row.event_id for row in events.rows}) == len(events.rows)
        rings = ring_folder(path.parent / "cameras")
        left = sorted(found.name.partition(".")[0] + found.suffix for found in rings.iterdir())
        assert left == ["capture-0.ring", "worker-0.ledger"]
    assert not rings.exists()


@pytest.mark.slow
async def test_one_bad_camera_is_shown_with_its_reason_and_disturbs_no_other(clip: Path, tmp_path: Path) -> None:
    bad = (
        street(clip, id="real", kind=CameraKind.FILE),
        street(clip, id="gone", kind=CameraKind.FILE, algorithm="motion-object", source=str(tmp_path / "gone.mp4")),
        street(clip, id="folder", kind=CameraKind.FILE, algorithm="motion-object", source=str(tmp_path)),
    )
    async with running(street(clip), *bad) as (supervisor, events, _):
        await events.wait_next()
        words = {name: str((await wait_state(supervisor, name, "lost"))["why"]) for name in ("real", "gone", "folder")}
        assert "algorithm street-s refused for camera real: it knows only rendered scenes" in words["real"]
        assert "gone.mp4 does not exist" in words["gone"]
        assert "is a folder" in words["folder"]
        assert (await wait_state(supervisor, "street", "live"))["why"] == ""


@pytest.mark.slow
async def test_hostile_messages_are_counted_and_the_node_goes_on(clip: Path) -> None:
    async with running(street(clip)) as (supervisor, events, path):
        await events.wait_next()
        context = zmq.asyncio.Context()
        stranger = context.socket(zmq.DEALER)
        stranger.setsockopt(zmq.LINGER, 0)
        stranger.connect(f"ipc://{path}")
        await stranger.send_multipart([b"event", b"{}", b"", b""])
        while not supervisor.counts.refused:
            await events.wait_next()
        stranger.close()
        context.term()
        assert "no worker of this node" in supervisor.counts.refused_why
        await events.wait_next()


@pytest.mark.slow
async def test_other_rules_begin_the_analysis_anew_and_leave_the_reading_alone(clip: Path) -> None:
    """About three seconds."""
    async with running(street(clip, rules=())) as (supervisor, events, _):
        await wait_state(supervisor, "street", "live")
        assert await wait_video(supervisor, VideoOrder(camera="street", number=3)) == (3, "no-packets")
        supervisor.watch(VideoOrder(camera="nowhere", number=4))
        reader, analyst = (supervisor.processes()[identity] for identity in ("capture-0", "worker-0"))
        pid, frames = reader.pid, int(str(supervisor.cameras()[0]["frames"]))
        supervisor.change([street(clip)])
        await events.wait_next()
        assert (analyst.counts.reworked, analyst.counts.starts) == (1, 2)
        assert (reader.pid, reader.counts.starts) == (pid, 1)
        assert int(str(supervisor.cameras()[0]["frames"])) > frames
        supervisor.change([])
        while supervisor.processes():  # noqa: ASYNC110 - the product gives no event for it
            await asyncio.sleep(0)
        assert supervisor.cameras() == []


def test_socket_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="shorter folder"):
        CameraSupervisor([], tmp_path / ("x" * 120), Events().take, clock=SystemClock(), rng=Random(1))


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def test_node_without_cameras_starts_no_process_and_opens_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise AssertionError("no process is needed")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refused)
    supervisor = CameraSupervisor([], tmp_path / "ai.sock", Events().take, clock=SystemClock(), rng=Random(1))
    task = asyncio.create_task(supervisor.run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()
    assert supervisor.process_ids() == []
    assert names_in(tmp_path) == []
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_node_without_a_folder_for_frames_says_so_and_starts_no_process(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    supervisor = CameraSupervisor(
        [street(clip)], tmp_path / "ai.sock", Events().take, clock=SystemClock(), rng=Random(1), ring_dir=tmp_path / "file" / "rings"
    )
    task = asyncio.create_task(supervisor.run())
    assert "no folder for frame rings" in str((await wait_state(supervisor, "street", "lost"))["why"])
    assert supervisor.process_ids() == []
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_cameras_without_room_are_lost_with_the_numbers_and_start_no_process(clip: Path, tmp_path: Path) -> None:
    refused = Admission((), {"street": "camera street refused: it asks 900 ms"}, {}, 900.0, 0.0)
    supervisor = CameraSupervisor(
        [street(clip)], tmp_path / "ai.sock", Events().take, clock=SystemClock(), rng=Random(1), admission=refused
    )
    task = asyncio.create_task(supervisor.run())
    assert "it asks 900 ms" in str((await wait_state(supervisor, "street", "lost"))["why"])
    assert supervisor.process_ids() == []
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_configured_camera_becomes_a_worker_description() -> None:
    rule = RuleEntry(name="gate", kind="zone", points=[(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)], classes=["person"])
    made = camera_spec(CameraEntry(id="c1", kind="file", source="a.mp4", algorithm="motion-object", rule=[rule]), "370202")
    assert (made.territory, made.kind, made.rules[0].kind) == ("370202", CameraKind.FILE, RuleKind.ZONE)


@pytest.mark.slow
def test_node_side_loads_neither_pictures_nor_models() -> None:
    script = "import sys, node.cameras; sys.exit(bool({'cv2', 'onnxruntime'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], check=False).returncode == 0
