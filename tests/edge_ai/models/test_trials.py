"""Processes that end while they try a version are counted against it, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from edge_ai.models.trials import Trials, process_name


def test_only_processes_that_ended_count(tmp_path: Path) -> None:
    trials = Trials(tmp_path / "trials")
    assert trials.begin("1") == 0
    assert trials.begin("1") == 0
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = tmp_path / "trials" / f"1@{process_name(ended.pid)}"
    ended.communicate(b"\n")
    mark.touch()
    assert trials.begin("1") == 1
    assert trials.begin("10") == 0


def test_a_process_that_got_the_number_of_one_that_ended_is_not_that_one(tmp_path: Path) -> None:
    trials = Trials(tmp_path)
    number, _, started = process_name(os.getppid()).partition("-")
    (tmp_path / f"1@{number}-{int(started) - 1}").touch()
    assert trials.begin("1") == 1


def test_what_ended_well_or_begins_anew_leaves_no_mark(tmp_path: Path) -> None:
    trials = Trials(tmp_path)
    trials.begin("1")
    trials.end("1")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "1@4194305-7").touch()
    trials.forget("1")
    assert trials.begin("1") == 0
