"""Compressed frames cut to their length, from a source in which anything may follow, and unfolded as far as they are whole.

A decompressor that reads past the end of a frame fails and gives back nothing of what it had. Sources: LZ4 Frame Format 1.6.2; RFC 8878,
section 3.1.1 (zstd). Called by simulations/leaks/search.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Literal

import pyarrow as pa

UNFOLDED_BYTES_MAX = 64 << 20
"""One frame unfolds to no more: what comes after is not read."""
STEP_BYTES = 512
"""Read from a damaged frame at once: what came before the damage is kept but for the last step."""

Kind = Literal["lz4", "zstd"]

_ZSTD_SIZE_BYTES = (0, 2, 4, 8)
_ZSTD_RUN, _ZSTD_RESERVED = 1, 3
_LZ4_PLAIN = 1 << 31
_LZ4_BLOCK_MAX = 4 << 20


def unfold_frame(source: BinaryIO, kind: Kind) -> bytes:
    """What the frame that begins at the position of `source` unfolds to, up to its end or its damage; empty when it is none."""
    parts, size = [], 0
    for part in _CUTTERS[kind](source):
        parts.append(part)
        size += len(part)
        if size > UNFOLDED_BYTES_MAX:
            break
    frame = b"".join(parts)
    try:
        with pa.CompressedInputStream(pa.BufferReader(frame), kind) as stream:
            return bytes(stream.read(UNFOLDED_BYTES_MAX))
    except OSError:
        return _until_damage(frame, kind)


def _until_damage(frame: bytes, kind: Kind) -> bytes:
    parts: list[bytes] = []
    try:
        with pa.CompressedInputStream(pa.BufferReader(frame), kind) as stream:
            while len(parts) * STEP_BYTES < UNFOLDED_BYTES_MAX and (part := stream.read(STEP_BYTES)):
                parts.append(part)
    except OSError:
        return b"".join(parts)  # cut off or damaged here: what came before counts
    return b"".join(parts)


def _lz4(source: BinaryIO) -> Iterator[bytes]:
    head = source.read(7)
    if len(head) < 7:
        return
    flags = head[4]
    yield head + source.read((8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0))
    while len(size := source.read(4)) == 4:
        block = int.from_bytes(size, "little")
        if block == 0:
            yield size + source.read(4 if flags & 0x04 else 0)
            return
        length = block & ~_LZ4_PLAIN
        if length > _LZ4_BLOCK_MAX:
            return
        yield size + source.read(length + (4 if flags & 0x10 else 0))


def _zstd(source: BinaryIO) -> Iterator[bytes]:
    head = source.read(5)
    if len(head) < 5:
        return
    flags = head[4]
    is_single = flags & 0x20
    size_bytes = _ZSTD_SIZE_BYTES[flags >> 6] or (1 if is_single else 0)
    yield head + source.read((0 if is_single else 1) + (0, 1, 2, 4)[flags & 3] + size_bytes)
    while len(block := source.read(3)) == 3:
        word = int.from_bytes(block, "little")
        kind, size = word >> 1 & 3, word >> 3
        if kind == _ZSTD_RESERVED:
            return
        yield block + source.read(1 if kind == _ZSTD_RUN else size)
        if word & 1:
            yield source.read(4 if flags & 0x04 else 0)
            return


_CUTTERS: dict[Kind, Callable[[BinaryIO], Iterator[bytes]]] = {"lz4": _lz4, "zstd": _zstd}
