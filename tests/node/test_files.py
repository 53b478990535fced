"""Durable files: the old content or the new one, readable by the owner alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.files import write_durably


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_durably(path, b"old and long")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_failed_write_leaves_the_old_content_and_no_rest(tmp_path: Path) -> None:
    (path := tmp_path / "state.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_durably(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]
