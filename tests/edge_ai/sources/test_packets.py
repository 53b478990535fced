"""The ring of compressed packets."""

from __future__ import annotations

from edge_ai.sources.packets import Packet, PacketRing
from edge_ai.sources.rtsp.codec import Codec, StreamFormat
from sync.model import Instant

SMALL, LARGE = StreamFormat(Codec.H264, 160, 120, b"a"), StreamFormat(Codec.H264, 320, 240, b"b")


def filled(ring: PacketRing, seconds: int, *, kind: StreamFormat = SMALL, size: int = 10, begin: int = 0) -> PacketRing:
    """Four packets a second, a key one every second."""
    for number in range(seconds * 4):
        at = Instant(0).plus(begin + number / 4)
        ring.add(Packet(bytes([number % 4]) * size, at, number * 22_500, number % 4 == 0, kind))
    return ring


def test_a_clip_begins_with_the_first_key_packet_that_is_held() -> None:
    clip = filled(PacketRing(seconds=2.5), 6).keep_clip()
    assert clip is not None
    assert clip.packets[0].is_key
    assert clip.seconds == 1.75
    assert clip.data[:10] == bytes(10)


def test_a_clip_since_a_moment_begins_with_the_key_packet_before_it() -> None:
    clip = filled(PacketRing(), 8).keep_clip(Instant(0).plus(5.6))
    assert clip is not None
    assert clip.packets[0].at == Instant(0).plus(5)


def test_bytes_are_bounded_whatever_the_rate() -> None:
    ring = filled(PacketRing(bytes_max=1_000), 9, size=99)
    assert ring.bytes_held == 990
    filled(ring, 1, size=5_000, begin=9)
    assert ring.bytes_held == 0
    assert ring.keep_clip() is None


def test_packets_of_another_size_begin_anew() -> None:
    ring = filled(filled(PacketRing(), 3), 2, kind=LARGE, begin=3)
    clip = ring.keep_clip()
    assert clip is not None
    assert {packet.format for packet in clip.packets} == {LARGE}


def test_without_a_key_packet_there_is_no_clip() -> None:
    ring = PacketRing()
    ring.add(Packet(b"x", Instant(0), 0, False, SMALL))
    assert ring.keep_clip() is None


def test_what_came_after_a_packet_is_told_and_nothing_once_it_is_gone() -> None:
    ring = filled(PacketRing(seconds=2), 2)
    last = ring.keep_clip()
    assert last is not None
    assert ring.after(last.packets[-1]) == []
    assert [packet.at for packet in ring.after(last.packets[-3]) or ()] == [packet.at for packet in last.packets[-2:]]
    filled(ring, 9, begin=2)
    assert ring.after(last.packets[-1]) is None
