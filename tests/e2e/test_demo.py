"""`yunnao demo` as a newcomer runs it: five lines that all pass, and nothing left behind whatever ends it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from node.client import NodeClient
from node.clock import SystemClock
from tests.e2e.cluster import PACE_S, ROOT, cli

pytestmark = pytest.mark.slow
TIMEOUT_S = 110.0
END_S = 40.0


def start_demo(folder: Path) -> subprocess.Popen[str]:
    """A demo without console below `folder`."""
    command = [sys.executable, "-m", "node.cli", "--lang", "en", "--dir", str(folder), "demo", "--headless", "--timeout", str(TIMEOUT_S)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def below(pid: int) -> list[psutil.Process]:
    """Every process that `pid` started, and theirs."""
    return psutil.Process(pid).children(recursive=True)


def wait_answering(folder: Path, demo: subprocess.Popen[str]) -> None:
    """Wait until the nodes that the tests speak to answer; fails when the demo ends instead."""
    clock = SystemClock()
    begun = clock.now()
    waiting = {"qingdao", "qd-shinan", "qd-wusi-01"}
    while waiting:
        assert clock.now().seconds_since(begun) < TIMEOUT_S, f"{waiting} did not answer"
        waiting -= {name for name in waiting if (folder / name / "api.sock").exists()}
        try:
            demo.wait(PACE_S)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(demo.communicate()[1])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders in which a demo has run at the same time and passed."""
    pair = (tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b"))
    demos = [start_demo(folder) for folder in pair]
    talks = [demo.communicate(timeout=TIMEOUT_S + END_S) for demo in demos]
    for demo, (out, err) in zip(demos, talks, strict=True):
        assert demo.returncode == 0, out + err
        assert [line[:4] for line in out.splitlines()] == ["PASS"] * 5
        assert "rendered scene" in out
    return pair


def put_enterprise(folder: Path, node: str) -> subprocess.CompletedProcess[str]:
    """Hand one more enterprise to a node of the demo."""
    file = folder / "more.csv"
    file.write_text("territory,credit_code,name,industry,status\n370202001,91MORE,more,,\n", "utf-8")
    return cli(folder / node, "put", str(file), "--resource", "enterprises")


def certificates(folder: Path) -> dict[Path, bytes]:
    """The CA certificate of each node."""
    return {path: path.read_bytes() for path in folder.glob("*/certs/ca.pem")}


def test_two_demos_at_once_pass_and_leave_their_nodes_certified(folders: tuple[Path, Path]) -> None:
    first, second = (certificates(folder) for folder in folders)
    assert len(first) == len(second) == 5
    assert not set(first.values()) & set(second.values())


def test_a_second_start_keeps_identities_and_whatever_ends_it_leaves_no_process(folders: tuple[Path, Path]) -> None:
    kept = certificates(folders[0])
    demos = [start_demo(folder) for folder in folders]
    for folder, demo in zip(folders, demos, strict=True):
        wait_answering(folder, demo)
        demo.send_signal(signal.SIGSTOP)  # it may not pass and end by itself while the verbs below take their time
    started = [process for demo in demos for process in below(demo.pid)]
    refused = cli(folders[0], "demo", "--headless")
    given = put_enterprise(folders[0], "qingdao")
    misplaced = put_enterprise(folders[0], "qd-shinan")
    demos[0].send_signal(signal.SIGINT)
    demos[0].send_signal(signal.SIGCONT)
    demos[1].kill()
    errors = [demo.communicate(timeout=END_S)[1] for demo in demos]
    assert len(started) >= 10
    assert psutil.wait_procs(started, timeout=END_S)[1] == []
    assert demos[0].returncode == 130
    assert "from an earlier start" in errors[0]
    assert certificates(folders[0]) == kept
    assert "already running" in refused.stderr
    assert given.returncode == 0, given.stderr
    assert "its source is the municipal level" in misplaced.stderr


def test_the_console_opens_on_the_district_and_its_end_ends_everything(folders: tuple[Path, Path]) -> None:
    folder = folders[0]
    master, terminal = pty.openpty()
    command = [sys.executable, "-m", "node.cli", "--lang", "en", "--dir", str(folder), "demo"]
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    demo = subprocess.Popen(command, cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True)
    os.close(terminal)
    try:
        read_until(master, b"Enter")
        started = below(demo.pid)
        assert NodeClient(folder / "qd-shinan").call("status")
        os.write(master, b"q")
        read_until(master, b"\x1b[?1049l")
        assert demo.wait(END_S) == 0
    finally:
        demo.kill()
        os.close(master)
    assert [process for process in started if process.is_running()] == []


def read_until(master: int, wanted: bytes) -> None:
    """Read the screen until `wanted` came."""
    clock = SystemClock()
    begun, seen = clock.now(), b""
    while wanted not in seen:
        assert clock.now().seconds_since(begun) < TIMEOUT_S, seen[-2_000:]
        if select.select([master], [], [], 1.0)[0]:
            seen += os.read(master, 65_536)


def test_a_folder_too_deep_for_sockets_is_refused_with_the_way_out(tmp_path: Path) -> None:
    done = cli(tmp_path / ("d" * 100), "demo", "--headless")
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "choose a shorter --dir" in done.stderr


def test_a_video_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = cli(tmp_path, "demo", "--headless", "--video", str(tmp_path / "none.mp4"))
    assert done.returncode == 2
    assert "none.mp4 is no file" in done.stderr


def test_a_demo_without_a_terminal_asks_for_headless(tmp_path: Path) -> None:
    done = cli(tmp_path, "demo")
    assert done.returncode == 2
    assert "--headless" in done.stderr
