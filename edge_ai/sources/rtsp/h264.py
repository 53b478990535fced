"""H.264 in RTP packets: NAL units out of single packets, aggregates and fragments. Pure. Called by units.py.

Source: RFC 6184, 5.6 (single), 5.7.1 (STAP-A), 5.8 (FU-A); interleaved mode (STAP-B, MTAP, FU-B) is refused, cameras do not send it.
"""

from __future__ import annotations

from edge_ai.sources.rtsp.bits import BitReader, without_emulation
from edge_ai.sources.rtsp.codec import START_CODE, Codec, DamagedPacket, Picture
from edge_ai.sources.rtsp.picture_size import h264_size

STAP_A, FU_A = 24, 28
SINGLE_MAX = 23
SLICE, IDR, SPS, PPS = 1, 5, 7, 8
FIRST = (SPS, 9)
DROPPED = frozenset({9, 10, 11, 12})
"""Delimiters and filler: the decoder gets delimiters of ours."""


class H264Payloads:
    """Takes payloads in order, gives whole NAL units; the parts of a fragmented one are kept until its end."""

    codec = Codec.H264
    delimiter = START_CODE + b"\x09\xf0"

    def __init__(self) -> None:
        self._fragment: bytearray | None = None

    def take(self, payload: bytes) -> list[bytes]:
        """The NAL units that this payload completes; raises DamagedPacket."""
        if not payload or payload[0] & 0x80:
            self._fragment = None
            raise DamagedPacket("an empty packet, or one that the camera itself marked as damaged")
        kind = payload[0] & 0x1F
        if kind == FU_A:
            return self._fragmented(payload)
        self.finish()
        if 1 <= kind <= SINGLE_MAX:
            return [payload]
        if kind == STAP_A:
            return split_aggregate(payload[1:])
        raise DamagedPacket(f"packets of kind {kind} are not read")

    def begins(self, payload: bytes) -> bool:
        """True for a parameter set or delimiter, alone or first in an aggregate."""
        first = payload[3:4] if payload[0] & 0x1F == STAP_A else payload[:1]
        return bool(first) and first[0] & 0x1F in FIRST

    def finish(self) -> None:
        """The picture is at its end: an open fragment is damage."""
        if self._fragment is not None:
            self._fragment = None
            raise DamagedPacket("a fragmented unit without its end")

    def _fragmented(self, payload: bytes) -> list[bytes]:
        if len(payload) < 3:
            raise DamagedPacket("an empty fragment")
        begins, ends = payload[1] & 0x80, payload[1] & 0x40
        if begins:
            self.finish()
            self._fragment = bytearray([payload[0] & 0xE0 | payload[1] & 0x1F])
        if self._fragment is None:
            raise DamagedPacket("a fragment without its begin")
        self._fragment += payload[2:]
        if not ends:
            return []
        whole, self._fragment = bytes(self._fragment), None
        return [whole]

    def read(self, parts: list[bytes]) -> Picture:
        """The picture of all units of one time; raises SourceError for absurd parameter sets."""
        kept = [nal for nal in parts if nal[0] & 0x1F not in DROPPED]
        kinds = [nal[0] & 0x1F for nal in kept]
        sets = {(kind, _set_id(kind, nal)): nal for kind, nal in zip(kinds, kept, strict=True) if kind in (SPS, PPS)}
        body = b"".join(START_CODE + nal for kind, nal in zip(kinds, kept, strict=True) if kind not in (SPS, PPS))
        return Picture(body, is_key=IDR in kinds, has_picture=any(SLICE <= kind <= IDR for kind in kinds), sets=sets)

    def head_of(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """The sequence parameter set; empty while none came."""
        return next((nal for (kind, _), nal in sorted(sets.items()) if kind == SPS), b"")

    def size_of(self, head: bytes) -> tuple[int, int]:
        """Width and height in pixels; raises SourceError for absurd ones."""
        return h264_size(head)

    def joined(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """The parameter sets as the decoder takes them, sequence before picture."""
        return b"".join(START_CODE + nal for _, nal in sorted(sets.items()))


def _set_id(kind: int, nal: bytes) -> int:
    return BitReader(without_emulation(nal[4:36] if kind == SPS else nal[1:33])).unsigned()


def split_aggregate(data: bytes) -> list[bytes]:
    """NAL units that each follow a length of two bytes (RFC 6184 5.7.1, RFC 7798 4.4.2)."""
    units, at = [], 0
    while at + 2 < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        if size == 0 or at + 2 + size > len(data):
            raise DamagedPacket("an aggregate whose lengths do not fit")
        units.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    if at != len(data) or not units:
        raise DamagedPacket("an aggregate whose lengths do not fit")
    return units
