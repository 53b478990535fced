"""Values looked for in bytes: as they are written, and inside whatever is compressed there.

Owns the forms in which a value may be written and the unfolding of compressed parts. Shares no code with the product's readers, so that a
mistake of theirs hides nothing. What is encrypted stays unseen. Called by simulations/leaks/folder.py and by whoever taps frames.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Collection, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from simulations.leaks.frames import UNFOLDED_BYTES_MAX, Kind, unfold_frame

Value = str | int | float
"""What is looked for; the caller makes it unlike anything else (a text of 8 characters and more, an int past 2**40)."""

DEPTH_MAX = 3
"""Compressed parts inside compressed parts."""
HEAD_BYTES = 4
"""Of a form, by which it is looked for first."""

Packed = Literal["gzip", "zlib", "zip"]

_FRAME_MAGICS: dict[bytes, Kind] = {b"\x04\x22\x4d\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd"}
"""Of the kinds in which rows are written to SQLite and to links."""
_PACKED_MAGICS: dict[bytes, Packed] = {
    b"\x1f\x8b\x08": "gzip",
    b"\x78\x01": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
    b"PK\x03\x04": "zip",
}
_HEAD_WEIGHTS = np.array([1 << 24, 1 << 16, 1 << 8, 1], np.uint32)
_ZIP_HEADER = struct.Struct("<4s5H3I2H")
_ZIP_DEFLATED = 8
_RAW_DEFLATE = -15


def forms_of(value: Value) -> tuple[bytes, ...]:
    """The bytes that a value is written as: text, text in JSON, and for numbers the eight bytes of columns and of SQLite."""
    if isinstance(value, str):
        found = (value.encode(), json.dumps(value)[1:-1].encode(), value.encode("utf-16-le"))
        return tuple(dict.fromkeys(found))
    kinds = ("<q", ">q") if isinstance(value, int) else ("<d", ">d")
    return (repr(value).encode(), *(struct.pack(kind, value) for kind in kinds))


class Needles:
    """Values with their forms, looked for all at once."""

    def __init__(self, values: Collection[Value]) -> None:
        self.values = tuple(values)
        self._forms: dict[int, list[tuple[Value, bytes]]] = {}
        self._pairs = np.zeros(1 << 16, np.bool_)
        for value in self.values:
            for form in forms_of(value):
                if len(form) < HEAD_BYTES:
                    raise ValueError(f"value {value!r} refused: it would be found everywhere")
                self._forms.setdefault(int.from_bytes(form[:HEAD_BYTES], "big"), []).append((value, form))
                self._pairs[int.from_bytes(form[:2], "big")] = True
        self._heads = np.array(sorted(self._forms), np.uint32)

    def _is_head(self, heads: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        if not len(self._heads):
            return np.zeros(len(heads), np.bool_)
        found: npt.NDArray[np.bool_] = self._heads[np.minimum(np.searchsorted(self._heads, heads), len(self._heads) - 1)] == heads
        return found

    def plain(self, data: bytes) -> frozenset[Value]:
        """Values that stand in `data` as it is."""
        read = np.frombuffer(data, np.uint8)
        if len(read) < HEAD_BYTES:
            return frozenset()
        places = np.flatnonzero(self._pairs[read[: 1 - HEAD_BYTES].astype(np.uint16) << 8 | read[1 : 2 - HEAD_BYTES]])
        windows = np.stack([read[places + index] for index in range(HEAD_BYTES)], axis=1)
        heads = windows.astype(np.uint32) @ _HEAD_WEIGHTS
        chosen = self._is_head(heads)
        return frozenset(
            value
            for place, head in zip(places[chosen].tolist(), heads[chosen].tolist(), strict=True)
            for value, form in self._forms[head]
            if data.startswith(form, place)
        )

    def inside(self, data: bytes) -> frozenset[Value]:
        """Values that stand in `data`, or in what is compressed in it."""
        found = self.plain(data)
        for text in unfolded(data):
            found |= self.plain(text)
        return found


def unfolded(data: bytes, *, depth: int = DEPTH_MAX) -> Iterator[bytes]:
    """Every compressed part that begins in `data`, unfolded as far as it is whole, and the parts inside those."""
    for place, kind in (*framed_places(data), *_packed_places(data)):
        text = unfold(data, place, kind)
        if text:
            yield text
            if depth > 1:
                yield from unfolded(text, depth=depth - 1)


def framed_places(data: bytes) -> Iterator[tuple[int, Kind]]:
    """Where lz4 and zstd frames may begin, and of which kind."""
    for magic, kind in _FRAME_MAGICS.items():
        yield from ((place, kind) for place in _places(data, magic))


def _packed_places(data: bytes) -> Iterator[tuple[int, Packed]]:
    """The same for what other programs write; two bytes that look like a beginning are often none."""
    for magic, kind in _PACKED_MAGICS.items():
        yield from ((place, kind) for place in _places(data, magic))


def _places(data: bytes, magic: bytes) -> Iterator[int]:
    place = data.find(magic)
    while place >= 0:
        yield place
        place = data.find(magic, place + 1)


def unfold(data: bytes, place: int, kind: Kind | Packed) -> bytes:
    """What is compressed in `data` from `place` on, up to where it ends or is damaged; empty when nothing is."""
    if kind == "lz4" or kind == "zstd":
        return unfold_frame(io.BytesIO(memoryview(data)[place:]), kind)
    if kind == "zip":
        return _zip_member(data, place)
    return _inflated(memoryview(data)[place:], zlib.MAX_WBITS | (16 if kind == "gzip" else 0))


def _inflated(data: memoryview, bits: int) -> bytes:
    reader = zlib.decompressobj(bits)
    try:
        return reader.decompress(data, UNFOLDED_BYTES_MAX)
    except zlib.error:
        return b""


def _zip_member(data: bytes, place: int) -> bytes:
    if len(data) < place + _ZIP_HEADER.size:
        return b""
    head = _ZIP_HEADER.unpack_from(data, place)
    method, name_bytes, extra_bytes = head[3], head[9], head[10]
    begin = place + _ZIP_HEADER.size + name_bytes + extra_bytes
    return _inflated(memoryview(data)[begin:], _RAW_DEFLATE) if method == _ZIP_DEFLATED else b""
