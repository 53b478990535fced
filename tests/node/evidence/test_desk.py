"""Events come with originals that are kept, and go on without them when they are not."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from edge_ai.wire.events import INCOMING, OVERLAYS_MAX, Overlay
from edge_ai.wire.words import TEXT_CHARS_MAX
from node.evidence.errors import EvidenceDamaged, EvidenceFault, EvidenceUnknown
from node.evidence.keeping import ROOM
from node.evidence.store import BOXES_BYTES_MAX, EvidenceStore
from tests.edge_ai.wire.test_parts import event
from tests.node.evidence.conftest import Make
from tests.node.evidence.office import NOON_US, ROOMY, Office


def test_an_original_lies_under_its_day_before_its_event_goes_on(office: Office) -> None:
    row = office.happened("e1")
    path = office.desk.store.folder / "2026/09/21" / f"{row.evidence.original_sha256}.jpg"
    assert path.read_bytes() == b"picture of e1"
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert office.states("e1") == [("kept", "")]
    assert office.desk.store.incoming() == []


def test_the_boxes_lie_beside_the_picture(office: Office) -> None:
    row = office.happened("e1")
    said = office.desk.boxes(office.desk.picture("e1"))
    assert (said["event_id"], said["class"], said["original_sha256"]) == ("e1", "person", row.evidence.original_sha256)
    assert (office.desk.store.folder / "2026/09/21/e1.json").is_file()


def test_the_most_boxes_with_the_longest_words_are_read_whole(office: Office) -> None:
    word = "\x01" * TEXT_CHARS_MAX
    overlays = tuple(Overlay(word, 0.123456789012345, (0.1234567890123456,) * 4) for _ in range(OVERLAYS_MAX))
    office.happened("e1", overlays=overlays)
    assert len(office.desk.boxes(office.desk.picture("e1"))["boxes"]) == OVERLAYS_MAX


def test_boxes_that_somebody_put_there_as_a_link_or_a_flood_are_not_read(office: Office) -> None:
    office.happened("e1")
    file = office.desk.store.boxes_of("e1", NOON_US)
    file.write_bytes(b'{"boxes":[]}' + b" " * BOXES_BYTES_MAX)
    assert office.desk.boxes(office.desk.picture("e1")) == {}
    other = office.folder / "elsewhere.json"
    other.write_bytes(b'{"boxes":["secret"]}')
    file.unlink()
    file.symlink_to(other)
    assert office.desk.boxes(office.desk.picture("e1")) == {}


def test_two_events_of_one_frame_share_a_file(office: Office) -> None:
    office.happened("e1", original=b"one frame")
    office.happened("e2", original=b"one frame")
    assert len(office.names()) == 1
    assert office.desk.book.used_bytes() == len(b"one frame")
    assert office.desk.original("e2")[1] == b"one frame"


def test_an_event_that_is_sent_again_after_a_crash_finds_its_file(office: Office) -> None:
    row = office.happened("e1", original=b"frame")
    with office.desk.book.transaction() as db:
        db.execute("DELETE FROM picture")
    assert office.happened("e1", original=b"frame", lay=False) == row
    assert office.states("e1") == [("kept", "")]


@pytest.mark.parametrize("name", ["../../evil", "a/b", "\x00", "x" * 128, "."])
def test_an_id_that_is_no_plain_word_never_becomes_a_path(office: Office, name: str) -> None:
    office.happened(name)
    assert office.states(name) == [("kept", "")]
    inside = list(office.folder.rglob("*.json"))
    assert [path.parent.relative_to(office.folder).as_posix() for path in inside] == ["evidence/2026/09/21"]


def test_a_file_that_is_not_what_the_event_says_is_not_kept(office: Office) -> None:
    incoming = office.desk.store.folder / INCOMING
    incoming.mkdir()
    digest = hashlib.sha256(b"picture of e1").hexdigest()
    (incoming / f"{digest}.jpg").write_bytes(b"another picture")
    with pytest.raises(EvidenceDamaged):
        office.desk.store.take_over(digest, NOON_US)
    row = office.happened("e1", lay=False)
    assert (row.evidence.original_sha256, row.evidence_sha256 != "") == ("", True)
    assert office.states("e1")[0][0] == "missing"
    assert office.desk.store.incoming() == []


def test_a_link_in_place_of_a_file_is_refused(office: Office, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"picture of e1")
    incoming = office.desk.store.folder / INCOMING
    incoming.mkdir()
    (incoming / f"{hashlib.sha256(b'picture of e1').hexdigest()}.jpg").symlink_to(tmp_path / "secret")
    office.happened("e1", lay=False)
    assert office.states("e1")[0][0] == "missing"
    assert "link" in office.states("e1")[0][1]


def test_an_original_that_never_came_is_a_reason_and_the_event_goes_on(office: Office) -> None:
    row = office.happened("e1", lay=False)
    assert row.event_id == "e1"
    assert "not laid down" in office.states("e1")[0][1]
    assert office.desk.troubles() == ["evidence_trouble"]


def test_the_trouble_lasts_until_an_original_is_kept_again(office: Office) -> None:
    office.happened("e1", rule="door", ended=False, lay=False)
    office.ended("e1")
    assert office.desk.troubles() == ["evidence_trouble"]
    office.happened("e2")
    assert office.desk.troubles() == []


def test_what_the_worker_could_not_keep_is_named(office: Office) -> None:
    message = event("e1")
    row = msgspec.structs.replace(message.row, evidence=msgspec.structs.replace(message.row.evidence, missing="disk-floor"))
    office.desk.admit(row)
    assert office.states("e1") == [("missing", "disk-floor")]


def test_a_disk_that_refuses_costs_the_picture_and_not_the_event(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """EDGE_AI (b) 16."""

    def full(store: EvidenceStore, sha256: str, at_us: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(EvidenceStore, "take_over", full)
    row = office.happened("e1")
    assert (row.evidence.original_sha256, row.evidence_sha256 != "") == ("", True)
    assert office.states("e1") == [("missing", "disk-full: No space left on device")]


def test_a_book_that_fails_costs_the_picture_and_not_the_event(office: Office) -> None:
    office.desk.book.close()
    row = office.happened("e1")
    assert (row.event_id, row.evidence.original_sha256) == ("e1", "")
    assert "no original" in office.desk.fault


async def test_events_pass_the_queue_in_order_and_are_acknowledged(office: Office) -> None:
    acked: list[str] = []
    both = asyncio.Event()

    def ack(name: str) -> None:
        acked.append(name)
        if len(acked) == 2:
            both.set()

    for name in ("e1", "e2"):
        office.desk.take(event(name).row, b"jpeg", b"", partial(ack, name))
    running = asyncio.create_task(office.desk.run())
    await asyncio.wait_for(both.wait(), 10)
    running.cancel()
    assert ([row.event_id for row in office.told], acked) == (["e1", "e2"], ["e1", "e2"])


def test_a_node_without_room_keeps_the_event_alone(make: Make) -> None:
    office = make(replace(ROOMY, quota_bytes=0))
    office.happened("e1")
    assert office.states("e1") == [("missing", ROOM)]
    assert office.desk.store.incoming() == []


def test_a_picture_is_found_by_event_hashes_and_their_beginnings(office: Office) -> None:
    row = office.happened("0123456789abcdef")
    for name in ("0123456789abcdef", "01234567", row.evidence.original_sha256, row.evidence.original_sha256[:8], row.evidence_sha256):
        assert office.desk.picture(name).event_id == "0123456789abcdef"
    with pytest.raises(EvidenceUnknown, match="evidence list"):
        office.desk.picture("0123")


def test_a_beginning_that_two_share_names_neither(office: Office) -> None:
    office.happened("01234567-a")
    office.happened("01234567-b")
    with pytest.raises(EvidenceUnknown):
        office.desk.picture("01234567")


def test_a_changed_original_is_not_given_out(office: Office) -> None:
    office.happened("e1")
    path = next(office.desk.store.folder.rglob("*.jpg"))
    path.write_bytes(b"forged")
    with pytest.raises(EvidenceDamaged, match="changed"):
        office.desk.original("e1")


def test_a_person_lets_an_original_go_but_not_of_an_event_that_goes_on(office: Office) -> None:
    office.happened("e1", rule="door", ended=False)
    with pytest.raises(EvidenceFault, match="goes on"):
        office.desk.drop("e1")
    office.ended("e1")
    assert office.desk.drop("e1") == ["e1"]
    assert (office.states("e1"), office.names()) == ([("dropped", "person")], [])
    with pytest.raises(EvidenceUnknown, match="dropped"):
        office.desk.original("e1")
