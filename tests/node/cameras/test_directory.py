"""The file of the camera directory: a point is told until its row is durable, again when it changed meanwhile, and never lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from node.cameras import directory
from node.cameras.directory import DirectoryFile, changed
from node.cameras.errors import CameraRefused, DirectoryDamaged, DirectoryFailed
from node.cameras.point import Card, Point, PointState

NORTH = Point("37020200001320000001", Card("370202001", "North", 1, "police", 120.38, 36.06, "GCJ-02", "Road 1", "x"), PointState.ONLINE, 5)
SOUTH = Point("37020200001320000002", Card("370202001", "South"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


def test_points_read_back_and_are_told_in_the_order_of_their_changes(path: Path) -> None:
    file = DirectoryFile(path, 1)
    file.put([NORTH, SOUTH])
    assert file.known([NORTH.code, SOUTH.code, "x"]) == {NORTH.code: NORTH, SOUTH.code: SOUTH}
    assert file.untold(10).points == (NORTH, SOUTH)
    assert file.untold(1).points == (NORTH,)


def test_what_changed_while_it_was_told_is_told_again(path: Path) -> None:
    file = DirectoryFile(path, 1)
    file.put([NORTH, SOUTH])
    on_its_way = file.untold(10)
    newer = replace(NORTH, state=PointState.FAULT)
    file.put([newer])
    file.told(on_its_way.turns)
    assert file.untold(10).points == (newer,)


def test_what_was_not_told_is_told_after_a_restart(path: Path) -> None:
    file = DirectoryFile(path, 1)
    file.put([NORTH, SOUTH])
    file.told(file.untold(1).turns)
    file.close()
    assert DirectoryFile(path, 1).untold(10).points == (SOUTH,)


def test_a_new_journal_hears_of_every_point(path: Path) -> None:
    file = DirectoryFile(path, 1)
    file.put([NORTH, SOUTH])
    file.told(file.untold(10).turns)
    file.close()
    assert {point.code for point in DirectoryFile(path, 2).untold(10).points} == {NORTH.code, SOUTH.code}


def test_a_removed_point_is_told_once_and_forgotten(path: Path) -> None:
    file = DirectoryFile(path, 1)
    file.put([replace(NORTH, state=PointState.REMOVED), SOUTH])
    file.told(file.untold(10).turns)
    assert len(file) == 1
    assert file.untold(10).points == ()


def test_more_points_than_a_node_keeps_are_refused_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "POINTS_MAX", 1)
    file = DirectoryFile(path, 1)
    with pytest.raises(CameraRefused, match="at most 1"):
        file.put([NORTH, SOUTH])
    assert (len(file), file.untold(10).points) == (0, ())


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_bytes(b"x" * 5_000)
    with pytest.raises(DirectoryDamaged, match=r"directory\.db"):
        DirectoryFile(path, 1)


def test_a_closed_file_says_so(path: Path) -> None:
    file = DirectoryFile(path, 1)
    file.close()
    with pytest.raises(DirectoryFailed, match="stopping"):
        file.known(["x"])


def test_only_what_says_something_new_is_a_change() -> None:
    known = {NORTH.code: NORTH}
    unsaid = replace(NORTH, state=PointState.UNKNOWN, state_since_us=0)
    assert list(changed([NORTH, unsaid, SOUTH], known)) == [SOUTH]
    assert list(changed([replace(NORTH, card=Card("370202"))], known)) == [replace(NORTH, card=Card("370202"))]
