"""The starter: what it forks behaves as the command does."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from sync.model import Level
from tests.e2e import starter
from tests.e2e.cluster import Cluster, Place

pytestmark = pytest.mark.slow


def by_command(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `yunnao ARGUMENTS`, the program that is installed."""
    command = [str(Path(sys.executable).with_name("yunnao")), *arguments]
    done = subprocess.run(command, cwd=starter.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60.0, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments", [("--version",), ("status", "--lang", "en", "--dir", "none"), ("no-such-verb",)], ids=lambda words: words[0]
)
def test_a_forked_command_says_what_the_installed_one_says(arguments: tuple[str, ...]) -> None:
    done = starter.run(arguments, timeout_s=60.0)
    assert (done.returncode, done.stdout, done.stderr) == by_command(*arguments)


def test_a_forked_node_is_stopped_and_killed_like_any_process(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make((Place("sd", Level.PROVINCIAL, "37"),))
    node = cluster["sd"]
    cluster.start()
    assert node.stop() == 0
    cluster.start()
    # The node answers before it says that it is up; killed in between, it never says so.
    cluster.wait("both lives say that they are up", lambda: node.log.count(" node up: ") == node.lives == 2, watch=node)
    node.signal(signal.SIGKILL)
    assert node.wait_ended() == -signal.SIGKILL


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    cluster.make((Place("sd", Level.PROVINCIAL, "37"),))
    with pytest.raises(subprocess.TimeoutExpired):
        starter.run(["--lang", "en", "--dir", str(cluster["sd"].folder), "run"], timeout_s=0.5)
    cluster.start()
    assert cluster.stop() == {"sd": 0}


def test_each_forked_command_has_the_files_it_was_given() -> None:
    with TemporaryFile() as out, TemporaryFile() as err:
        assert starter.start(["no-such-verb"], out=out, err=err).wait(60.0) == 2
        assert (starter.said(out), "no-such-verb" in starter.said(err)) == ("", True)
