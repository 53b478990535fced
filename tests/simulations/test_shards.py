"""Tasks over processes: all are done, a killed process is replaced, and what ends a process every time is given up."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from simulations.scratch import ScratchError
from simulations.shards import Done, Lost, Shards

pytestmark = pytest.mark.slow


def work(task: str) -> str:
    word, _, place = task.partition(" ")
    if word == "die" or (word == "die-once" and not Path(place).exists()):
        Path(place or os.devnull).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "no-room":
        raise ScratchError("no room")
    return word.upper()


def run(tasks: Sequence[str]) -> dict[str, Done[str, str] | Lost[str]]:
    todo = iter(tasks)
    return {answer.task: answer for answer in Shards[str, str](work, processes=2).run(lambda: next(todo, None))}


def test_every_task_is_done_by_some_process() -> None:
    assert run(["a", "b", "c"]) == {name: Done(name, name.upper()) for name in ("a", "b", "c")}


def test_a_task_whose_process_was_killed_is_tried_again(tmp_path: Path) -> None:
    task = f"die-once {tmp_path / 'died'}"
    assert run([task, "a"]) == {task: Done(task, "DIE-ONCE"), "a": Done("a", "A")}


def test_a_task_that_ends_its_process_each_time_is_given_up_and_the_others_are_done() -> None:
    assert run(["die", "a", "b"]) == {"die": Lost("die", -signal.SIGKILL), "a": Done("a", "A"), "b": Done("b", "B")}


def test_a_process_without_room_ends_it_all() -> None:
    with pytest.raises(ScratchError, match="no room"):
        run(["a", "no-room"])
