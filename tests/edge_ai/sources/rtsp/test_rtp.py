"""RTP packets and their order."""

from __future__ import annotations

import pytest

from edge_ai.sources.rtsp.rtp import RtpPacket, SequenceWatch, read_rtp
from simulations.devices.rtsp_packets import RtpWriter

PLAIN = RtpWriter(7, 41).packet(b"payload", timestamp=90_000, is_last=True)


def test_header_is_read() -> None:
    assert read_rtp(PLAIN) == RtpPacket(96, 42, 90_000, True, b"payload")


def test_sources_extension_and_padding_are_passed_over() -> None:
    data = bytes([0x80 | 0x20 | 0x10 | 1]) + PLAIN[1:12] + b"abcd" + b"\x00\x00\x00\x01" + b"wxyz" + b"payload" + b"\x00\x02"
    packet = read_rtp(data)
    assert packet is not None
    assert packet.payload == b"payload"


@pytest.mark.parametrize("data", [b"", PLAIN[:11], b"\x00" + PLAIN[1:], PLAIN[:12], b"\x90" + PLAIN[1:14], b"\xa0" + PLAIN[1:12] + b"\xff"])
def test_what_is_no_packet_is_left_out(data: bytes) -> None:
    assert read_rtp(data) is None


def test_gaps_are_counted_over_the_wrap() -> None:
    watch = SequenceWatch()
    assert [watch.missing_before(number) for number in (65_534, 65_535, 0, 3)] == [0, 0, 0, 2]


def test_late_and_repeated_packets_are_told_from_numbers_that_begin_anew() -> None:
    watch = SequenceWatch()
    assert [watch.missing_before(number) for number in (1000, 1000, 950)] == [0, None, None]
    assert watch.missing_before(10) == 64_545
    assert watch.missing_before(11) == 0
