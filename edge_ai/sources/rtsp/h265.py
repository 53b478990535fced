"""H.265 in RTP packets: NAL units out of single packets, aggregates and fragments. Pure. Called by units.py.

Source: RFC 7798, 4.4.1 (single), 4.4.2 (AP), 4.4.3 (FU); without DONL fields, which need an sprop-max-don-diff that cameras do not send.
"""

from __future__ import annotations

from edge_ai.sources.rtsp.bits import BitReader, without_emulation
from edge_ai.sources.rtsp.codec import START_CODE, Codec, DamagedPacket, Picture
from edge_ai.sources.rtsp.h264 import split_aggregate
from edge_ai.sources.rtsp.picture_size import h265_size

AGGREGATE, FRAGMENT = 48, 49
VPS, SPS, PPS = 32, 33, 34
SETS = (VPS, SPS, PPS)
KEY_KINDS = range(16, 22)
"""BLA, IDR and CRA: pictures that decoding may begin with (7.4.2.2, IRAP without the reserved)."""
FIRST = (VPS, 35)
DROPPED = frozenset({35, 36, 37, 38})
PICTURE_KINDS = range(32)


class H265Payloads:
    """Takes payloads in order, gives whole NAL units; the parts of a fragmented one are kept until its end."""

    codec = Codec.H265
    delimiter = START_CODE + b"\x46\x01\x50"

    def __init__(self) -> None:
        self._fragment: bytearray | None = None

    def take(self, payload: bytes) -> list[bytes]:
        """The NAL units that this payload completes; raises DamagedPacket."""
        if len(payload) < 3 or payload[0] & 0x80:
            self._fragment = None
            raise DamagedPacket("a packet that is too short, or that the camera itself marked as damaged")
        kind = _kind(payload)
        if kind == FRAGMENT:
            return self._fragmented(payload)
        self.finish()
        if kind == AGGREGATE:
            return split_aggregate(payload[2:])
        if kind < AGGREGATE:
            return [payload]
        raise DamagedPacket(f"packets of kind {kind} are not read")

    def begins(self, payload: bytes) -> bool:
        """True for a parameter set or delimiter, alone or first in an aggregate."""
        first = payload[4:5] if _kind(payload) == AGGREGATE else payload[:1]
        return bool(first) and _kind(first) in FIRST

    def finish(self) -> None:
        """The picture is at its end: an open fragment is damage."""
        if self._fragment is not None:
            self._fragment = None
            raise DamagedPacket("a fragmented unit without its end")

    def _fragmented(self, payload: bytes) -> list[bytes]:
        begins, ends = payload[2] & 0x80, payload[2] & 0x40
        if begins:
            self.finish()
            self._fragment = bytearray([payload[0] & 0x81 | (payload[2] & 0x3F) << 1, payload[1]])
        if self._fragment is None:
            raise DamagedPacket("a fragment without its begin")
        self._fragment += payload[3:]
        if not ends:
            return []
        whole, self._fragment = bytes(self._fragment), None
        return [whole]

    def read(self, parts: list[bytes]) -> Picture:
        """The picture of all units of one time; raises SourceError for absurd parameter sets."""
        kept = [nal for nal in parts if _kind(nal) not in DROPPED]
        sets = {(_kind(nal), _set_id(nal)): nal for nal in kept if _kind(nal) in SETS}
        pictures = [nal for nal in kept if _kind(nal) not in SETS]
        kinds = [_kind(nal) for nal in pictures]
        body = b"".join(START_CODE + nal for nal in pictures)
        return Picture(
            body, is_key=any(kind in KEY_KINDS for kind in kinds), has_picture=any(kind in PICTURE_KINDS for kind in kinds), sets=sets
        )

    def head_of(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """The sequence parameter set; empty while none came."""
        return next((nal for (kind, _), nal in sorted(sets.items()) if kind == SPS), b"")

    def size_of(self, head: bytes) -> tuple[int, int]:
        """Width and height in pixels; raises SourceError for absurd ones."""
        return h265_size(head)

    def joined(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """The parameter sets as the decoder takes them: video, sequence, picture."""
        return b"".join(START_CODE + nal for _, nal in sorted(sets.items()))


def _kind(nal: bytes) -> int:
    return nal[0] >> 1 & 0x3F


def _set_id(nal: bytes) -> int:
    # The id of a sequence set lies behind its profile; cameras have one.
    return BitReader(without_emulation(nal[2:34])).unsigned() if _kind(nal) == PPS else 0
