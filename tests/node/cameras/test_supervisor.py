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
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from edge_ai.wire import Ack, EventRow
from node.cameras.supervisor import DELIVER_AGAIN_S, CameraSupervisor, Deliveries, Verdict, camera_spec
from node.clock import SystemClock
from node.config.model import CameraEntry, RuleEntry
from simulations.devices.street_clip import write_street_clip
from sync.model import Instant

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
    write_street_clip(path, seed=21, seconds=6, fps=10)
    return path


def street(clip: Path, **changes: object) -> CameraSpec:
    values: dict[str, object] = {
        "id": "street",
        "kind": CameraKind.RENDERED,
        "source": str(clip),
        "algorithm": "demo-street",
        "loop": True,
        "territory": "370202",
        "rules": (LINE,),
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


@pytest.mark.slow
async def test_events_come_with_pictures_and_come_again_after_the_worker_is_killed(clip: Path) -> None:
    async with running(street(clip)) as (supervisor, events, _):
        await events.wait_next()
        first = events.rows[0]
        os.kill(supervisor.process_ids()[0], signal.SIGKILL)
        lost = await wait_state(supervisor, "street", "lost")
        count = len(events.rows)
        while len(events.rows) == count:
            await events.wait_next()
        assert events.jpegs[0].startswith(b"\xff\xd8")
        assert (first.scene, first.evidence_grade, first.territory) == ("rendered", "rendered-only", "370202")
        assert "status -9" in str(lost["why"])
        assert supervisor.counts.starts == 2
        assert supervisor.counts.refused == 0
        assert len({row.event_id for row in events.rows}) == len(events.rows)


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
        assert "algorithm demo-street refused for camera real: it knows only rendered scenes" in words["real"]
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


def test_socket_path_that_no_socket_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="shorter folder"):
        CameraSupervisor([], tmp_path / ("x" * 120), Events().take, clock=SystemClock(), rng=Random(1))


def test_configured_camera_becomes_a_worker_description() -> None:
    rule = RuleEntry(name="gate", kind="zone", points=[(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)], classes=["person"])
    made = camera_spec(CameraEntry(id="c1", kind="file", source="a.mp4", algorithm="motion-object", rule=[rule]), "370202")
    assert (made.territory, made.kind, made.rules[0].kind) == ("370202", CameraKind.FILE, RuleKind.ZONE)


def test_resent_event_waits_while_it_is_being_committed_and_is_acknowledged_after() -> None:
    deliveries, key, start = Deliveries(), Ack("e1", False), Instant(0)
    assert deliveries.arrived(key, start) is Verdict.DELIVER
    assert deliveries.arrived(key, start.plus(5)) is Verdict.WAIT
    deliveries.acknowledged(key)
    assert deliveries.arrived(key, start.plus(10)) is Verdict.ACKNOWLEDGE


def test_event_that_nobody_could_commit_is_delivered_again() -> None:
    deliveries, key, start = Deliveries(), Ack("e1", False), Instant(0)
    deliveries.arrived(key, start)
    assert deliveries.arrived(key, start.plus(DELIVER_AGAIN_S)) is Verdict.DELIVER
    assert deliveries.arrived(key, start.plus(DELIVER_AGAIN_S + 5)) is Verdict.WAIT


def test_beginning_and_end_of_an_event_are_delivered_each() -> None:
    deliveries = Deliveries()
    assert [deliveries.arrived(Ack("e1", ended), Instant(0)) for ended in (False, True)] == [Verdict.DELIVER] * 2


@pytest.mark.slow
def test_node_side_loads_neither_pictures_nor_models() -> None:
    script = "import sys, node.cameras; sys.exit(bool({'cv2', 'onnxruntime'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], check=False).returncode == 0
