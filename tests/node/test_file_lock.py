"""node/file_lock.py: one holder at a time, told by name, waited for within bounds, and gone with its process (see test_run_lock.py)."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from node.file_lock import UNKNOWN, LockFailed, LockHeld, file_lock


def test_who_waits_is_told_who_holds_it_and_what_they_do(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with file_lock(path, doing="camera import"), pytest.raises(LockHeld) as held, file_lock(path, wait_s=0.03):
        pass
    assert held.value.holder == f"{os.getpid()} (camera import)"
    with file_lock(path):
        assert path.read_text("utf-8") == f"{os.getpid()}\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_who_waits_long_enough_gets_it(tmp_path: Path) -> None:
    path, order = tmp_path / "x.lock", list[str]()

    def second() -> None:
        with file_lock(path, wait_s=10.0):
            order.append("second")

    waiting = threading.Thread(target=second)
    with file_lock(path):
        waiting.start()
        order.append("first")
    waiting.join(10.0)
    assert order == ["first", "second"]


@pytest.mark.parametrize(("said", "holder"), [(b"", UNKNOWN), (b"\x1b[31m7\x07 \xff\n8", "[31m7 \ufffd"), (b"9" * 500, "9" * 120)])
def test_what_stands_in_the_file_is_not_believed_to_be_short_or_plain(tmp_path: Path, said: bytes, holder: str) -> None:
    path = tmp_path / "x.lock"
    with file_lock(path):
        path.write_bytes(said)
        with pytest.raises(LockHeld) as held, file_lock(path):
            pass
    assert held.value.holder == holder


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(LockFailed, match=r"no/x\.lock cannot be opened \(No such file"), file_lock(tmp_path / "no" / "x.lock"):
        pass


def test_it_is_let_go_when_what_it_was_held_for_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with pytest.raises(ValueError, match="half"), file_lock(path):
        raise ValueError("half")
    with file_lock(path):
        assert path.exists()
