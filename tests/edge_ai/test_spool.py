"""Events that wait for their ack, on a real disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai import spool as spool_module
from edge_ai.evidence.handing import DISK_FLOOR, Handing, write_whole
from edge_ai.reasons import plain
from edge_ai.spool import IN_FLIGHT_MAX, NOT_KEPT, Spool
from edge_ai.wire.events import Ack
from sync.model import Instant
from tests.edge_ai.evidence.test_handing import DIGEST, with_original
from tests.edge_ai.wire.test_parts import event

NOW = Instant(0)


def ids(spool: Spool, now: Instant = NOW) -> list[str]:
    return [message.row.event_id for message in spool.due(now)]


def test_event_without_ack_is_sent_again_after_five_seconds(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(event("e1"))
    assert ids(spool) == ["e1"]
    assert ids(spool, NOW.plus(4.9)) == []
    assert ids(spool, NOW.plus(5)) == ["e1"]


def test_acknowledged_event_leaves_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(event("e1"))
    spool.acknowledge(Ack("e1", False))
    assert ids(spool, NOW.plus(60)) == []
    assert list(tmp_path.iterdir()) == []


def test_events_survive_the_death_of_the_worker(tmp_path: Path) -> None:
    before = Spool(tmp_path)
    before.add(event("e1"))
    before.add(event("e2"))
    after = Spool(tmp_path)
    after.add(event("e3"))
    assert after.due(NOW) == [event("e1"), event("e2"), event("e3")]


def test_damaged_file_of_an_earlier_life_is_counted_and_removed(tmp_path: Path) -> None:
    Spool(tmp_path).add(event("e1"))
    path = next(tmp_path.iterdir())
    path.write_bytes(path.read_bytes()[:20])
    after = Spool(tmp_path)
    assert (after.damaged, len(after), list(tmp_path.iterdir())) == (1, 0, [])


def test_a_file_that_the_disk_does_not_give_keeps_no_other_event_back(tmp_path: Path) -> None:
    """As with a bad block; a folder in the place of the file is refused by the disk in the same way."""
    (tmp_path / "0000000001.event").mkdir()
    (tmp_path / "0000000002.event").write_bytes(b"half")
    spool = Spool(tmp_path)
    assert plain(spool.trouble).startswith(f"2 events that waited in {tmp_path.name} could not be read")
    spool.add(event("e1"))
    assert (ids(spool), spool.damaged) == (["e1"], 2)
    assert (tmp_path / "0000000003.event").is_file()


def test_a_file_that_cannot_be_removed_does_not_keep_the_event(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(event("e1"))
    (tmp_path / "0000000001.event").unlink()
    (tmp_path / "0000000001.event").mkdir()
    spool.acknowledge(Ack("e1", False))
    assert ids(spool, NOW.plus(60)) == []


def test_end_waits_until_the_beginning_is_acknowledged(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(event("e1"))
    spool.add(event("e1", ended=True, jpeg=b"", thumb=bytes(6)))
    assert [message.row.ended for message in spool.due(NOW)] == [False]
    spool.acknowledge(Ack("e1", False))
    assert [message.row.ended for message in spool.due(NOW)] == [True]


def test_full_spool_drops_the_newest_and_counts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "UNACKED_MAX", 3)
    spool = Spool(tmp_path)
    kept = [spool.add(event(f"e{index}")) for index in range(5)]
    assert (kept, spool.dropped, ids(spool)) == ([True, True, True, False, False], 2, ["e0", "e1", "e2"])


def test_more_files_than_are_taken_up_again_lose_none_to_a_new_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Spool(tmp_path)
    for name in "abcd":
        before.add(event(name))
    monkeypatch.setattr(spool_module, "UNACKED_MAX", 3)
    after = Spool(tmp_path)
    after.acknowledge(Ack("a", ended=False))
    after.add(event("e"))
    assert sorted(ids(after)) == ["b", "c", "e"]
    monkeypatch.undo()
    assert sorted(ids(Spool(tmp_path))) == ["b", "c", "d", "e"]


def test_no_more_are_in_flight_than_the_limit(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for index in range(IN_FLIGHT_MAX + 5):
        spool.add(event(f"e{index}"))
    assert len(spool.due(NOW)) == IN_FLIGHT_MAX


def test_a_full_disk_costs_an_event_its_picture_and_not_the_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EDGE_AI (b) 16: the picture does not fit any more, the event alone does."""
    write = write_whole

    def nearly_full(path: Path, data: bytes) -> None:
        if b"a picture" in data:
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(spool_module, "write_whole", nearly_full)
    spool = Spool(tmp_path)
    assert spool.add(event("e1"))
    (kept,) = Spool(tmp_path).due(NOW)
    assert (kept.jpeg, kept.row.evidence_sha256, kept.row.evidence.missing) == (b"", "", "disk-full")
    assert (spool.without_picture, "free disk space" in spool.trouble) == (1, True)


def test_a_disk_that_takes_nothing_leaves_the_event_in_memory(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    (tmp_path / "spool").rmdir()
    assert spool.add(event("e1"))
    assert ids(spool) == ["e1"]
    assert "memory alone" in spool.trouble
    spool.acknowledge(Ack("e1", False))
    assert len(spool) == 0


def test_the_end_of_an_event_that_lost_its_picture_names_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path / "spool")
    (tmp_path / "spool").rmdir()
    spool.add(event("e1"))
    (tmp_path / "spool").mkdir()
    spool.add(event("e1", ended=True, jpeg=b"", thumb=bytes(6)))
    spool.acknowledge(Ack("e1", False))
    (end,) = spool.due(NOW)
    assert (end.row.ended, end.row.evidence_sha256) == (True, "")


def test_an_original_lies_in_its_folder_before_the_event_is_sent(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", Handing(tmp_path / "evidence", floor_bytes=0))
    spool.add(with_original())
    (sent,) = spool.due(NOW)
    assert (sent.original, sent.row.evidence.original_sha256) == (b"", DIGEST)
    assert (tmp_path / "evidence" / "incoming" / f"{DIGEST}.jpg").is_file()


@pytest.mark.parametrize("keeps", [True, False])
def test_an_original_that_is_not_kept_is_named_by_nobody(tmp_path: Path, *, keeps: bool) -> None:
    spool = Spool(tmp_path / "spool", Handing(tmp_path / "evidence", floor_bytes=1 << 60) if keeps else None)
    spool.add(with_original())
    (sent,) = spool.due(NOW)
    info = sent.row.evidence
    assert (info.original_sha256, info.original_bytes, info.missing) == ("", 0, DISK_FLOOR if keeps else NOT_KEPT)
    assert sent.jpeg
