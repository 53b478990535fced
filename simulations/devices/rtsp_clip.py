"""Compressed clips for simulated cameras: the pictures of an MP4 file or of an elementary stream, as they are. Pure but for reading a file.

Reads only what cameras need of ISO/IEC 14496-12 (boxes), 14496-15 (H.264 and H.265 in them) and 14496-1 (MPEG-4 visual): one video track,
no fragments. Called by rtsp_camera.py, the verb, tests.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from edge_ai.sources.rtsp.codec import Codec

FILE_BYTES_MAX = 256 * 1_048_576
SAMPLES_MAX = 200_000
FPS_MAX = 120.0
_CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_DEPTH_MAX = len(_CONTAINERS)
_SAMPLE_ENTRY_BYTES = 78
"""Of a visual sample entry before its own boxes (14496-12, 12.1.3)."""
_CODECS = {b"avc1": Codec.H264, b"hvc1": Codec.H265, b"hev1": Codec.H265, b"mp4v": Codec.MPEG4}
_SPECIFIC_INFO = 0x05


class ClipError(ValueError):
    """A file that holds no clip for a camera."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What a simulated camera sends, over and over."""

    codec: Codec
    fps: float
    sets: tuple[bytes, ...] = field(repr=False)
    """Parameter sets; for MPEG-4 the one configuration."""
    pictures: tuple[tuple[bytes, ...], ...] = field(repr=False)
    """NAL units of each picture in decoding order; for MPEG-4 one part."""
    keys: frozenset[int] = field(repr=False)
    """Numbers of the pictures that decoding may begin with; the first is one of them."""
    leads: tuple[int, ...] = field(default=(), repr=False)
    """Places by which each picture is sent before its turn to be shown, because others build on it; empty: shown as they are sent."""

    def shown_at(self, number: int) -> int:
        """The place of a picture in the order of showing, counted like the order of sending."""
        return number + (self.leads[number] if self.leads else 0)


def read_mp4(path: Path) -> Clip:
    """The first video track of an .mp4; raises ClipError."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ClipError(f"{path.name} has more than {FILE_BYTES_MAX >> 20} MiB: cut a shorter clip")
    data = path.read_bytes()
    try:
        for track in _tracks(data):
            if track.get(b"hdlr", b"")[8:12] == b"vide":
                return _clip(track, data)
    except ClipError as error:
        raise ClipError(f"{path.name}: {error}") from error
    except (struct.error, LookupError, ValueError, ZeroDivisionError, StopIteration) as error:
        raise ClipError(f"{path.name} is damaged: copy it again") from error
    raise ClipError(f"{path.name} has no video track: name an .mp4 with H.264, H.265 or MPEG-4 visual")


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the content of each box."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            (size,), head = struct.unpack_from(">Q", data, start + 8), 16
        stop = end if size == 0 else start + size
        if stop > end or stop < start + head:
            return
        yield kind, start + head, stop
        start = stop


def _tracks(data: bytes) -> list[dict[bytes, bytes]]:
    """The leaf boxes of each track."""
    tracks: list[dict[bytes, bytes]] = []

    def walk(start: int, end: int, depth: int) -> None:
        for kind, begin, stop in _boxes(data, start, end):
            if kind == b"trak":
                tracks.append({})
            if kind in _CONTAINERS and depth < _DEPTH_MAX:
                walk(begin, stop, depth + 1)
            elif tracks:
                tracks[-1].setdefault(kind, data[begin:stop])

    walk(0, len(data), 0)
    return tracks


def _clip(track: dict[bytes, bytes], data: bytes) -> Clip:
    codec, sets, length_bytes = _description(track[b"stsd"])
    samples = list(_samples(track, data))
    if b"stss" in track:
        count = struct.unpack_from(">I", track[b"stss"], 4)[0]
        keys = frozenset(number - 1 for number in struct.unpack_from(f">{min(count, SAMPLES_MAX)}I", track[b"stss"], 8))
    else:
        keys = frozenset(range(len(samples)))
    first = min(keys, default=0)
    pictures = tuple(_units(sample, length_bytes) if length_bytes else (sample,) for sample in samples[first:])
    if not pictures:
        raise ClipError("the video track is empty")
    leads = _leads(track, len(samples))[first:]
    return Clip(codec, _fps(track), sets, pictures, frozenset(number - first for number in keys), leads)


def _description(stsd: bytes) -> tuple[Codec, tuple[bytes, ...], int]:
    """Codec, parameter sets, and bytes of the length before each NAL unit (0 for MPEG-4)."""
    kind, begin, end = next(_boxes(stsd, 8, len(stsd)))
    if kind not in _CODECS:
        raise ClipError(f"a track of kind {kind.decode('ascii', 'replace')} is none that simulated cameras send: H.264, H.265, MPEG-4")
    boxes = {name: stsd[start:stop] for name, start, stop in _boxes(stsd, begin + _SAMPLE_ENTRY_BYTES, end)}
    if b"avcC" in boxes:
        return _CODECS[kind], tuple(_avc_sets(boxes[b"avcC"])), (boxes[b"avcC"][4] & 3) + 1
    if b"hvcC" in boxes:
        return _CODECS[kind], tuple(_hevc_sets(boxes[b"hvcC"])), (boxes[b"hvcC"][21] & 3) + 1
    return _CODECS[kind], (_specific_info(boxes[b"esds"]),), 0


def _avc_sets(record: bytes) -> Iterator[bytes]:
    at = 5
    for mask in (0x1F, 0xFF):
        count, at = record[at] & mask, at + 1
        for _ in range(count):
            size = struct.unpack_from(">H", record, at)[0]
            yield record[at + 2 : at + 2 + size]
            at += 2 + size


def _hevc_sets(record: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(record[22]):
        count, at = struct.unpack_from(">H", record, at + 1)[0], at + 3
        for _ in range(count):
            size = struct.unpack_from(">H", record, at)[0]
            yield record[at + 2 : at + 2 + size]
            at += 2 + size


def _specific_info(esds: bytes) -> bytes:
    """The DecoderSpecificInfo among the descriptors (14496-1, 7.2.6)."""
    at = esds.index(_SPECIFIC_INFO, 4 + 5 + 13)
    size, at = 0, at + 1
    while True:
        byte, at = esds[at], at + 1
        size = size << 7 | byte & 0x7F
        if not byte & 0x80:
            return esds[at : at + size]


def _samples(track: dict[bytes, bytes], data: bytes) -> Iterator[bytes]:
    same, count = struct.unpack_from(">II", track[b"stsz"], 4)
    if count > SAMPLES_MAX:
        raise ClipError(f"{count} pictures refused: at most {SAMPLES_MAX}")
    sizes = [same] * count if same else list(struct.unpack_from(f">{count}I", track[b"stsz"], 12))
    offsets = _offsets(track)
    runs = list(struct.iter_unpack(">III", track[b"stsc"][8 : 8 + 12 * struct.unpack_from(">I", track[b"stsc"], 4)[0]]))
    number, run = 0, 0
    for chunk, offset in enumerate(offsets, 1):
        while run + 1 < len(runs) and runs[run + 1][0] <= chunk:
            run += 1
        for size in sizes[number : number + runs[run][1]]:
            yield data[offset : offset + size]
            offset += size
        number += runs[run][1]


def _offsets(track: dict[bytes, bytes]) -> tuple[int, ...]:
    kind, letter = (b"stco", "I") if b"stco" in track else (b"co64", "Q")
    count = struct.unpack_from(">I", track[kind], 4)[0]
    return struct.unpack_from(f">{min(count, SAMPLES_MAX)}{letter}", track[kind], 8)


def _fps(track: dict[bytes, bytes]) -> float:
    scale = struct.unpack_from(">I", track[b"mdhd"], 20 if track[b"mdhd"][0] else 12)[0]
    duration = struct.unpack_from(">I", track[b"stts"], 12)[0]
    return float(min(FPS_MAX, scale / duration))


def _leads(track: dict[bytes, bytes], samples: int) -> tuple[int, ...]:
    """By the composition offsets (14496-12, 8.6.1.3), which version 1 signs; empty without."""
    if b"ctts" not in track:
        return ()
    table = track[b"ctts"]
    each = struct.unpack_from(">I", track[b"stts"], 12)[0]
    count = struct.unpack_from(">I", table, 4)[0]
    leads: list[int] = []
    for run, offset in struct.iter_unpack(">Ii" if table[0] else ">II", table[8 : 8 + 8 * count]):
        leads += [round(offset / each)] * min(run, samples - len(leads))
    if len(leads) != samples:
        raise ClipError("its times of showing do not fit its pictures")
    least = min(leads, default=0)
    return tuple(lead - least for lead in leads)


def _units(sample: bytes, length_bytes: int) -> tuple[bytes, ...]:
    units, at = [], 0
    while at + length_bytes < len(sample):
        size = int.from_bytes(sample[at : at + length_bytes], "big")
        units.append(sample[at + length_bytes : at + length_bytes + size])
        at += length_bytes + size
    return tuple(unit for unit in units if unit)


def clip_of_stream(data: bytes, codec: Codec, fps: float) -> Clip:
    """The pictures of an H.264 or H.265 elementary stream (annex B)."""
    pictures: list[tuple[bytes, ...]] = []
    current: list[bytes] = []
    has_picture = False
    for nal in (part.rstrip(b"\0") for part in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]):
        is_slice, begins = _slice_of(nal, codec)
        if has_picture and (begins or not is_slice):
            pictures.append(tuple(current))
            current, has_picture = [], False
        current.append(nal)
        has_picture = has_picture or is_slice
    pictures.append(tuple(current))
    keys = frozenset(index for index, units in enumerate(pictures) if any(_is_key(nal, codec) for nal in units))
    return Clip(codec, fps, (), tuple(pictures), keys)


def _slice_of(nal: bytes, codec: Codec) -> tuple[bool, bool]:
    """Whether it is a part of a picture, and whether that picture begins with it."""
    if codec is Codec.H264:
        return 1 <= nal[0] & 0x1F <= 5, bool(nal[1] & 0x80)
    return (nal[0] >> 1 & 0x3F) < 32, bool(nal[2] & 0x80)


def _is_key(nal: bytes, codec: Codec) -> bool:
    return nal[0] & 0x1F == 5 if codec is Codec.H264 else 16 <= nal[0] >> 1 & 0x3F <= 21
