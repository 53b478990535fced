"""The memory that cv2 loses at each read, taken back; a cv2 that loses none is left alone."""

from __future__ import annotations

import ctypes
import sys

from edge_ai.sources.decoder import StreamDecoder
from edge_ai.sources.lending import LentNames, LentStream
from edge_ai.sources.rtsp.codec import AccessUnit
from edge_ai.sources.rtsp.rtp import read_rtp
from edge_ai.sources.rtsp.units import UnitAssembler
from simulations.devices.rtsp_camera import sendable
from simulations.devices.rtsp_packets import RtpWriter, payloads_of
from tests.edge_ai.sources.serving import stream

READS, BLOCKS_MAX = 400, 40


def units() -> list[AccessUnit]:
    clip = stream("small.h264")
    writer, assembler, found = RtpWriter(1, 1), UnitAssembler(clip.codec, ()), list[AccessUnit]()
    for number, picture in enumerate(sendable(clip)):
        payloads = list(payloads_of(picture, clip.codec))
        for index, payload in enumerate(payloads):
            packet = read_rtp(writer.packet(payload, timestamp=number * 9_000, is_last=index == len(payloads) - 1))
            assert packet is not None
            found += assembler.take(packet)
    return found


def decoded(of: list[AccessUnit]) -> int:
    rest = iter(of[1:])
    decoder = StreamDecoder(of[0], lambda: next(rest, None))
    count = 0
    while decoder.skip():
        count += 1
    decoder.close()
    return count


def test_decoding_keeps_no_memory_for_each_picture() -> None:
    of = units()
    decoded(of)
    before = sys.getallocatedblocks()
    pictures = 0
    while pictures < READS:
        pictures += decoded(of)
    assert sys.getallocatedblocks() - before < BLOCKS_MAX


def fresh() -> str:
    """A text that nobody else holds."""
    return str(b"read", "ascii")


def lost() -> str:
    """One that somebody took a reference to and forgot, as cv2 does."""
    name = fresh()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(name))
    return name


def test_names_that_were_forgotten_are_freed() -> None:
    names = LentNames()
    for _ in range(3):
        names.asked(lost())
    names.asked(None)
    assert names.taken_back == 3


def test_names_that_were_given_back_or_are_kept_for_good_are_left_alone() -> None:
    names, kept = LentNames(), fresh()
    for _ in range(3):
        names.asked(fresh())
    for _ in range(3):
        names.asked(kept)
    both = [kept, kept]
    names.asked(None)
    assert names.taken_back == 0
    assert both == ["read", "read"]


def test_a_method_named_in_a_program_is_left_alone() -> None:
    lent = LentStream(lambda size: bytes(size or 0), lambda _offset, _whence: -1)
    assert [lent.read(3), lent.read(4)] == [bytes(3), bytes(4)]
    assert lent.names.taken_back == 0
