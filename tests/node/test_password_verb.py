"""`yunnao password`: entries that the sensor door accepts, replaced and not doubled."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from node.audit.left import FOLDER, read_note
from node.cli import main
from node.errors import EXIT_OK, EXIT_USAGE
from node.ingest.passwords import Passwords


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = main(["--dir", str(tmp_path / "n"), "init", "--id", "qd-grid", "--level", "grid", "--territory", "370202001001001"])
    assert made == EXIT_OK
    config = tmp_path / "n" / "node.toml"
    lines = [line for line in config.read_text("utf-8").splitlines() if "password_file" not in line]
    lines.insert(lines.index("[devices]") + 1, 'password_file = "door.txt"')
    config.write_text("\n".join(lines), "utf-8")
    return tmp_path / "n"


def add(folder: Path, password: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return main(["--dir", str(folder), "password", "sensor-1"])


def test_the_door_accepts_what_the_verb_wrote(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert add(folder, "first", monkeypatch) == EXIT_OK
    assert Passwords.load(folder / "door.txt").check("sensor-1", b"first")
    assert (folder / "door.txt").stat().st_mode & 0o777 == 0o600


def test_a_second_password_replaces_the_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(folder, "first", monkeypatch)
    add(folder, "second", monkeypatch)
    passwords = Passwords.load(folder / "door.txt")
    assert passwords.check("sensor-1", b"second")
    assert not passwords.check("sensor-1", b"first")


def test_both_are_left_for_the_audit_log_without_the_password(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(folder, "first", monkeypatch)
    add(folder, "second", monkeypatch)
    files = list(folder.rglob(f"{FOLDER}/*.json"))
    found = [note for note in map(read_note, files) if note is not None]
    assert sorted((note.verb, note.subject, note.detail["is_new"]) for note in found) == [
        ("password", "sensor-1", False), ("password", "sensor-1", True)]  # fmt: skip
    assert not any(b"first" in path.read_bytes() or b"second" in path.read_bytes() for path in files)


def test_a_configuration_without_a_password_file_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--dir", str(tmp_path), "init", "--id", "qd-grid", "--level", "grid", "--territory", "370202001001001"])
    assert main(["--dir", str(tmp_path), "password", "sensor-1"]) == EXIT_USAGE
    assert "password_file" in capsys.readouterr().err
