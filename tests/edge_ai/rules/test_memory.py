"""The file of what a restart must know."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.errors import EvidenceError
from edge_ai.rules.memory import Kept, KeptStay, OpenEvent, PlaceFile
from edge_ai.rules.stay import Stay
from edge_ai.wire.events import EventRow, EvidenceInfo

ROW = EventRow(
    event_id="e", camera="c", territory="37", rule="r", label="vehicle", score=0.5, time_us=1, algorithm="a", algorithm_sha256="",
    evidence_sha256="", evidence_grade="none", scene="real", ended=False, place="c1r1", evidence=EvidenceInfo("", 0, 0),
)  # fmt: skip
KEPT = Kept(open=(OpenEvent("r", "c1r1", ROW),), stays=(KeptStay("r", Stay("vehicle", (0, 0, 1, 1), (0, 0, 1, 1), 9.0, place="c1r1")),))


def test_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    PlaceFile(tmp_path / "places", "camera/1").save(KEPT)
    again = PlaceFile(tmp_path / "places", "camera/1")
    assert again.load() == KEPT
    assert again.trouble == ""
    assert [path.name for path in (tmp_path / "places").iterdir()] == ["camera%2F1.json"]


def test_no_file_is_nothing_kept(tmp_path: Path) -> None:
    assert PlaceFile(tmp_path, "c").load() == Kept()


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"format":2}', b'{"format":1,"open":[{"rule":1}]}', b"[]"])
def test_damaged_file_is_set_aside_and_named(data: bytes, tmp_path: Path) -> None:
    file = PlaceFile(tmp_path, "c")
    file.path.write_bytes(data)
    assert file.load() == Kept()
    assert (tmp_path / "c.damaged").read_bytes() == data
    assert "c.json is damaged and now lies as c.damaged" in file.trouble
    assert not file.path.exists()


def test_half_written_file_beside_changes_nothing(tmp_path: Path) -> None:
    file = PlaceFile(tmp_path, "c")
    file.save(KEPT)
    (tmp_path / "c.new").write_bytes(b'{"format":1,"op')
    assert PlaceFile(tmp_path, "c").load() == KEPT


def test_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "places").write_text("a file where the folder should be")
    with pytest.raises(EvidenceError, match=r"place memory c\.json cannot be written"):
        PlaceFile(tmp_path / "places", "c").save(KEPT)
