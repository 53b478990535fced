"""Packets of real streams as a ring keeps them, without a camera."""

from __future__ import annotations

from edge_ai.sources.packets import KeptClip, Packet, PacketRing
from edge_ai.sources.rtsp.codec import START_CODE, Codec, StreamFormat
from sync.model import Instant
from tests.edge_ai.sources.serving import stream

BEGIN = Instant(100_000_000)
TICKS_PER_S = 90_000


def stream_packets(name: str, count: int, *, every_s: float = 0.04, begin: Instant = BEGIN) -> list[Packet]:
    """The first pictures of a stream of tests/edge_ai/sources/streams, over and over."""
    clip = stream(name)
    kind = StreamFormat(Codec.H265 if name.endswith("h265") else Codec.H264, 160, 120, name.encode())
    made = []
    for index in range(count):
        number = index % len(clip.pictures)
        parts = (*clip.sets, *clip.pictures[number]) if number in clip.keys else clip.pictures[number]
        data = b"".join(START_CODE + part for part in parts)
        at = begin.plus(index * every_s)
        made.append(Packet(data, at, round(index * every_s * TICKS_PER_S), number in clip.keys, kind))
    return made


def kept_clip(name: str, count: int, *, every_s: float = 0.04) -> KeptClip:
    """A clip of them."""
    packets = stream_packets(name, count, every_s=every_s)
    return KeptClip(packets[0].format, tuple(packets))


def ring_of(packets: list[Packet]) -> PacketRing:
    """A ring that holds them."""
    ring = PacketRing()
    for packet in packets:
        ring.add(packet)
    return ring
