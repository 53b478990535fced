"""node/run_lock.py: one process per folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.errors import NodeError
from node.run_lock import LOCK_NAME, AlreadyRunning, run_lock

HOLD = """
import sys
from pathlib import Path
from node.run_lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=f"running already, as process {first.pid}: stop that one first"), run_lock(tmp_path):
            pass
        first.kill()
    with run_lock(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text("utf-8") == f"{os.getpid()}\n"


def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(NodeError, match=r"run\.lock cannot be opened \(Is a directory\)"), run_lock(tmp_path):
        pass
