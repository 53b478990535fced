"""Clips collected from the packets of a camera and laid down whole, or not for a named reason."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from edge_ai.evidence import clip_keeping
from edge_ai.evidence.clip_keeping import (
    BUSY,
    CLIPS_AT_ONCE_MAX,
    NO_KEY,
    NO_PACKETS,
    NOT_CONNECTED,
    STREAM_ENDED,
    TOO_LARGE,
    ClipKeeper,
    fitting,
)
from edge_ai.evidence.handing import DISK_FLOOR, Handing
from edge_ai.evidence.transport_stream import transport_stream
from edge_ai.sources.packets import KeptClip, Packet, PacketRing
from edge_ai.wire.clips import CLIP_BYTES_MAX, ClipFacts, ClipNote, ClipOrder, ClipSpan
from edge_ai.wire.events import INCOMING
from sync.model import Instant
from tests.edge_ai.evidence.kept import BEGIN, ring_of, stream_packets

WALL_US = 1_790_000_000_000_000


class HandClock:
    """Moved by the test."""

    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> Instant:
        return self.at

    def wall_us(self) -> int:
        return WALL_US


class Bench:
    """A keeper, a clock and a folder."""

    def __init__(self, folder: Path, *, floor_bytes: int = 0) -> None:
        self.folder = folder / INCOMING
        self.clock = HandClock()
        self.keeper = ClipKeeper(Handing(folder, floor_bytes), self.clock)
        self.notes: list[ClipNote] = []

    def order(self, ring: PacketRing | None, event_id: str = "e1", *, before_s: float = 1.0, after_s: float = 1.0) -> None:
        at = BEGIN.plus(4.0)
        span = ClipSpan(at.plus(-before_s).us, at.us, at.plus(after_s).us)
        self.keeper.take(ClipOrder(event_id, "c", span), ring, has_packets=True)

    def turn(self, at_s: float) -> None:
        self.clock.at = BEGIN.plus(at_s)
        self.notes += self.keeper.turn(self.clock.at)

    def close(self) -> list[ClipNote]:
        self.notes += self.keeper.close()
        return self.notes

    def facts(self, event_id: str = "e1") -> ClipFacts:
        return msgspec.json.decode((self.folder / f"{event_id}.clip.json").read_bytes(), type=ClipFacts)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_clip_has_what_was_before_the_event_and_what_came_after(bench: Bench) -> None:
    packets = stream_packets("small.h264", 200)
    ring = ring_of(packets[:101])
    bench.order(ring)
    bench.turn(4.0)
    for packet in packets[101:]:
        ring.add(packet)
    bench.turn(5.6)
    assert bench.close() == [ClipNote("e1", "c")]
    data, facts = (bench.folder / "e1.ts").read_bytes(), bench.facts()
    first = max(packet.at for packet in packets if packet.is_key and packet.at <= BEGIN.plus(3.0))
    inside = [packet for packet in packets if first <= packet.at <= BEGIN.plus(5.0)]
    assert data == transport_stream(KeptClip(inside[0].format, tuple(inside)))
    assert (facts.sha256, facts.bytes, facts.pictures) == (hashlib.sha256(data).hexdigest(), len(data), len(inside))
    assert (facts.began_us, facts.cut, facts.codec) == (first.us, "", "H264")
    assert facts.wall_us == WALL_US - round(BEGIN.plus(5.6).us - first.us)
    assert oct((bench.folder / "e1.ts").stat().st_mode)[-3:] == "600"


def test_an_order_that_comes_again_makes_no_second_clip(bench: Bench) -> None:
    ring = ring_of(stream_packets("small.h264", 140))
    for _ in range(3):
        bench.order(ring)
    bench.turn(9.0)
    bench.order(ring)
    bench.turn(9.1)
    assert bench.close() == [ClipNote("e1", "c")]


def test_what_cannot_be_is_said_in_one_word(bench: Bench) -> None:
    span = ClipSpan(0, 0, 1)
    bench.keeper.take(ClipOrder("file", "c", span), None, has_packets=False)
    bench.order(None, "away")
    empty = PacketRing()
    empty.add(Packet(b"x", BEGIN, 0, False, stream_packets("small.h264", 1)[0].format))
    bench.order(empty, "blind")
    bench.turn(9.0)
    assert {note.event_id: note.why for note in bench.close()} == {"file": NO_PACKETS, "away": NOT_CONNECTED, "blind": NO_KEY}


def test_clips_at_once_are_bounded(bench: Bench) -> None:
    ring = ring_of(stream_packets("small.h264", 10))
    for index in range(CLIPS_AT_ONCE_MAX + 1):
        bench.order(ring, f"e{index}")
    bench.turn(0.5)
    assert bench.notes == [ClipNote(f"e{CLIPS_AT_ONCE_MAX}", "c", BUSY)]


def test_a_stream_that_begins_anew_ends_the_clip(bench: Bench) -> None:
    ring = ring_of(stream_packets("small.h264", 110))
    bench.order(ring, after_s=5.0)
    bench.turn(4.5)
    for packet in stream_packets("small.h265", 20, begin=BEGIN.plus(4.6)):
        ring.add(packet)
    bench.turn(5.5)
    bench.close()
    assert (bench.facts().cut, bench.facts().codec) == (STREAM_ENDED, "H264")


def test_a_camera_that_goes_away_leaves_the_clip_up_to_there(bench: Bench) -> None:
    bench.order(ring_of(stream_packets("small.h264", 105)), after_s=5.0)
    bench.turn(9.6)
    bench.close()
    assert bench.facts().cut == STREAM_ENDED


def test_a_clip_ends_where_its_bytes_do_and_the_event_is_in_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_keeping, "CLIP_BYTES_MAX", 40_000)
    monkeypatch.setattr(clip_keeping, "BEFORE_BYTES_MAX", 20_000)
    bench.order(ring_of(stream_packets("small.h264", 240)), before_s=3.9, after_s=5.0)
    bench.turn(9.9)
    bench.close()
    facts = bench.facts()
    assert (facts.cut, facts.bytes <= 40_000) == (TOO_LARGE, True)
    assert BEGIN.us < facts.began_us <= BEGIN.plus(4.0).us


def test_a_disk_near_its_floor_takes_no_clip(tmp_path: Path) -> None:
    bench = Bench(tmp_path, floor_bytes=1 << 60)
    bench.order(ring_of(stream_packets("small.h264", 140)))
    bench.turn(9.0)
    assert bench.close() == [ClipNote("e1", "c", DISK_FLOOR)]
    assert list(bench.folder.iterdir()) == []


def test_an_ordered_end_keeps_what_there_is(bench: Bench) -> None:
    bench.order(ring_of(stream_packets("small.h264", 105)), after_s=20.0)
    assert bench.close() == [ClipNote("e1", "c")]
    assert bench.facts().cut == STREAM_ENDED


def test_the_newest_group_is_what_remains_of_a_heavy_beginning() -> None:
    packets = stream_packets("small.h264", 60)
    keys = [packet for packet in packets if packet.is_key]
    end, early = packets[-1].at, keys[0].at
    assert fitting(packets, end, CLIP_BYTES_MAX) == packets
    assert fitting(packets, end, 0)[0] is keys[-1]
    assert fitting(packets, early, 0)[0] is keys[0]
