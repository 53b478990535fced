"""A JPEG or PNG without what a camera, a telephone or an editor wrote beside the picture: place, owner, thumbnails, a film behind it.

Golden pictures go wherever their package goes; what is not needed to decode them does not. Owns which parts those are. The pixels are not
coded anew. Called by importing.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_ai.errors import AlgorithmError

_JPEG_KEPT_APPS = frozenset({0xE0, 0xEE})
"""JFIF, and Adobe's word about the colours, without which they come out wrong (ITU T.81, B.2.4; T.872, 6.5.3)."""
_COMMENT, _SCAN, _END, _FILL = 0xFE, 0xDA, 0xD9, 0xFF
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def without_notes(name: str, data: bytes) -> bytes:
    """The picture alone; raises AlgorithmError for one that is cut or damaged.

    A note that says how to turn a picture goes too: it is looked at as its pixels lie.
    """
    try:
        if data.startswith(_PNG_HEAD):
            return _PNG_HEAD + b"".join(_png_parts(data))
        return data[:2] + b"".join(_jpeg_parts(data))
    except IndexError:
        raise AlgorithmError(f"golden picture {name} refused: it is cut or damaged; give a whole JPEG or PNG") from None


def _png_parts(data: bytes) -> Iterator[bytes]:
    at, kind = len(_PNG_HEAD), b""
    while kind != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if len(kind) < 4 or end > len(data):
            raise IndexError
        if kind in _PNG_KEPT:
            yield data[at:end]
        at = end


def _jpeg_parts(data: bytes) -> Iterator[bytes]:
    """Segments up to the end of the picture; what was appended behind it is none of it."""
    at = 2
    while (marker := data[at + 1]) != _END:
        if marker == _FILL:
            at += 1
            continue
        end = at + 2 + ((data[at + 2] << 8) | data[at + 3])
        if data[at] != 0xFF or end < at + 4 or end > len(data):
            raise IndexError
        if marker == _SCAN:
            end = _scan_end(data, end)
        if marker != _COMMENT and (not 0xE0 <= marker <= 0xEF or marker in _JPEG_KEPT_APPS):
            yield data[at:end]
        at = end
    yield data[at : at + 2]


def _scan_end(data: bytes, at: int) -> int:
    """Where the coded pixels end: at the next marker that is neither stuffed nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise IndexError
        if data[at + 1] not in (0x00, _FILL, *range(0xD0, 0xD8)):
            return at
        at += 1 if data[at + 1] == _FILL else 2
