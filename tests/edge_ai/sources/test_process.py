"""A real capture process with cameras of every temper: states are true, one that is in trouble disturbs no other, and no password shows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import zmq

from edge_ai.analysis.bell import Bell
from edge_ai.spec import CaptureSpec, DecodeMode, encode_spec
from edge_ai.wire.parts import STOP_PARTS, parse_from_worker
from edge_ai.wire.states import StateRow
from simulations.devices.rtsp_camera import CameraFault, SimulatedCamera
from tests.edge_ai.sources.serving import camera_spec, playing, stream, wait_until

SECRET = "s3cr&t@/pw"
PATIENCE_MS = 20_000
MESSAGES_MAX = 400


@contextmanager
def capturing(folder: Path, socket: zmq.Socket[bytes], cameras: dict[str, SimulatedCamera]) -> Iterator[subprocess.Popen[bytes]]:
    """A capture process of `cameras`, and of one that is switched off."""
    bell = Bell.make()
    specs = [camera_spec(camera.url, id=name, analysed_fps=5) for name, camera in cameras.items()]
    specs.append(camera_spec("rtsp://u:" + SECRET.replace("/", "%2F") + "@127.0.0.1:9/", id="off", mode=DecodeMode.OFF))
    config = folder / "c.json"
    config.write_bytes(
        encode_spec(
            CaptureSpec(
                worker="c", endpoint=f"ipc://{folder}/ai.sock", ring=str(folder / "c.ring"), bell=bell.handle, seed=1,
                parent_pid=os.getpid(), cameras=tuple(specs), opens_per_s=100.0,
            )
        )
    )  # fmt: skip
    command = [sys.executable, "-m", "edge_ai.capture.worker", "--config", str(config)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stderr=subprocess.PIPE, pass_fds=(bell.handle,)) as process:
        try:
            yield process
        finally:
            process.kill()
    bell.close()


def wait_states(socket: zmq.Socket[bytes], wanted: dict[str, str], seen: list[StateRow]) -> dict[str, StateRow]:
    """The newest row of each camera, once all are in their wanted states; every row goes into `seen`."""
    rows: dict[str, StateRow] = {}
    for _ in range(MESSAGES_MAX):
        assert socket.poll(PATIENCE_MS), "the process is silent"
        row = parse_from_worker(socket.recv_multipart()[1:])
        assert isinstance(row, StateRow)
        seen.append(row)
        rows[row.camera] = row
        if {name: row.state for name, row in rows.items()} == wanted:
            return rows
    raise AssertionError(f"never {wanted}: {rows}")


@pytest.mark.slow
def test_states_are_true_and_no_password_shows() -> None:
    login = {"user": "admin", "password": SECRET, "fps": 20.0}
    seen: list[StateRow] = []
    with (
        tempfile.TemporaryDirectory(prefix="yn") as folder,
        zmq.Context() as context,
        context.socket(zmq.ROUTER) as socket,
        playing(stream("small.h265"), **login) as well,
        playing(stream("small.h264"), **login, faults=frozenset({CameraFault.SILENT})) as silent,
        playing(stream("small.h264"), **login, faults=frozenset({CameraFault.ABSURD})) as absurd,
    ):
        socket.setsockopt(zmq.LINGER, 0)
        socket.bind(f"ipc://{folder}/ai.sock")
        with capturing(Path(folder), socket, {"well": well, "silent": silent, "absurd": absurd}) as process:
            rows = wait_states(socket, {"well": "live", "silent": "connecting", "absurd": "lost", "off": "off"}, seen)
            assert "65520x65520" in rows["absurd"].why
            told = [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
            socket.send_multipart([b"c", *STOP_PARTS])
            _, words = process.communicate(timeout=PATIENCE_MS / 1000)
        assert process.returncode == 0
        wait_until(lambda: well.counts.teardowns == 1)
        assert absurd.counts.plays == 1
    for text in [words, *told, *(repr(row).encode() for row in seen)]:
        assert b"s3cr" not in text
        assert b"t%40" not in text
