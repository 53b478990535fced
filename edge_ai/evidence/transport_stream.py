"""Compressed pictures as a stream that any player opens: MPEG transport stream with one video stream, nothing encoded anew. Pure.

A transport stream takes access units as cameras send them (no rewriting of parameter sets, unlike MP4), carries their times, and what a
crash cut off plays up to the cut. Called by clip_keeping.py for files, and by edge_ai/looks/passing.py piece by piece.
Source: ISO/IEC 13818-1:2019, 2.4.3 (packets, PES) and 2.4.4 (tables).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from edge_ai.sources.packets import KeptClip, Packet
from edge_ai.sources.rtsp.codec import Codec

PACKET_BYTES = 188
TICKS_PER_S = 90_000
BEGIN_TICKS = 2 * TICKS_PER_S
"""Of the first picture's decoding, so that no time is negative."""
AHEAD_TICKS = TICKS_PER_S // 2
"""By which the program clock runs before decoding: what a player has to buffer."""
SKEW_S_MAX = 2.0
"""By which the camera's clock may differ from the times of arrival inside one clip; beyond it those are taken."""

_WRAP = 1 << 32
_TABLE_PID, _MAP_PID, _VIDEO_PID = 0, 0x1000, 0x100
_VIDEO_STREAM = 0xE0
_STREAM_TYPE = {Codec.H264: 0x1B, Codec.H265: 0x24, Codec.MPEG4: 0x10}
_DELIMITER = {Codec.H264: b"\x00\x00\x00\x01\x09\xf0", Codec.H265: b"\x00\x00\x00\x01\x46\x01\x50", Codec.MPEG4: b""}
"""Access unit delimiters, which a transport stream demands before each picture (ISO/IEC 13818-1, 2.14.1 and 2.17.1)."""
_CRC_POLYNOMIAL = 0x04C11DB7


Counters = tuple[int, int, int]
"""Of the packets written so far, modulo 16: of the two tables and of the video."""


class StreamWriter:
    """Writes one video stream; `counters` are those where the piece before it ended."""

    def __init__(self, codec: Codec, counters: Counters = (0, 0, 0)) -> None:
        self._codec = codec
        self._counters = dict(zip((_TABLE_PID, _MAP_PID, _VIDEO_PID), counters, strict=True))

    @property
    def counters(self) -> Counters:
        """Where whoever goes on has to count from."""
        return self._counters[_TABLE_PID], self._counters[_MAP_PID], self._counters[_VIDEO_PID]

    def written(self, packet: Packet, shown: int, decoded: int, *, is_broken: bool = False) -> bytes:
        """One picture, behind the tables where it is a key one; `is_broken` says that pictures before it are missing."""
        delimiter = _DELIMITER[self._codec]
        tables = _tables(_STREAM_TYPE[self._codec], self._counters) if packet.is_key else []
        unit = _pes_head(shown, decoded) + (b"" if packet.data.startswith(delimiter[:5] or b"\xff") else delimiter) + packet.data
        flags = (0x40 if packet.is_key else 0) | (0x80 if is_broken else 0)
        return b"".join((*tables, *_packets(unit, decoded, self._counters, flags=flags)))


def transport_stream(clip: KeptClip) -> bytes:
    """The clip as a file; its first picture is a key one."""
    writer = StreamWriter(clip.codec)
    times = zip(clip.packets, times_of(clip.packets), strict=True)
    return b"".join(writer.written(packet, shown, decoded) for packet, (shown, decoded) in times)


def times_of(packets: Sequence[Packet]) -> list[tuple[int, int]]:
    """When each picture is shown and when it is decoded, 90 kHz; in the order in which they came."""
    shown = _camera_times(packets)
    arrived = [round(packet.at.seconds_since(packets[0].at) * TICKS_PER_S) for packet in packets]
    if any(abs(ours - theirs) > SKEW_S_MAX * TICKS_PER_S for ours, theirs in zip(arrived, shown, strict=True)):
        shown = arrived
    ordered = sorted(shown)
    lead = max(early - late for early, late in zip(ordered, shown, strict=True))
    shift = BEGIN_TICKS - (ordered[0] - lead)
    decoded: list[int] = []
    for time in ordered:
        earliest = decoded[-1] + 1 if decoded else 0
        decoded.append(max(time - lead + shift, earliest))
    return [(max(time + shift, at), at) for time, at in zip(shown, decoded, strict=True)]


def _camera_times(packets: Sequence[Packet]) -> list[int]:
    """The camera's clock from the first picture on, unwrapped."""
    times = [0]
    for before, after in pairwise(packets):
        times.append(times[-1] + camera_step(before.rtp_time, after.rtp_time))
    return times


def camera_step(before: int, after: int) -> int:
    """Ticks from one time of the camera's clock to another, which has wrapped at most once in between; negative when it went back."""
    return (after - before + _WRAP // 2) % _WRAP - _WRAP // 2


def _tables(stream_type: int, counters: dict[int, int]) -> list[bytes]:
    """Which streams there are: one program with one video stream."""
    programs = _section(0x00, 1, (1).to_bytes(2) + (0xE000 | _MAP_PID).to_bytes(2))
    head = (0xE000 | _VIDEO_PID).to_bytes(2) + (0xF000).to_bytes(2)
    streams = _section(0x02, 1, head + bytes([stream_type]) + (0xE000 | _VIDEO_PID).to_bytes(2) + (0xF000).to_bytes(2))
    return [_table_packet(_TABLE_PID, programs, counters), _table_packet(_MAP_PID, streams, counters)]


def _section(table: int, identity: int, body: bytes) -> bytes:
    inner = identity.to_bytes(2) + b"\xc1\x00\x00" + body
    whole = bytes([table]) + (0xB000 | (len(inner) + 4)).to_bytes(2) + inner
    return whole + _crc32(whole).to_bytes(4)


def _table_packet(pid: int, section: bytes, counters: dict[int, int]) -> bytes:
    packet = _head(pid, counters, begins=True, adapts=False) + b"\x00" + section
    return packet + b"\xff" * (PACKET_BYTES - len(packet))


def _pes_head(shown: int, decoded: int) -> bytes:
    """The head of one picture; its length is left open, as video's may be."""
    return b"\x00\x00\x01" + bytes([_VIDEO_STREAM]) + b"\x00\x00\x84\xc0\x0a" + _time(3, shown) + _time(1, decoded)


def _time(mark: int, ticks: int) -> bytes:
    high, middle, low = (ticks >> 30) & 7, (ticks >> 15) & 0x7FFF, ticks & 0x7FFF
    return bytes([mark << 4 | high << 1 | 1]) + (middle << 1 | 1).to_bytes(2) + (low << 1 | 1).to_bytes(2)


def _packets(unit: bytes, decoded: int, counters: dict[int, int], *, flags: int) -> Iterator[bytes]:
    """One picture cut into packets; the first carries `flags` and the program clock, the last is filled up."""
    adaptation = bytes([0x10 | flags]) + _clock(decoded - AHEAD_TICKS)
    position = 0
    while position < len(unit):
        room = PACKET_BYTES - 4 - (len(adaptation) + 1 if adaptation else 0)
        piece = unit[position : position + room]
        lacking = room - len(piece)
        head = _head(_VIDEO_PID, counters, begins=position == 0, adapts=bool(adaptation) or lacking > 0)
        yield head + _field(adaptation, lacking) + piece
        position += len(piece)
        adaptation = b""


def _field(adaptation: bytes, lacking: int) -> bytes:
    """The adaptation field that fills a packet: its length, what it says, and stuffing."""
    if adaptation:
        return bytes([len(adaptation) + lacking]) + adaptation + b"\xff" * lacking
    if lacking == 0:
        return b""
    return b"\x00" if lacking == 1 else bytes([lacking - 1, 0]) + b"\xff" * (lacking - 2)


def _clock(ticks: int) -> bytes:
    return ((ticks & 0x1FFFFFFFF) << 15 | 0x7E00).to_bytes(6)


def _head(pid: int, counters: dict[int, int], *, begins: bool, adapts: bool) -> bytes:
    count = counters[pid]
    counters[pid] = (count + 1) & 0x0F
    return b"\x47" + ((0x4000 if begins else 0) | pid).to_bytes(2) + bytes([(0x30 if adapts else 0x10) | count])


def _crc32(data: bytes) -> int:
    """The check of a table (ISO/IEC 13818-1, annex A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ _CRC_POLYNOMIAL if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc
