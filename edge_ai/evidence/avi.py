"""Pictures as a Motion JPEG file that any player opens: AVI with one video stream and an index. Pure, no codec.

Called by clip.py. Source: Microsoft, AVI RIFF File Reference; a file below 1 GB needs no OpenDML part.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_KEY_FRAME = 0x10
_HAS_INDEX = 0x10


def avi_of(jpegs: Sequence[bytes], *, width: int, height: int, fps: float) -> bytes:
    """The file of `jpegs`, all of one size, shown `fps` a second."""
    assert jpegs, "a film has a picture"
    largest = max(len(jpeg) for jpeg in jpegs)
    period_us = round(1e6 / fps)
    main = struct.pack(
        "<14I", period_us, round(largest * fps), 0, _HAS_INDEX, len(jpegs), 0, 1, largest, width, height, 0, 0, 0, 0
    )  # fmt: skip
    stream = b"vidsMJPG" + struct.pack(
        "<IHHIIIIIIII4H", 0, 0, 0, 0, 1_000_000, round(fps * 1_000_000), 0, len(jpegs), largest, 0xFFFFFFFF, 0, 0, 0, width, height
    )  # fmt: skip
    picture = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3, 0, 0, 0, 0)
    header = _list(b"hdrl", _chunk(b"avih", main) + _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", picture)))
    pictures, index = bytearray(), bytearray()
    for jpeg in jpegs:
        index += b"00dc" + struct.pack("<III", _KEY_FRAME, 4 + len(pictures), len(jpeg))
        pictures += _chunk(b"00dc", jpeg)
    body = header + _list(b"movi", bytes(pictures)) + _chunk(b"idx1", bytes(index))
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"AVI " + body


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\x00" * (len(data) % 2)


def _list(name: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", name + data)
