"""Frames of SL 651-2014 cut out of a stream."""

from __future__ import annotations

from node.ingest.sl651.frame import Framer
from tests.node.ingest.sl651.station import ASCII_HEARTBEAT, ASCII_TEST, HEARTBEAT, HEARTBEAT_WITH_START_INSIDE, TEST, TIMED

ALL = [HEARTBEAT, ASCII_TEST, HEARTBEAT_WITH_START_INSIDE, TEST, ASCII_HEARTBEAT, TIMED]


def test_frames_are_found_however_the_stream_is_cut() -> None:
    stream = b"".join(ALL)
    for size in (1, 7, 64, len(stream)):
        framer = Framer()
        found = [frame for at in range(0, len(stream), size) for frame in framer.feed(stream[at : at + size])]
        assert (found, framer.passed_over, framer.damaged) == (ALL, 0, 0)


def test_what_is_no_frame_is_passed_over_and_counted() -> None:
    framer = Framer()
    assert list(framer.feed(b"GET / HTTP/1.1\r\n" + TEST + b"\x7e")) == [TEST]
    assert framer.passed_over == 16


def test_a_frame_with_a_wrong_check_value_is_counted_and_the_next_one_found() -> None:
    broken = TEST[:-1] + bytes([TEST[-1] ^ 1])
    framer = Framer()
    assert list(framer.feed(broken + TIMED)) == [TIMED]
    assert framer.damaged == 1


def test_a_wrong_check_value_in_ascii_is_counted() -> None:
    framer = Framer()
    assert list(framer.feed(ASCII_TEST[:-4] + b"0000" + ASCII_TEST[:-4] + b"FDE\xff" + TIMED)) == [TIMED]
    assert framer.damaged == 2


def test_a_damaged_length_does_not_swallow_what_follows() -> None:
    broken = TEST[:11] + b"\x00\x08" + TEST[13:]
    framer = Framer()
    assert list(framer.feed(broken + TIMED)) == [TIMED]


def test_the_buffer_is_bounded_by_one_frame() -> None:
    framer = Framer()
    assert list(framer.feed(b"\x7e\x7e" + b"\x00" * 9 + b"\x0f\xff\x02" + b"\x00" * 10_000)) == []
    assert len(framer._buffer) < 4_200
