"""Silence of children: counted while the node runs, ended by a link, kept across restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.tree.attendance import DAY_S, Attendance, AttendanceError
from sync.model import Instant


def after(days: float) -> Instant:
    return Instant(5).plus(days * DAY_S)


def attendance(tmp_path: Path) -> Attendance:
    return Attendance(tmp_path / "silent.json", detach_after_days=30)


def test_a_child_silent_for_a_month_is_detached(tmp_path: Path) -> None:
    book = attendance(tmp_path)
    assert book.look(["grid", "pole"], ["pole"], after(0)) == []
    assert book.look(["grid", "pole"], ["pole"], after(29)) == []
    assert book.look(["grid", "pole"], ["pole"], after(30)) == ["grid"]
    assert book.is_detached("grid")
    assert not book.is_detached("pole")


def test_a_link_ends_the_silence(tmp_path: Path) -> None:
    book = attendance(tmp_path)
    book.look(["grid"], [], after(0))
    book.look(["grid"], [], after(20))
    book.look(["grid"], ["grid"], after(21))
    assert book.look(["grid"], [], after(41)) == []


def test_time_in_which_this_node_was_down_is_nobodys_silence(tmp_path: Path) -> None:
    book = attendance(tmp_path)
    book.look(["grid"], [], after(0))
    book.look(["grid"], [], after(20))
    again = attendance(tmp_path)
    assert again.look(["grid"], [], after(400)) == []
    assert again.look(["grid"], [], after(410)) == ["grid"]


def test_a_detached_child_stays_so_until_it_has_a_link(tmp_path: Path) -> None:
    book = attendance(tmp_path)
    book.look(["grid"], [], after(0))
    book.look(["grid"], [], after(31))
    again = attendance(tmp_path)
    assert again.is_detached("grid")
    again.look(["grid"], ["grid"], after(32))
    assert not again.is_detached("grid")


def test_a_child_that_left_for_good_is_forgotten(tmp_path: Path) -> None:
    book = attendance(tmp_path)
    book.look(["grid"], [], after(0))
    book.look(["grid"], [], after(31))
    assert book.look([], [], after(32)) == []


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "silent.json").write_bytes(b"[")
    with pytest.raises(AttendanceError, match=r"silent\.json cannot be read"):
        attendance(tmp_path)


def test_a_child_silent_for_longer_than_tombstones_last_must_be_seeded_anew(tmp_path: Path) -> None:
    book = attendance(tmp_path)
    book.look(["grid", "pole"], ["pole"], after(0))
    book.look(["grid", "pole"], ["pole"], after(90))
    assert not book.is_too_long_silent("grid")
    book.look(["grid", "pole"], ["pole"], after(91))
    assert [book.is_too_long_silent(child) for child in ("grid", "pole")] == [True, False]
