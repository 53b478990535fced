"""Frames of JT/T 808: escapes, check byte, and streams that are cut, joined or wrong."""

from __future__ import annotations

from random import Random

import pytest

from node.ingest.jt808.frame import FRAME_BYTES_MAX, Framer, framed, unframed
from tests.node.ingest.jt808.terminal import PUBLISHED, report


def test_the_published_frame_is_read_and_made_again() -> None:
    (message,) = Framer().feed(PUBLISHED)
    assert message[10:12] == b"\x00\x7e"
    assert framed(message) == PUBLISHED


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_messages_come_whole_however_the_stream_is_cut(size: int) -> None:
    framer, stream = Framer(), b"\r\n" + PUBLISHED + framed(report()) + PUBLISHED
    found = [message for at in range(0, len(stream), size) for message in framer.feed(stream[at : at + size])]
    assert [framed(message) for message in found] == [PUBLISHED, framed(report()), PUBLISHED]
    assert (framer.passed_over, framer.damaged) == (2, 0)


def test_every_message_survives_its_frame() -> None:
    rng = Random(4)
    for _ in range(300):
        message = bytes(rng.choice((0x7D, 0x7E, 0x01, 0x02, rng.randrange(256))) for _ in range(rng.randrange(12, 60)))
        assert list(Framer().feed(framed(message))) == [message]


@pytest.mark.parametrize(
    "escaped", [b"", b"\x01" * 12, PUBLISHED[1:-2] + b"\x14", PUBLISHED[1:-1] + b"\x7d", b"\x7d\x03" + PUBLISHED[1:-1]]
)
def test_what_is_no_message_is_refused(escaped: bytes) -> None:
    assert unframed(escaped) is None


def test_a_damaged_frame_is_counted_and_the_next_one_is_read() -> None:
    framer = Framer()
    damaged = PUBLISHED[:20] + bytes([PUBLISHED[20] ^ 1]) + PUBLISHED[21:]
    assert len(list(framer.feed(damaged + PUBLISHED))) == 1
    assert framer.damaged == 1


def test_bytes_that_never_end_a_frame_are_passed_over_and_hold_no_memory() -> None:
    framer = Framer()
    assert list(framer.feed(b"\x7e" + b"x" * (FRAME_BYTES_MAX + 1))) == []
    assert framer.passed_over > FRAME_BYTES_MAX
    assert len(list(framer.feed(PUBLISHED))) == 1
