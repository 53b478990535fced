"""`yunnao simulate cameras` as a person calls it."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from edge_ai.errors import SourceError
from edge_ai.spec import CameraKind, CameraSpec
from node.cli import main
from simulations.devices.street_clip import write_street_clip
from tests.edge_ai.sources.serving import opened, take

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "street.mp4"
    write_street_clip(path, seed=3, seconds=2)
    return path


def watch(url: str, shapes: list[tuple[int, ...]]) -> None:
    """Read some pictures as soon as the camera is there."""
    pause = threading.Event()
    for _ in range(round(PATIENCE_S / 0.02)):
        try:
            with opened(CameraSpec(id="c", kind=CameraKind.RTSP, source=url, algorithm="motion-object")) as source:
                shapes += [picture.shape for picture in take(source, 25)]
            return
        except SourceError:
            pause.wait(0.02)


@pytest.mark.slow
def test_cameras_tell_their_addresses_and_what_they_saw(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shapes: list[tuple[int, ...]] = []
    watcher = threading.Thread(target=watch, args=(f"rtsp://u:hunter2@127.0.0.1:{port}/main", shapes))
    arguments = ["--count", "1", "--port", str(port), "--clip", str(clip), "--fps", "100", "--user", "u", "--password-file", str(secret)]
    watcher.start()
    assert main(["simulate", "cameras", *arguments, "--seconds", "2", "--lang", "en"]) == 0
    watcher.join(PATIENCE_S)
    shown = capsys.readouterr().out
    assert shapes == [(180, 320, 3)] * 25
    assert f"camera 1: rtsp://127.0.0.1:{port}/main" in shown
    assert "camera 1: 1 connections, 1 played, 1 without a right login" in shown
    assert "hunter2" not in shown


def test_cameras_end_after_their_time(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--count", "1", "--clip", str(clip), "--seconds", "0.05", "--faults", "stall,loss", "--share", "1", "--json"]
    assert main(["simulate", "cameras", *arguments]) == 0
    first, last = capsys.readouterr().out.replace("}\n{", "}\n\0{").split("\0")
    assert json.loads(first)["faults"] == "loss, stall"
    assert json.loads(last) == {"number": 1, "connections": 0, "plays": 0, "refused": 0}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--count", "0"], "--count 0 refused: 1 to 64"),
        (["--faults", "rain"], "'rain' refused: cameras have absurd, corrupt"),
        (["--port", "65535"], "--port 65535 refused"),
        (["--clip", "/nowhere/x.mp4"], "--clip refused"),
        (["--after", "0"], "--after 0 refused"),
        (["--fps", "0"], "--fps 0 refused"),
        (["--password-file", "/nowhere/x"], "--password-file"),
    ],
)
def test_senseless_arguments_are_refused_in_words(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "cameras", *arguments]) == 2
    assert words in capsys.readouterr().err
