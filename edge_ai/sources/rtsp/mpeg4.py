"""MPEG-4 visual (part 2) in RTP packets: the bytes of a picture, cut where the sender liked. Pure. Called by units.py.

Sources: RFC 6416, 5; ISO/IEC 14496-2:2004, 6.2 (start codes).
"""

from __future__ import annotations

from edge_ai.sources.rtsp.codec import Codec, DamagedPacket, Picture
from edge_ai.sources.rtsp.picture_size import mpeg4_size

_PREFIX = b"\x00\x00\x01"
_LAYERS = range(0x20, 0x30)
_GROUP, _PICTURE = 0xB3, 0xB6
_HEAD = (0, 0)


class Mpeg4Payloads:
    """Payloads are parts as they are; a picture that lacks one is seen by the sequence numbers."""

    codec = Codec.MPEG4
    delimiter = _PREFIX + b"\xb2"
    """An empty user data section."""

    def take(self, payload: bytes) -> list[bytes]:
        """The payload itself; raises DamagedPacket for an empty one."""
        if not payload:
            raise DamagedPacket("an empty packet")
        return [payload]

    def begins(self, payload: bytes) -> bool:
        """True where a header stands before the picture."""
        return payload[:3] == _PREFIX and len(payload) > 3 and payload[3] != _PICTURE

    def finish(self) -> None:
        """Nothing is ever open."""

    def read(self, parts: list[bytes]) -> Picture:
        """The picture of all parts of one time; the layer header before it becomes its parameter set."""
        data = b"".join(parts)
        codes = _start_codes(data)
        picture_at = next((at for at, code in codes if code == _PICTURE), len(data))
        begins = min((at for at, code in codes if code in (_GROUP, _PICTURE)), default=len(data))
        has_head = any(code in _LAYERS for at, code in codes if at < begins)
        kind = data[picture_at + 4 : picture_at + 5]
        return Picture(
            data[begins:] if has_head else data,
            is_key=bool(kind) and kind[0] >> 6 == 0,
            has_picture=bool(kind),
            sets={_HEAD: data[:begins]} if has_head else {},
        )

    def head_of(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """Everything before the pictures; empty while none came."""
        return sets.get(_HEAD, b"")

    def size_of(self, head: bytes) -> tuple[int, int]:
        """Width and height in pixels; raises SourceError for absurd ones."""
        layer_at = next((at for at, code in _start_codes(head) if code in _LAYERS), len(head))
        return mpeg4_size(head[layer_at + 4 :])

    def joined(self, sets: dict[tuple[int, int], bytes]) -> bytes:
        """The header as the decoder takes it."""
        return self.head_of(sets)


def _start_codes(data: bytes) -> list[tuple[int, int]]:
    """Place and code of each start code up to the first picture, which is the last that matters."""
    found: list[tuple[int, int]] = []
    at = data.find(_PREFIX)
    while 0 <= at < len(data) - 3:
        found.append((at, data[at + 3]))
        if data[at + 3] == _PICTURE:
            break
        at = data.find(_PREFIX, at + 3)
    return found
