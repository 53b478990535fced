"""Pictures into RTP packets, as cameras send them: the opposite of edge_ai/sources/rtsp. Pure. Called by rtsp_camera.py and tests.

Sources: RFC 6184 5.8, RFC 7798 4.4.3, RFC 6416 5, RFC 3550 5.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edge_ai.sources.rtsp.codec import Codec

PAYLOAD_BYTES = 1_400
PAYLOAD_TYPE = 96


def payloads_of(parts: Sequence[bytes], codec: Codec, size: int = PAYLOAD_BYTES) -> Iterator[bytes]:
    """The payloads of one picture, in order."""
    for part in parts:
        if len(part) <= size:
            yield part
        elif codec is Codec.MPEG4:
            yield from (part[at : at + size] for at in range(0, len(part), size))
        else:
            yield from _fragments(part, codec, size)


def _fragments(nal: bytes, codec: Codec, size: int) -> Iterator[bytes]:
    head = 1 if codec is Codec.H264 else 2
    body = nal[head:]
    for at in range(0, len(body), size):
        edge = (0x80 if at == 0 else 0) | (0x40 if at + size >= len(body) else 0)
        if codec is Codec.H264:
            indicator = bytes([nal[0] & 0xE0 | 28, edge | nal[0] & 0x1F])
        else:
            indicator = bytes([nal[0] & 0x81 | 49 << 1, nal[1], edge | nal[0] >> 1 & 0x3F])
        yield indicator + body[at : at + size]


@dataclass(slots=True)
class RtpWriter:
    """Numbers the packets of one stream."""

    ssrc: int
    sequence: int = 0

    def packet(self, payload: bytes, *, timestamp: int, is_last: bool) -> bytes:
        """The next packet."""
        self.sequence = (self.sequence + 1) % 65_536
        head = bytes([0x80, PAYLOAD_TYPE | (0x80 if is_last else 0)])
        return head + self.sequence.to_bytes(2, "big") + (timestamp % (1 << 32)).to_bytes(4, "big") + self.ssrc.to_bytes(4, "big") + payload

    def lose(self) -> None:
        """A packet that never arrives."""
        self.sequence = (self.sequence + 1) % 65_536
