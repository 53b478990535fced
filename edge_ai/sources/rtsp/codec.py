"""The video codecs that the client reads, and what one access unit of them is. Values only.

Called by every module of this room, by edge_ai/sources/decoder.py and edge_ai/sources/packets.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

START_CODE = b"\x00\x00\x00\x01"
"""Before each NAL unit (ITU-T H.264 and H.265, annex B)."""


class Codec(Enum):
    """What a stream is compressed with; the value is its name in SDP."""

    H264 = "H264"
    H265 = "H265"
    MPEG4 = "MP4V-ES"


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What must stay the same for pictures to be neighbours: a change begins a new generation."""

    codec: Codec
    width: int
    height: int
    head: bytes = field(repr=False)
    """The sequence parameter set (H.264, H.265) or the object layer header (MPEG-4); its rate and profile count, too."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """The compressed bytes of one picture, whole and in order."""

    data: bytes = field(repr=False)
    """Annex B for H.264 and H.265; a key unit begins with its parameter sets."""
    is_key: bool
    rtp_time: int
    """The camera's clock, 90 kHz, modulo 2^32: for distances inside one session only, it may jump."""
    format: StreamFormat


class DamagedPacket(Exception):
    """A packet that breaks the rules of its payload: the picture it belongs to is not to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What the packets of one time were put together to."""

    body: bytes = field(repr=False, kw_only=False)
    """As the decoder takes it, without parameter sets."""
    is_key: bool
    """True when decoding may begin here."""
    has_picture: bool
    """False for a time that brought parameter sets only."""
    sets: dict[tuple[int, int], bytes] = field(repr=False)
    """Parameter sets by order and id; each replaces the former one of its key."""


class Payloads(Protocol):
    """How one codec lies in RTP packets. Implementations: H264Payloads, H265Payloads, Mpeg4Payloads."""

    codec: Codec
    delimiter: bytes
    """Bytes after an access unit that tell the decoder that it is whole, so that no picture waits for the next one."""

    def take(self, payload: bytes) -> list[bytes]:
        """The parts that this payload completes; raises DamagedPacket."""

    def begins(self, payload: bytes) -> bool:
        """True for a payload that only the first packet of a picture has: a parameter set or a delimiter."""

    def finish(self) -> None:
        """The picture is at its end; raises DamagedPacket when a part is open."""

    def read(self, parts: list[bytes]) -> Picture:
        """The picture of all parts of one time; raises SourceError for absurd parameter sets."""

    def head_of(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """What the size is read from; empty while it did not come."""

    def size_of(self, head: bytes) -> tuple[int, int]:
        """Width and height in pixels; raises SourceError for absurd ones."""

    def joined(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """The parameter sets as the decoder takes them."""
