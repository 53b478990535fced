"""The verb: what it imports, what it refuses, and that it ends with its terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tui.verb import person

ROOT = Path(__file__).parents[2]
OPEN = """
import argparse, pathlib, sys
from tui.verb import VERB
sys.exit(VERB.run(argparse.Namespace(dir=pathlib.Path('.'), language='en', ascii=False, slow_link=False, read_only=False)))
"""
LEAVES_WITHIN_S = 10.0
"""Two seconds are promised on a machine with time to spare; the suite shares its cores."""


@pytest.mark.slow
def test_naming_the_verb_does_not_import_textual() -> None:
    code = "import sys, tui.verb; sys.exit(any(name.split('.')[0] in ('textual', 'grpc') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.slow
def test_without_a_terminal_the_verb_says_what_to_use_instead() -> None:
    done = subprocess.run([sys.executable, "-c", OPEN], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "status --json" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("hangup", [True, False], ids=["signal", "closed"])
def test_the_console_ends_with_its_terminal(*, hangup: bool) -> None:
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    console = subprocess.Popen(
        [sys.executable, "-c", OPEN], cwd=ROOT, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    shown = b""
    while b"Nodes" not in shown:
        shown += os.read(master, 65_536)
    if hangup:
        console.send_signal(signal.SIGHUP)
    else:
        os.close(master)
    try:
        console.wait(timeout=LEAVES_WITHIN_S)
    finally:
        console.kill()
        console.wait()
        if hangup:
            os.close(master)


def test_the_person_is_the_user_of_the_machine_and_nobody_where_it_knows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOGNAME", "wangfang")
    assert person() == "wangfang"
    monkeypatch.delenv("LOGNAME")
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert person() == ""
