"""Transport streams that players open, made of packets as cameras send them."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edge_ai.evidence.transport_stream import BEGIN_TICKS, PACKET_BYTES, TICKS_PER_S, times_of, transport_stream
from edge_ai.sources.decoder import ffmpeg_options
from edge_ai.sources.packets import KeptClip, Packet
from edge_ai.sources.rtsp.codec import Codec, StreamFormat
from sync.model import Instant
from tests.edge_ai.evidence.kept import kept_clip

FORMAT = StreamFormat(Codec.H264, 160, 120, b"")


def packets(*rtp_times: int, size: int = 10, every_s: float = 0.04) -> list[Packet]:
    arrivals = [Instant(0).plus(5 + index * every_s) for index in range(len(rtp_times))]
    return [Packet(bytes(size), at, time % (1 << 32), at == arrivals[0], FORMAT) for at, time in zip(arrivals, rtp_times, strict=True)]


@pytest.mark.parametrize("name", ["small.h264", "small.h265"])
def test_a_player_shows_every_picture_at_its_time(name: str, tmp_path: Path) -> None:
    clip = kept_clip(name, 12, every_s=0.04)
    (tmp_path / "clip.ts").write_bytes(transport_stream(clip))
    with ffmpeg_options():
        capture = cv2.VideoCapture(str(tmp_path / "clip.ts"), cv2.CAP_FFMPEG)
    seen = []
    while capture.grab():
        seen.append(round(capture.get(cv2.CAP_PROP_POS_MSEC)))
    assert seen == [index * 40 for index in range(12)]
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (160, 120)
    capture.release()


@pytest.mark.parametrize("size", [1, 100, 142, 143, 144, 149, 150, 151, 152, 333, 334, 335, 1_000])
def test_every_packet_is_whole_and_counted_whatever_a_picture_weighs(size: int) -> None:
    data = transport_stream(KeptClip(FORMAT, tuple(packets(0, 3_600, size=size))))
    pieces = [data[at : at + PACKET_BYTES] for at in range(0, len(data), PACKET_BYTES)]
    assert {(piece[0], len(piece)) for piece in pieces} == {(0x47, PACKET_BYTES)}
    video = [piece for piece in pieces if int.from_bytes(piece[1:3]) & 0x1FFF == 0x100]
    assert [piece[3] & 0x0F for piece in video] == [index % 16 for index in range(len(video))]
    assert b"".join(_payload(piece) for piece in video).count(bytes(size)) >= 1


def _payload(piece: bytes) -> bytes:
    return piece[5 + piece[4] :] if piece[3] & 0x20 else piece[4:]


def test_pictures_that_are_shown_out_of_order_are_decoded_before_they_are_shown() -> None:
    times = times_of(packets(0, 10_800, 3_600, 7_200, 14_400))
    assert [shown - times[0][0] for shown, _ in times] == [0, 10_800, 3_600, 7_200, 14_400]
    assert all(decoded <= shown for shown, decoded in times)
    decoded = [decoded for _, decoded in times]
    assert decoded == sorted(set(decoded))
    assert decoded[0] == BEGIN_TICKS


def test_the_cameras_clock_may_wrap() -> None:
    times = times_of(packets((1 << 32) - 3_600, 1 << 32, (1 << 32) + 3_600))
    assert [shown - times[0][0] for shown, _ in times] == [0, 3_600, 7_200]


def test_a_camera_whose_clock_jumps_is_shown_by_the_times_of_arrival() -> None:
    times = times_of(packets(0, 3_600, 1_000 * TICKS_PER_S, 1_000 * TICKS_PER_S + 3_600))
    assert [shown - times[0][0] for shown, _ in times] == [0, 3_600, 7_200, 10_800]


def test_a_camera_whose_clock_stands_still_loses_no_picture() -> None:
    decoded = [decoded for _, decoded in times_of(packets(0, 0, 0))]
    assert decoded == sorted(set(decoded))
