"""Originals handed to the node, on a real disk."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from edge_ai.evidence import handing as handing_module
from edge_ai.evidence.handing import DISK_FLOOR, DISK_REFUSED, NODE_BEHIND, Handing, disk_word, way_out, write_whole
from edge_ai.wire.events import INCOMING, EventMessage, EvidenceInfo
from tests.edge_ai.wire.test_parts import event

ORIGINAL = b"\xff\xd8 as it was taken"
DIGEST = hashlib.sha256(ORIGINAL).hexdigest()


def with_original(event_id: str = "e1", *, ended: bool = False) -> EventMessage:
    message = event(event_id, ended=ended)
    info = EvidenceInfo(message.row.evidence_sha256, 2, 1, DIGEST, len(ORIGINAL), "boxes")
    return EventMessage(msgspec.structs.replace(message.row, evidence=info), message.jpeg, message.thumb_rgb, ORIGINAL)


def test_an_original_lies_whole_under_its_hash_for_its_owner_alone(tmp_path: Path) -> None:
    assert Handing(tmp_path, floor_bytes=0).hand_over(with_original()) == ""
    names = sorted(entry.name for entry in (tmp_path / INCOMING).iterdir())
    assert names == [f"{DIGEST}.jpg"]
    assert (tmp_path / INCOMING / names[0]).read_bytes() == ORIGINAL
    assert oct((tmp_path / INCOMING / names[0]).stat().st_mode)[-3:] == "600"


def test_a_disk_near_its_floor_takes_no_picture(tmp_path: Path) -> None:
    assert Handing(tmp_path, floor_bytes=1 << 60).hand_over(with_original()) == DISK_FLOOR
    assert list((tmp_path / INCOMING).iterdir()) == []


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-quota"),
        (errno.EACCES, "no-permission"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "disk-error"),
        (errno.ENAMETOOLONG, DISK_REFUSED),
    ],
)
def test_a_disk_that_refuses_leaves_no_half_file_and_is_called_by_its_fault(
    number: int, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuses)
    assert Handing(tmp_path, floor_bytes=0).hand_over(with_original()) == word
    assert list((tmp_path / INCOMING).iterdir()) == []


def test_every_word_of_a_disk_has_its_way_out() -> None:
    words = {disk_word(OSError(number, "")) for number in (errno.ENOSPC, errno.EDQUOT, errno.EPERM, errno.EROFS, errno.EIO)}
    assert len({str(way_out(word)) for word in words}) == 5
    assert "folder" in str(way_out(disk_word(OSError("no number at all"))))


def test_a_node_that_takes_nothing_over_is_not_buried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handing_module, "INCOMING_BYTES_MAX", len(ORIGINAL))
    handing = Handing(tmp_path, floor_bytes=0)
    assert [handing.hand_over(with_original()), handing.hand_over(with_original("e2"))] == ["", NODE_BEHIND]


def test_a_file_that_the_node_takes_away_meanwhile_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen with a busy node: the folder was listed, then a file in it was gone."""
    listed = os.scandir

    class Gone:
        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr(os, "scandir", lambda folder: [*listed(folder), Gone()])
    assert Handing(tmp_path, floor_bytes=0).hand_over(with_original()) == ""


def test_what_a_crash_left_half_written_is_never_taken_for_the_file(tmp_path: Path) -> None:
    (tmp_path / ".a.jpg.part").write_bytes(b"half")
    write_whole(tmp_path / "a.jpg", b"whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jpg"]
