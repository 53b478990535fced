"""Live video piece by piece: one playable stream whatever the pieces are, with gaps told, times kept, and nothing held for a viewer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import msgspec
import pytest

from edge_ai.evidence.transport_stream import BEGIN_TICKS, PACKET_BYTES, TICKS_PER_S
from edge_ai.looks.passing import Mark, piece
from edge_ai.sources.decoder import ffmpeg_options
from edge_ai.sources.packets import Packet, PacketRing
from edge_ai.sources.rtsp.codec import Codec, StreamFormat
from edge_ai.wire.views import PIECE_BYTES_MAX, VIDEO_BYTES_MAX, VideoMessage, VideoOrder
from sync.model import Instant
from tests.edge_ai.evidence.kept import BEGIN, stream_packets

STEP = 3_600


@dataclass
class Standing:
    """A clock that stands where it is put."""

    at: Instant = BEGIN

    def now(self) -> Instant:
        return self.at

    def wall_us(self) -> int:
        return 1_790_000_000_000_000


@dataclass
class Viewer:
    """Somebody who asks, and what came."""

    ring: PacketRing = field(default_factory=PacketRing)
    mark: bytes = b""
    data: bytes = b""
    bytes_max: int = PIECE_BYTES_MAX

    def see(self, *packets: Packet) -> VideoMessage:
        """More packets arrive; the next piece."""
        for packet in packets:
            self.ring.add(packet)
        order = VideoOrder(camera="yard", number=7, mark=self.mark, bytes_max=self.bytes_max)
        made = piece(order, self.ring, Standing(), has_packets=True)
        self.mark = made.row.mark or self.mark
        self.data += made.data
        return made

    @property
    def times(self) -> list[tuple[int, int]]:
        """(shown, decoded) of every picture so far."""
        return list(_times(self.data))


def _times(data: bytes) -> Iterator[tuple[int, int]]:
    for at in range(0, len(data), PACKET_BYTES):
        head = data[at : at + PACKET_BYTES]
        if int.from_bytes(head[1:3]) == 0x4100:
            begin = 5 + head[4] + 9
            yield _ticks(head[begin:]), _ticks(head[begin + 5 :])


def _ticks(data: bytes) -> int:
    return (data[0] >> 1 & 7) << 30 | (int.from_bytes(data[1:3]) >> 1) << 15 | int.from_bytes(data[3:5]) >> 1


def packets(*rtp_times: int, size: int = 100, every_s: float = 0.04, begin: Instant = BEGIN, codec: Codec = Codec.H264) -> list[Packet]:
    """Pictures of these times of the camera's clock, the first a key one."""
    kind = StreamFormat(codec, 160, 120, b"")
    return [Packet(bytes(size), begin.plus(index * every_s), time % (1 << 32), index == 0, kind) for index, time in enumerate(rtp_times)]


@pytest.mark.parametrize("name", ["small.h264", "small.h265"])
def test_the_pieces_joined_are_one_stream_that_plays(name: str, tmp_path: Path) -> None:
    viewer, all_packets = Viewer(), stream_packets(name, 12)
    for begin, end in ((0, 1), (1, 5), (5, 12)):
        assert viewer.see(*all_packets[begin:end]).row.pictures == end - begin
    assert viewer.see().row.missing == "same"
    (tmp_path / "live.ts").write_bytes(viewer.data)
    with ffmpeg_options():
        capture = cv2.VideoCapture(str(tmp_path / "live.ts"), cv2.CAP_FFMPEG)
    seen = []
    while capture.grab():
        seen.append(round(capture.get(cv2.CAP_PROP_POS_MSEC)))
    capture.release()
    assert seen == [index * 40 for index in range(12)]
    video = [at for at in range(0, len(viewer.data), PACKET_BYTES) if int.from_bytes(viewer.data[at + 1 : at + 3]) & 0x1FFF == 0x100]
    assert [viewer.data[at + 3] & 15 for at in video] == [index % 16 for index in range(len(video))]


def test_a_view_begins_with_the_newest_key_picture() -> None:
    viewer = Viewer()
    old = packets(0, STEP, 2 * STEP)
    made = viewer.see(*old, *packets(9 * STEP, 10 * STEP, begin=BEGIN.plus(1)))
    assert (made.row.pictures, made.row.lost_s, made.row.more) == (2, 0, False)
    assert (made.row.camera, made.row.number, made.row.codec) == ("yard", 7, "H264")


def test_the_wall_clock_of_a_piece_is_that_of_its_last_picture() -> None:
    viewer = Viewer()
    made = viewer.see(*packets(0, STEP, begin=BEGIN.plus(-3)))
    assert made.row.time_us == Standing().wall_us() - 2_960_000


def test_a_piece_that_was_lost_on_its_way_is_made_again() -> None:
    viewer = Viewer()
    viewer.see(*packets(0, STEP))
    before = viewer.mark
    rest = packets(*range(2 * STEP, 6 * STEP, STEP), begin=BEGIN.plus(0.08))
    first = viewer.see(*(replace(one, is_key=False) for one in rest))
    viewer.mark = before
    assert viewer.see().data == first.data


def test_who_is_slower_than_the_ring_hears_how_much_is_missing() -> None:
    viewer = Viewer(PacketRing(seconds=1.0))
    viewer.see(*packets(0, STEP))
    made = viewer.see(*packets(0, STEP, begin=BEGIN.plus(7)))
    assert (made.row.lost_s, made.row.pictures) == (6.96, 2)
    assert [shown - BEGIN_TICKS for shown, _ in viewer.times] == [0, STEP, 7 * TICKS_PER_S, 7 * TICKS_PER_S + STEP]
    broken = [at for at in range(0, len(viewer.data), PACKET_BYTES) if viewer.data[at + 3] & 0x20 and viewer.data[at + 5] & 0x80]
    assert len(broken) == 1


def test_behind_a_gap_nothing_comes_before_a_key_picture() -> None:
    viewer = Viewer(PacketRing(seconds=1.0))
    viewer.see(*packets(0, STEP))
    later = [replace(one, is_key=False) for one in packets(0, STEP, begin=BEGIN.plus(7))]
    assert viewer.see(*later).row.missing == "same"
    assert viewer.see(*packets(0, begin=BEGIN.plus(7.5))).row.lost_s == 7.46


def test_pieces_have_the_bytes_asked_for_and_say_that_more_is_here() -> None:
    viewer = Viewer(bytes_max=2_000)
    made = viewer.see(*packets(*range(0, 10 * STEP, STEP), size=800))
    assert (made.row.pictures, made.row.more) == (1, True)
    assert viewer.see().row.pictures == 2
    while viewer.see().row.more:
        assert len(viewer.data) < 20_000
    assert len(viewer.times) == 10


def test_a_picture_that_no_message_takes_is_refused_by_its_name() -> None:
    viewer = Viewer()
    assert viewer.see(*packets(0, size=VIDEO_BYTES_MAX)).row.missing == "too-large"


def test_pictures_shown_out_of_order_are_decoded_before_they_are_shown() -> None:
    order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
    viewer, all_packets = Viewer(), packets(*(number * STEP for number in order))
    viewer.see(*all_packets[:4])
    for packet in all_packets[4:]:
        viewer.see(packet)
    assert [(shown - BEGIN_TICKS) // STEP for shown, _ in viewer.times] == order
    decoded = [decoded for _, decoded in viewer.times]
    assert decoded == sorted(set(decoded))
    assert all(decoded <= shown for shown, decoded in viewer.times)


def test_a_camera_whose_clock_stands_or_jumps_goes_by_the_times_of_arrival() -> None:
    viewer = Viewer()
    viewer.see(*packets(*[5] * 100))
    shown = [shown for shown, _ in viewer.times]
    assert shown == sorted(set(shown))
    assert shown[-1] - BEGIN_TICKS == 99 * STEP


def test_a_camera_that_changes_its_codec_ends_its_view() -> None:
    viewer = Viewer()
    viewer.see(*packets(0))
    assert viewer.see(*packets(0, begin=BEGIN.plus(1), codec=Codec.H265)).row.missing == "other-codec"


@pytest.mark.parametrize("mark", [b"nonsense", b"\xc1", msgspec.msgpack.encode(["H264", 1]), b"\x90"])
def test_a_mark_that_makes_no_sense_begins_anew(mark: bytes) -> None:
    viewer = Viewer(mark=mark)
    assert viewer.see(*packets(0, STEP)).row.pictures == 2


@pytest.mark.parametrize(
    ("has_ring", "has_packets", "why"),
    [(True, False, "no-packets"), (False, False, "no-packets"), (False, True, "not-connected")],
)
def test_what_has_no_packets_says_why(has_ring: bool, has_packets: bool, why: str) -> None:
    ring = PacketRing() if has_ring else None
    assert piece(VideoOrder(camera="yard", number=1), ring, Standing(), has_packets=has_packets).row.missing == why


def test_without_a_key_picture_there_is_nothing_to_begin_with() -> None:
    assert Viewer().see(*(replace(one, is_key=False) for one in packets(0, STEP))).row.missing == "no-key-picture"


def test_a_mark_is_small_whatever_the_stream_is() -> None:
    viewer = Viewer()
    viewer.see(*packets(*range(40 * STEP, 0, -STEP)))
    assert len(msgspec.msgpack.decode(viewer.mark, type=Mark).held) <= 16
    assert len(viewer.mark) < 400
