"""Access units: whole ones only, from a key one on, and nothing after damage up to the next key one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import pytest

from edge_ai.errors import SourceError
from edge_ai.sources.rtsp.codec import AccessUnit, Codec
from edge_ai.sources.rtsp.rtp import RtpPacket, read_rtp
from edge_ai.sources.rtsp.units import UNIT_BYTES_MAX, UnitAssembler
from simulations.devices.rtsp_camera import ABSURD_SET, sendable
from simulations.devices.rtsp_clip import Clip
from simulations.devices.rtsp_packets import RtpWriter, payloads_of
from tests.edge_ai.sources.serving import stream

PIECE = 100
DELIMITER = b"\x09\xf0"
"""Access unit delimiter of H.264."""


def packets(clip: Clip, first: int = 0) -> list[list[RtpPacket]]:
    """The packets of each picture from the `first` on."""
    writer = RtpWriter(1)
    pictures: list[list[RtpPacket]] = []
    for number, picture in enumerate(list(sendable(clip))[first:]):
        payloads = list(payloads_of(picture, clip.codec, PIECE))
        data = [writer.packet(part, timestamp=number * 9_000, is_last=part is payloads[-1]) for part in payloads]
        pictures.append([packet for entry in data if (packet := read_rtp(entry)) is not None])
    return pictures


def fed(assembler: UnitAssembler, sent: Iterable[Sequence[RtpPacket]]) -> list[AccessUnit]:
    return [unit for picture in sent for packet in picture for unit in assembler.take(packet)]


def times(units: list[AccessUnit]) -> list[int]:
    return [unit.rtp_time // 9_000 for unit in units]


@pytest.mark.parametrize("name", ["small.h264", "small.h265"])
def test_all_pictures_come_whole_and_keys_bring_their_sets(name: str) -> None:
    clip = stream(name)
    units = fed(UnitAssembler(clip.codec), packets(clip))
    assert times(units) == list(range(30))
    assert {index for index, unit in enumerate(units) if unit.is_key} == clip.keys
    assert len({unit.format for unit in units}) == 1
    assert (units[0].format.width, units[0].format.height) == (160, 120)


def test_joining_in_the_middle_begins_with_the_next_key_picture() -> None:
    clip = stream("small.h264")
    assembler = UnitAssembler(clip.codec)
    units = fed(assembler, packets(clip, first=4))
    assert units[0].is_key
    assert times(units)[0] == 6
    assert assembler.counts.skipped == 6


def test_a_lost_packet_hides_everything_up_to_the_next_key_picture() -> None:
    clip = stream("small.h264")
    sent = packets(clip)
    assert len(sent[13]) == 1
    del sent[13][0]
    assembler = UnitAssembler(clip.codec)
    assert times(fed(assembler, sent)) == [*range(13), *range(20, 30)]
    # Nobody can tell that picture 14 was whole: the lost packet may have been its first.
    assert (assembler.counts.damaged, assembler.counts.skipped, assembler.counts.lost_packets) == (1, 5, 1)


def test_a_picture_that_is_lost_whole_hides_what_builds_on_it() -> None:
    clip = stream("small.h264")
    # With a delimiter before each picture the next one is known to be whole, and still builds on the lost one.
    sent = packets(Clip(clip.codec, clip.fps, (), tuple((DELIMITER, *picture) for picture in clip.pictures), clip.keys))
    del sent[13]
    assembler = UnitAssembler(clip.codec)
    assert times(fed(assembler, sent)) == [*range(13), *range(20, 30)]
    assert (assembler.counts.damaged, assembler.counts.skipped) == (1, 6)


def test_a_key_picture_right_after_a_lost_packet_is_shown() -> None:
    clip = stream("small.h264")
    sent = packets(clip)
    del sent[19][-1]
    assembler = UnitAssembler(clip.codec)
    assert times(fed(assembler, sent)) == [*range(19), *range(20, 30)]
    assert (assembler.counts.damaged, assembler.counts.skipped) == (1, 0)


def test_a_lost_last_packet_damages_its_own_picture_and_the_next() -> None:
    clip = stream("small.h264")
    sent = packets(clip)
    del sent[10][-1]
    assert times(fed(UnitAssembler(clip.codec), sent)) == [*range(10), *range(20, 30)]


def test_a_key_picture_that_is_damaged_is_not_shown() -> None:
    clip = stream("small.h264")
    sent = packets(clip)
    del sent[10][1]
    assert times(fed(UnitAssembler(clip.codec), sent)) == [*range(10), *range(20, 30)]


def test_repeated_and_late_packets_change_nothing() -> None:
    clip = stream("small.h264")
    sent = [packet for picture in packets(clip) for packet in picture]
    twice = [[packet, packet] for packet in sent]
    assert times(fed(UnitAssembler(clip.codec), twice)) == list(range(30))


def test_pictures_without_marker_are_told_apart_by_their_time() -> None:
    clip = stream("small.h264")
    sent = [[RtpPacket(p.payload_type, p.sequence, p.timestamp, False, p.payload) for p in picture] for picture in packets(clip)]
    assert times(fed(UnitAssembler(clip.codec), sent)) == list(range(29))


def test_another_size_is_another_format_and_begins_with_a_key_picture() -> None:
    first, second = stream("small.h264"), stream("other.h264")
    assembler = UnitAssembler(Codec.H264)
    fed(assembler, packets(first))
    renumbered = [
        [RtpPacket(p.payload_type, (p.sequence + 5_000) % 65_536, p.timestamp, p.has_marker, p.payload) for p in picture]
        for picture in packets(second)
    ]
    units = fed(assembler, renumbered)
    assert units[0].is_key
    assert {(unit.format.width, unit.format.height) for unit in units} == {(96, 80)}


def test_sets_of_the_description_serve_a_stream_that_brings_none() -> None:
    clip = stream("small.h264")
    slices = tuple(tuple(nal for nal in picture if nal[0] & 0x1F in (1, 5)) for picture in clip.pictures)
    bare = Clip(clip.codec, clip.fps, (), slices, clip.keys)
    assert fed(UnitAssembler(clip.codec), packets(bare)) == []
    sets = tuple(nal for nal in clip.pictures[0] if nal[0] & 0x1F in (7, 8))
    assert len(fed(UnitAssembler(clip.codec, sets), packets(bare))) == 30


def test_absurd_size_is_refused() -> None:
    payload = b"\x78" + len(ABSURD_SET).to_bytes(2, "big") + ABSURD_SET + b"\x00\x03\x65ab"
    with pytest.raises(SourceError, match="65520x65520"):
        UnitAssembler(Codec.H264).take(RtpPacket(96, 1, 0, True, payload))


def test_a_picture_without_end_is_damage_and_takes_no_more_memory() -> None:
    assembler = UnitAssembler(Codec.MPEG4)
    for number in range(UNIT_BYTES_MAX // 60_000 + 10):
        assembler.take(RtpPacket(96, number, 0, False, bytes(60_000)))
    assert assembler.take(RtpPacket(96, number + 1, 0, True, b"x")) == []
    assert assembler.counts.damaged == 1


@pytest.mark.parametrize("name", ["small.h264", "small.h265"])
def test_flipped_bits_never_raise_anything_but_a_source_error(name: str) -> None:
    clip, rng = stream(name), Random(3)
    for _ in range(40):
        assembler = UnitAssembler(clip.codec)
        for picture in packets(clip)[:12]:
            for packet in picture:
                payload = bytearray(packet.payload)
                payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
                try:
                    assembler.take(RtpPacket(96, packet.sequence, packet.timestamp, packet.has_marker, bytes(payload)))
                except SourceError:
                    assembler = UnitAssembler(clip.codec)
