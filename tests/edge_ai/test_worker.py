"""A real worker process against a socket of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec, WorkerSpec, encode_spec
from edge_ai.wire import STOP_PARTS, Ack, EventMessage, StateRow, ack_parts, parse_from_worker
from edge_ai.worker import EXIT_REFUSED
from simulations.devices.street_clip import write_street_clip

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 30_000
LINE = RuleSpec(name="middle", kind=RuleKind.LINE, points=((0.5, 0.0), (0.5, 1.0)), frames_min=2)


class Node:
    """The node's end of the socket, and the worker's files."""

    def __init__(self, folder: Path, socket: zmq.Socket[bytes]) -> None:
        self.folder = folder
        self.socket = socket
        write_street_clip(folder / "street.avi", seed=21, seconds=6, fps=10)

    def start(self, *, parent_pid: int | None = None) -> subprocess.Popen[bytes]:
        camera = CameraSpec(
            id="street", kind=CameraKind.RENDERED, source=str(self.folder / "street.avi"), algorithm="demo-street", loop=True, rules=(LINE,)
        )
        spec = WorkerSpec(
            worker="w", endpoint=f"ipc://{self.folder / 'ai.sock'}", spool_dir=str(self.folder / "spool"), nonce="n", seed=1,
            parent_pid=os.getpid() if parent_pid is None else parent_pid, cameras=(camera,),
        )  # fmt: skip
        config = self.folder / "worker.json"
        config.write_bytes(encode_spec(spec))
        return run_worker(config)

    def wait_event(self, holds: Callable[[EventMessage], bool] = lambda _: True) -> EventMessage:
        for _ in range(10_000):
            message = self._receive()
            if isinstance(message, EventMessage) and holds(message):
                return message
        raise AssertionError("no such event among 10,000 messages")

    def wait_state(self, state: str) -> StateRow:
        for _ in range(10_000):
            message = self._receive()
            if isinstance(message, StateRow) and message.state == state:
                return message
        raise AssertionError(f"never {state} in 10,000 messages")

    def send(self, parts: list[bytes]) -> None:
        self.socket.send_multipart([b"w", *parts])

    def _receive(self) -> EventMessage | StateRow:
        assert self.socket.poll(PATIENCE_MS), "the worker is silent"
        return parse_from_worker(self.socket.recv_multipart()[1:])


def run_worker(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "edge_ai.worker", "--config", str(config)], cwd=ROOT, stderr=subprocess.PIPE)


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def node() -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="yn") as folder, zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        socket.bind(f"ipc://{folder}/ai.sock")
        yield Node(Path(folder), socket)


@pytest.mark.slow
def test_event_without_ack_is_sent_again_by_the_next_worker_after_a_kill(node: Node) -> None:
    with ended(node.start()) as first:
        before = node.wait_event()
        assert before.jpeg.startswith(b"\xff\xd8")
        first.kill()
        first.wait()
    with ended(node.start()) as second:
        again = node.wait_event(lambda message: message.row.event_id == before.row.event_id)
        assert again == before
        node.send(ack_parts(Ack(again.row.event_id, again.row.ended)))
        node.wait_event(lambda message: message.row.event_id != before.row.event_id)
        node.send(STOP_PARTS)
        assert second.wait(PATIENCE_MS / 1000) == 0
    kept = [path.read_bytes() for path in (node.folder / "spool").glob("*.event")]
    assert not any(before.row.event_id.encode() in data for data in kept)


@pytest.mark.slow
def test_interrupt_is_left_to_the_parent_and_terminate_ends_the_worker(node: Node) -> None:
    with ended(node.start()) as worker:
        node.wait_state("live")
        worker.send_signal(signal.SIGINT)
        node.wait_state("live")
        node.wait_state("live")
        worker.terminate()
        assert worker.wait(PATIENCE_MS / 1000) == 0


@pytest.mark.slow
def test_worker_without_its_parent_ends(node: Node) -> None:
    with ended(node.start(parent_pid=1 if os.getpid() != 1 else 2)) as orphan:
        assert orphan.wait(PATIENCE_MS / 1000) == 0


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"{]", b'{"worker": 3}'])
def test_worker_refuses_a_damaged_description_in_one_line(content: bytes, tmp_path: Path) -> None:
    config = tmp_path / "worker.json"
    config.write_bytes(content)
    with ended(run_worker(config)) as worker:
        _, words = worker.communicate(timeout=PATIENCE_MS / 1000)
    assert worker.returncode == EXIT_REFUSED
    assert words.startswith(b"edge worker: worker description refused")
    assert words.count(b"\n") == 1
