"""Clips ordered, awaited, taken over, kept and let go; and what is found again after a crash of either side."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest

from edge_ai.wire.clips import CLIP_BYTES_MAX, ClipFacts, ClipNote, ClipOrder, ClipSpan
from edge_ai.wire.events import INCOMING
from node.evidence.clip_book import Clip, ClipState
from node.evidence.clips import ANSWER_US, BAD_SPAN, NO_ANSWER, NO_READER
from node.evidence.errors import EvidenceUnknown
from node.evidence.keeping import AGE, ROOM
from tests.edge_ai.wire.test_parts import event
from tests.node.evidence.conftest import Make
from tests.node.evidence.office import NOON_US, ROOMY, Office

SPAN = ClipSpan(1_000_000, 5_000_000, 9_000_000)


@dataclass(slots=True)
class Reader:
    """The process that reads the camera, as the node sees it: files in a folder, and notes."""

    office: Office

    @property
    def folder(self) -> Path:
        return self.office.desk.store.folder / INCOMING

    def wish(
        self, event_id: str, *, rule: str = "line", ended: bool = True, at_us: int = NOON_US, span: ClipSpan = SPAN
    ) -> list[ClipOrder]:
        """An event whose rule wants a clip; the orders that come of it."""
        row = msgspec.structs.replace(event(event_id, ended=ended).row, rule=rule, clip=span, time_us=at_us)
        self.office.desk.admit(row)
        return self.office.desk.clips.orders()

    def lay(self, event_id: str, data: bytes = b"", *, facts: bool = True, changes: Mapping[str, object] | None = None) -> bytes:
        """Lay a clip down."""
        data = data or f"clip of {event_id}".encode()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{event_id}.ts").write_bytes(data)
        if facts:
            said = ClipFacts(
                event_id=event_id, camera="c", codec="H264", sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), pictures=9,
                seconds=8.0, began_us=1, wall_us=2,
            )  # fmt: skip
            (self.folder / f"{event_id}.clip.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(said, **(changes or {}))))
        return data

    def done(self, event_id: str, *, at_us: int = NOON_US, rule: str = "line", ended: bool = True) -> None:
        """A clip's whole way."""
        self.wish(event_id, at_us=at_us, rule=rule, ended=ended)
        self.lay(event_id)
        self.office.desk.admit_clip(ClipNote(event_id, "c"))

    def clip(self, event_id: str) -> Clip:
        found = self.office.desk.keeping.clips.find(event_id)
        assert found is not None
        return found

    def state(self, event_id: str) -> tuple[str, str]:
        found = self.clip(event_id)
        return found.state.value, found.why


@pytest.fixture
def reader(office: Office) -> Reader:
    return Reader(office)


def test_a_clip_is_ordered_once_it_has_its_room_and_then_taken_over(reader: Reader) -> None:
    assert reader.wish("e1") == [ClipOrder("e1", "c", SPAN)]
    assert reader.state("e1") == ("awaited", "")
    assert reader.office.desk.keeping.used_bytes() == CLIP_BYTES_MAX
    data = reader.lay("e1")
    (reader.folder / "e1.boxes.json").write_bytes(b"boxes")
    reader.office.desk.admit_clip(ClipNote("e1", "c"))
    clip, found = reader.office.desk.clips.original("e1")
    assert (clip.state, clip.bytes, clip.seconds, found) == (ClipState.KEPT, len(data), 8.0, data)
    assert reader.office.desk.keeping.used_bytes() == len(data)
    day = reader.office.desk.store.folder / "2026/09/21"
    assert sorted(path.name for path in day.iterdir()) == [f"{hashlib.sha256(data).hexdigest()}.ts", "e1.boxes.json", "e1.clip.json"]
    assert list(reader.folder.iterdir()) == []
    assert reader.office.desk.clips.boxes(clip) == b"boxes"


def test_an_event_whose_rule_wants_none_has_none(office: Office) -> None:
    office.happened("e1")
    assert office.desk.clips.orders() == []
    with pytest.raises(EvidenceUnknown, match="clip_s"):
        office.desk.clips.original("e1")


def test_what_the_reader_could_not_do_is_kept_as_the_reason(reader: Reader) -> None:
    reader.wish("e1")
    reader.office.desk.admit_clip(ClipNote("e1", "c", "no-packets"))
    assert reader.state("e1") == ("missing", "no-packets")
    assert reader.office.desk.keeping.used_bytes() == 0
    with pytest.raises(EvidenceUnknown, match="no-packets"):
        reader.office.desk.clips.original("e1")


def test_a_note_about_anothers_clip_changes_nothing(reader: Reader) -> None:
    reader.wish("e1")
    for note in (ClipNote("e1", "another"), ClipNote("e9", "c"), ClipNote("e9", "c", "busy")):
        reader.office.desk.admit_clip(note)
    assert reader.state("e1") == ("awaited", "")


def test_a_clip_whose_note_was_lost_is_found_again(reader: Reader) -> None:
    reader.wish("e1")
    reader.lay("e1")
    reader.office.desk.clips.settle(NOON_US)
    assert reader.state("e1") == ("kept", "")


def test_a_clip_that_came_while_the_node_was_down_is_found_at_its_start(reader: Reader) -> None:
    reader.wish("e1")
    reader.lay("e1")
    (reader.folder / ".e2.ts.part").write_bytes(b"half")
    reader.office.again()
    assert reader.state("e1") == ("kept", "")
    assert list(reader.folder.iterdir()) == []


def test_a_reader_that_died_in_the_middle_of_writing_leaves_a_reason(reader: Reader) -> None:
    """EDGE_AI (b) 16: kill -9 between the clip and what is known of it."""
    reader.wish("e1")
    reader.lay("e1", facts=False)
    reader.office.desk.clips.settle(NOON_US)
    assert reader.state("e1") == ("awaited", "")
    reader.office.desk.clips.settle(NOON_US + ANSWER_US + 8_000_001)
    assert reader.state("e1") == ("missing", NO_ANSWER)
    assert list(reader.folder.iterdir()) == []


def test_a_crash_of_the_node_between_file_and_row_loses_no_clip(reader: Reader) -> None:
    reader.wish("e1")
    reader.lay("e1")
    before = reader.clip("e1")
    reader.office.desk.admit_clip(ClipNote("e1", "c"))
    reader.office.desk.keeping.clips.enter(before)
    reader.office.again()
    assert reader.state("e1") == ("kept", "")


def test_an_event_that_is_sent_again_orders_again_only_while_it_is_awaited(reader: Reader) -> None:
    reader.wish("e1")
    assert [order.event_id for order in reader.wish("e1")] == ["e1"]
    reader.lay("e1")
    reader.office.desk.admit_clip(ClipNote("e1", "c"))
    assert reader.wish("e1") == []
    assert reader.state("e1") == ("kept", "")


@pytest.mark.parametrize("span", [ClipSpan(5, 5, 5), ClipSpan(0, 1, 10**9), ClipSpan(0, 99, 50), ClipSpan(9, 5, 1)])
def test_a_span_that_makes_no_sense_orders_nothing(reader: Reader, span: ClipSpan) -> None:
    assert reader.wish("e1", span=span) == []
    assert reader.state("e1") == ("missing", BAD_SPAN)


@pytest.mark.parametrize("name", ["../../evil", "a/b", ".", "x" * 128])
def test_an_id_that_is_no_plain_word_gets_no_clip(reader: Reader, name: str) -> None:
    assert reader.wish(name) == []
    assert reader.state(name) == ("missing", BAD_SPAN)


def test_a_clip_that_is_not_what_its_facts_say_is_turned_away(reader: Reader) -> None:
    for name, changes in (("e1", {"sha256": "0" * 64}), ("e2", {"event_id": "e1"}), ("e3", {"sha256": ""})):
        reader.wish(name)
        reader.lay(name, changes=changes)
        reader.office.desk.admit_clip(ClipNote(name, "c"))
        assert reader.clip(name).state is ClipState.MISSING
    reader.wish("e4")
    reader.lay("e4")
    (reader.folder / "e4.clip.json").write_bytes(b"{" * 99)
    reader.office.desk.admit_clip(ClipNote("e4", "c"))
    assert reader.clip("e4").state is ClipState.MISSING
    assert list(reader.folder.iterdir()) == []


def test_a_link_in_place_of_a_clip_is_refused(reader: Reader, tmp_path: Path) -> None:
    reader.wish("e1")
    data = reader.lay("e1")
    (tmp_path / "secret").write_bytes(data)
    (reader.folder / "e1.ts").unlink()
    (reader.folder / "e1.ts").symlink_to(tmp_path / "secret")
    reader.office.desk.admit_clip(ClipNote("e1", "c"))
    assert "link" in reader.state("e1")[1]
    assert (tmp_path / "secret").exists()


def test_a_disk_that_refuses_is_called_by_its_fault(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.wish("e1")
    reader.lay("e1")

    def refuses(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuses)
    reader.office.desk.admit_clip(ClipNote("e1", "c"))
    assert reader.state("e1") == ("missing", "no-permission")


def test_a_clip_without_room_is_not_even_ordered(make: Make) -> None:
    reader = Reader(make(replace(ROOMY, quota_bytes=CLIP_BYTES_MAX - 1)))
    assert reader.wish("e1") == []
    assert reader.state("e1") == ("missing", ROOM)


def test_clips_that_are_awaited_have_their_room(make: Make) -> None:
    reader = Reader(make(replace(ROOMY, quota_bytes=2 * CLIP_BYTES_MAX)))
    assert [len(reader.wish(name)) for name in ("e1", "e2", "e3")] == [1, 1, 0]
    assert reader.state("e3") == ("missing", ROOM)


def test_where_room_is_short_the_oldest_clip_goes_before_any_picture(make: Make) -> None:
    office = make(replace(ROOMY, quota_bytes=CLIP_BYTES_MAX + 25))
    reader = Reader(office)
    office.happened("e0", original=b"picture 0", at_us=NOON_US - 1)
    reader.done("e1", at_us=NOON_US)
    reader.done("e2", at_us=NOON_US + 1)
    reader.done("e3", at_us=NOON_US + 2)
    reader.done("e4", at_us=NOON_US + 3)
    assert office.states("e0") == [("kept", "")]
    assert (reader.state("e1"), reader.state("e4")) == (("expired", ROOM), ("kept", ""))
    assert office.desk.keeping.gone[ROOM] >= 1


def test_the_clip_of_an_open_event_is_never_let_go(make: Make) -> None:
    reader = Reader(make(replace(ROOMY, quota_bytes=CLIP_BYTES_MAX + 5)))
    reader.done("e1", rule="door", ended=False)
    assert reader.wish("e2") == []
    assert (reader.state("e1"), reader.state("e2")) == (("kept", ""), ("missing", ROOM))


def test_a_clip_goes_when_it_is_old_with_all_that_lies_beside_it(reader: Reader) -> None:
    reader.done("e1")
    reader.office.desk.keeping.expire(NOON_US + ROOMY.keep_us + 1)
    assert reader.state("e1") == ("expired", AGE)
    assert [path for path in reader.office.desk.store.folder.rglob("*") if path.is_file()] == []


def test_a_dropped_original_takes_its_clip_along(reader: Reader) -> None:
    reader.office.happened("e1")
    reader.done("e1")
    reader.office.desk.drop("e1")
    assert reader.state("e1") == ("dropped", "person")


def test_folder_and_book_are_compared_both_ways(reader: Reader) -> None:
    for name in ("e1", "e2", "e3"):
        reader.done(name)
    files = reader.office.desk.keeping.clip_files
    for name in ("e1", "e2"):
        path = files.path_of(reader.clip(name).sha256, NOON_US)
        if name == "e1":
            path.rename(path.with_name(f"{'0' * 64}.ts"))
        else:
            path.write_bytes(b"forged")
    report = reader.office.desk.check(deep=True)
    assert (report.clips, report.without_files.names, report.damaged.names, report.without_rows.names) == (3, ["e1"], ["e2"], ["0" * 64])
    reader.office.again()
    assert reader.state("e1") == ("lost", "file-gone")


def test_a_lost_clip_is_kept_again_when_its_file_is_back(reader: Reader) -> None:
    reader.done("e1")
    path = next(reader.office.desk.store.folder.rglob("*.ts"))
    path.rename(away := reader.office.folder / "away")
    reader.office.again()
    assert reader.state("e1") == ("lost", "file-gone")
    away.rename(path)
    reader.office.again()
    assert reader.state("e1") == ("kept", "")


def test_what_was_never_taken_over_goes_when_it_is_old(reader: Reader) -> None:
    reader.lay("e9")
    for path in reader.folder.iterdir():
        os.utime(path, (0, 0))
    reader.office.desk.keeping.expire(NOON_US)
    assert list(reader.folder.iterdir()) == []
    assert reader.office.desk.keeping.gone["stray"] == 2


async def test_orders_go_to_who_reads_the_camera_and_notes_come_back(reader: Reader) -> None:
    desk, ordered, told = reader.office.desk, list[str](), asyncio.Event()

    def order(one: ClipOrder) -> bool:
        ordered.append(one.event_id)
        return one.event_id == "e1"

    desk.order_clip = order
    life = asyncio.ensure_future(desk.run())
    for name in ("e1", "e2"):
        desk.take(msgspec.structs.replace(event(name, ended=True).row, clip=SPAN, time_us=NOON_US), b"", b"", lambda: None)
    reader.lay("e1")
    desk.take_clip(ClipNote("e1", "c"))
    # The queue is one after another: what is taken now comes behind all of it.
    desk.take(event("e3", ended=True).row, b"", b"", told.set)
    async with asyncio.timeout(10):
        await told.wait()
    life.cancel()
    with suppress(asyncio.CancelledError):
        await life
    assert (ordered, reader.state("e1"), reader.state("e2")) == (["e1", "e2"], ("kept", ""), ("missing", NO_READER))
