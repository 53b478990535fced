"""Frames of HJ 212-2017: the standard's own example, streams cut anywhere, and rubbish between frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ingest.hj212.frame import SEGMENT_BYTES_MAX, Framer, crc16, framed

EXAMPLE = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
"""The data segment that the standard prints with its check value (HJ 212-2017, 6.2 and appendix A)."""


def test_the_standards_example_has_the_length_and_check_value_that_are_printed_with_it() -> None:
    assert framed(EXAMPLE) == b"##0101" + EXAMPLE + b"1C80\r\n"
    assert crc16(EXAMPLE) == 0x1C80


@given(segments=st.lists(st.binary(max_size=60), min_size=1, max_size=6), cuts=st.lists(st.integers(1, 40), max_size=40))
def test_segments_come_out_of_a_stream_however_it_is_cut(segments: list[bytes], cuts: list[int]) -> None:
    stream, framer, found = b"".join(framed(segment) for segment in segments), Framer(), list[bytes]()
    for cut in [*cuts, len(stream)]:
        found += framer.feed(stream[:cut])
        stream = stream[cut:]
    found += framer.feed(stream)
    assert found == segments
    assert (framer.passed_over, framer.damaged) == (0, 0)


@given(st.binary(max_size=400))
def test_no_bytes_upset_a_framer_and_a_frame_behind_line_ends_is_found(rubbish: bytes) -> None:
    framer = Framer()
    list(framer.feed(rubbish))
    assert list(Framer().feed(b"\r\n\r\n" + framed(EXAMPLE))) == [EXAMPLE]


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n", b"##", b"##12", b"##ab12", b"#", b"##0003abcFFFFxx"])
def test_what_is_no_frame_is_passed_over_and_counted(rubbish: bytes) -> None:
    framer = Framer()
    assert list(framer.feed(rubbish + framed(EXAMPLE))) == [EXAMPLE]
    assert framer.passed_over == len(rubbish.rstrip(b"\r\n")) or framer.passed_over == len(rubbish)


def test_a_wrong_check_value_is_counted_and_the_next_frame_is_read() -> None:
    framer = Framer()
    damaged = framed(EXAMPLE).replace(b"1C80", b"1C08")
    assert list(framer.feed(damaged + framed(b"CP=&&&&"))) == [b"CP=&&&&"]
    assert (framer.damaged, framer.passed_over) == (1, 0)


def test_a_check_value_in_small_letters_counts() -> None:
    assert list(Framer().feed(framed(EXAMPLE).replace(b"1C80", b"1c80"))) == [EXAMPLE]


def test_the_longest_segment_passes_and_the_buffer_holds_no_more_than_one() -> None:
    framer, longest = Framer(), b"x" * SEGMENT_BYTES_MAX
    assert list(framer.feed(framed(longest))) == [longest]
    assert list(framer.feed(b"##9999" + b"y" * 5_000)) == []
    assert list(framer.feed(b"z" * 20_000)) == []
    assert framer.passed_over == 25_006
