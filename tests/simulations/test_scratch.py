"""Folders of simulated disks: made where there is room, removed in the end, and by the next run when theirs was killed."""

import fcntl
from pathlib import Path

import pytest

from simulations import scratch as module
from simulations.scratch import LOCK, PREFIX, ScratchError, scratch

TOO_MUCH = 1 << 60


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "SHM", tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def left_behind(place: Path, name: str) -> Path:
    folder = place / f"{PREFIX}{name}"
    folder.mkdir()
    (folder / LOCK).touch()
    return folder


def test_a_folder_lives_as_long_as_its_run(place: Path) -> None:
    with scratch(1) as room:
        (room.folder / "journal.db").touch()
        assert room.folder.parent == place
    assert list(place.iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_what_another_holds_is_not(place: Path) -> None:
    dead, living = left_behind(place, "dead"), left_behind(place, "living")
    with (living / LOCK).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with scratch(1):
            assert (dead.exists(), living.exists()) == (False, True)


def test_a_folder_without_a_lock_is_somebody_elses(place: Path) -> None:
    other = place / f"{PREFIX}other"
    other.mkdir()
    with scratch(1):
        assert other.exists()


def test_a_disk_without_room_is_refused_with_its_name(place: Path) -> None:
    with pytest.raises(ScratchError, match=f"{place} has .* free, .* needed; free some"), scratch(TOO_MUCH):
        pass


def test_a_disk_that_was_filled_meanwhile_is_told(place: Path) -> None:
    with scratch(1) as room:
        room.check_room()
        with pytest.raises(ScratchError, match=str(place)):
            module.Scratch(room.folder, TOO_MUCH).check_room()
