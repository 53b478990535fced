"""A real capture and a real analysis process against a socket of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import zmq

from edge_ai.analysis.bell import Bell
from edge_ai.analysis.ledger import Ledger
from edge_ai.serving import EXIT_FAILED, EXIT_REFUSED
from edge_ai.spec import CameraKind, CameraSpec, CaptureSpec, RingSpec, RuleKind, RuleSpec, WorkerSpec, encode_spec
from edge_ai.wire.events import Ack, EventMessage
from edge_ai.wire.parts import STOP_PARTS, parse_from_worker, parts_of
from edge_ai.wire.states import AnalysisRow, StateRow
from edge_ai.wire.views import ViewMessage, ViewOrder
from tests.edge_ai.quick_street import ANALYSED_FPS, write_quick_street

ROOT = Path(__file__).parents[3]
PATIENCE_MS = 30_000
LINE = RuleSpec(name="middle", kind=RuleKind.LINE, points=((0.5, 0.0), (0.5, 1.0)), frames_min=2)
Message = EventMessage | StateRow | AnalysisRow | ViewMessage
HANGING = (
    "import sys, threading\n"
    "from edge_ai.analysis.worker import AnalysisWorker\n"
    "from edge_ai.clock import SystemClock\n"
    "from edge_ai.serving import serve\n"
    "from edge_ai.spec import decode_spec\n"
    "class Hangs:\n"
    "    classes = ('vehicle',)\n"
    "    def detect(self, pixels, motion): threading.Event().wait()\n"
    "sys.exit(serve('analysis', lambda data: AnalysisWorker(decode_spec(data), SystemClock(), lambda _: Hangs(), inference_s_max=0.2)))\n"
)
"""An analysis process whose detector never comes back."""


BREAKING = (
    "import os, sys\n"
    "import edge_ai.analysis.worker as module\n"
    "class Breaks:\n"
    "    classes = ('lorry',)\n"
    "    def look_at(self, pixels, box): os._exit(9)\n"
    "module.StageShelf = lambda folder: type('Shelf', (), {'of': lambda self, camera: {'crop': Breaks()}})()\n"
    "sys.exit(module.main())\n"
)
"""An analysis process whose second stage takes it along."""


class Node:
    """The node's end of the socket, and the processes' files."""

    def __init__(self, folder: Path, socket: zmq.Socket[bytes], bell: Bell) -> None:
        self.folder = folder
        self.socket = socket
        self.bell = bell
        write_quick_street(folder / "street.avi")
        self.camera = CameraSpec(
            id="street",
            kind=CameraKind.RENDERED,
            source=str(folder / "street.avi"),
            algorithm="street-s",
            loop=True,
            rules=(LINE,),
            analysed_fps=ANALYSED_FPS,
        )

    @property
    def endpoint(self) -> str:
        return f"ipc://{self.folder / 'ai.sock'}"

    def capture(self, *cameras: CameraSpec, parent_pid: int | None = None) -> subprocess.Popen[bytes]:
        spec = CaptureSpec(
            worker="c", endpoint=self.endpoint, ring=str(self.folder / "c.ring"), bell=self.bell.handle, seed=1,
            parent_pid=os.getpid() if parent_pid is None else parent_pid, cameras=cameras or (self.camera,),
        )  # fmt: skip
        return self._start("edge_ai.capture.worker", spec)

    def analysis(self, *cameras: CameraSpec, parent_pid: int | None = None, script: str = "") -> subprocess.Popen[bytes]:
        watched = cameras or (self.camera,)
        spec = WorkerSpec(
            worker="w", endpoint=self.endpoint, spool_dir=str(self.folder / "w.spool"), nonce="n", cameras=watched,
            parent_pid=os.getpid() if parent_pid is None else parent_pid, bell=self.bell.handle, ledger=str(self.folder / "w.ledger"),
            rings=(RingSpec(path=str(self.folder / "c.ring"), cameras=tuple(camera.id for camera in watched)),), callers=2,
        )  # fmt: skip
        return self._start("edge_ai.analysis.worker", spec, script)

    def wait(self, kind: type[Message], holds: Callable[[Message], bool] = lambda _: True) -> Message:
        for _ in range(10_000):
            assert self.socket.poll(PATIENCE_MS), "the processes are silent"
            message = parse_from_worker(self.socket.recv_multipart()[1:])
            if isinstance(message, kind) and holds(message):
                return message
        raise AssertionError(f"no such {kind.__name__} among 10,000 messages")

    def wait_event(self, holds: Callable[[EventMessage], bool] = lambda _: True) -> EventMessage:
        found = self.wait(EventMessage, lambda message: isinstance(message, EventMessage) and holds(message))
        assert isinstance(found, EventMessage)
        return found

    def wait_analysis(self, holds: Callable[[AnalysisRow], bool] = lambda _: True) -> AnalysisRow:
        found = self.wait(AnalysisRow, lambda message: isinstance(message, AnalysisRow) and holds(message))
        assert isinstance(found, AnalysisRow)
        return found

    def wait_state(self, state: str, camera: str = "street") -> StateRow:
        found = self.wait(StateRow, lambda row: isinstance(row, StateRow) and (row.camera, row.state) == (camera, state))
        assert isinstance(found, StateRow)
        return found

    def send(self, to: bytes, parts: list[bytes]) -> None:
        self.socket.send_multipart([to, *parts])

    def _start(self, module: str, spec: CaptureSpec | WorkerSpec, script: str = "") -> subprocess.Popen[bytes]:
        config = self.folder / f"{spec.worker}.json"
        config.write_bytes(encode_spec(spec))
        return run(module, config, self.bell.handle, script=script)


def run(module: str, config: Path, *handles: int, script: str = "") -> subprocess.Popen[bytes]:
    what = ["-c", script] if script else ["-m", module]
    return subprocess.Popen([sys.executable, *what, "--config", str(config)], cwd=ROOT, stderr=subprocess.PIPE, pass_fds=handles)


@contextmanager
def ended(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    with ExitStack() as stack:
        for process in processes:
            stack.enter_context(process)
            stack.callback(process.kill)
        yield


@pytest.fixture
def node() -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="yn") as folder, zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        socket.bind(f"ipc://{folder}/ai.sock")
        bell = Bell.make()
        yield Node(Path(folder), socket, bell)
        bell.close()


@pytest.mark.slow
def test_event_without_ack_is_sent_again_by_the_next_process_after_a_kill(node: Node) -> None:
    with ended(node.capture(), first := node.analysis()):
        before = node.wait_event()
        assert before.jpeg.startswith(b"\xff\xd8")
        first.kill()
        first.wait()
        with ended(second := node.analysis()):
            again = node.wait_event(lambda message: message.row.event_id == before.row.event_id)
            assert again == before
            node.send(b"w", parts_of(Ack(again.row.event_id, again.row.ended)))
            node.wait_event(lambda message: message.row.event_id != before.row.event_id)
            node.send(b"w", STOP_PARTS)
            assert second.wait(PATIENCE_MS / 1000) == 0
            counted = Ledger(node.folder / "w.ledger", {"street": ""})
            assert counted.died_with("street") <= 1, "only the killed process may have lost a frame"
    kept = [path.read_bytes() for path in (node.folder / "w.spool").glob("*.event")]
    assert not any(before.row.event_id.encode() in data for data in kept)


@pytest.mark.slow
def test_hanging_detector_ends_the_process_and_its_frame_is_counted_by_the_next(node: Node) -> None:
    with ended(node.capture(), hanging := node.analysis(script=HANGING)):
        assert hanging.wait(PATIENCE_MS / 1000) == EXIT_FAILED
        assert hanging.stderr is not None
        assert b"analysis of camera street did not end within" in hanging.stderr.read()
        with ended(node.analysis()):
            row = node.wait_analysis(lambda row: row.analysed > 0)
            assert row.lost >= 1


@pytest.mark.slow
def test_a_look_is_answered_interrupt_is_left_to_the_parent_and_terminate_ends_both_processes(node: Node) -> None:
    with ended(capture := node.capture(), analysis := node.analysis()):
        node.wait_state("live")
        node.wait_analysis(lambda row: row.analysed > 0)
        node.send(b"w", parts_of(ViewOrder(camera="street", number=7, text="who looks")))
        picture = node.wait(ViewMessage)
        assert isinstance(picture, ViewMessage)
        assert (picture.row.number, picture.row.masking, picture.jpeg[:2]) == (7, "none", b"\xff\xd8")
        for process in (capture, analysis):
            process.send_signal(signal.SIGINT)
        node.wait_state("live")
        node.wait_analysis()
        for process in (capture, analysis):
            process.terminate()
            assert process.wait(PATIENCE_MS / 1000) == 0


@pytest.mark.slow
def test_processes_without_their_parent_end(node: Node) -> None:
    other = 1 if os.getpid() != 1 else 2
    with ended(capture := node.capture(parent_pid=other), analysis := node.analysis(parent_pid=other)):
        assert [process.wait(PATIENCE_MS / 1000) for process in (capture, analysis)] == [0, 0]


@pytest.mark.slow
def test_second_stage_that_takes_the_process_with_it_counts_against_its_camera(node: Node) -> None:
    asked = replace(node.camera, rules=(replace(LINE, second_stage="crop", second_class="lorry"),))
    with ended(node.capture(asked), worker := node.analysis(asked, script=BREAKING)):
        assert worker.wait(PATIENCE_MS / 1000) == 9
    ledger = Ledger(node.folder / "w.ledger", {"street": ""})
    assert ledger.died_with("street") == 1


@pytest.mark.slow
@pytest.mark.parametrize("module", ["edge_ai.analysis.worker", "edge_ai.capture.worker"])
def test_process_refuses_a_damaged_description_in_one_line(module: str, tmp_path: Path) -> None:
    config = tmp_path / "worker.json"
    config.write_bytes(b'{"worker": 3}')
    with run(module, config) as worker:
        _, words = worker.communicate(timeout=PATIENCE_MS / 1000)
    assert worker.returncode == EXIT_REFUSED
    assert b": worker description refused" in words
    assert words.count(b"\n") == 1
