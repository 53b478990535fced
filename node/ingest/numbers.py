"""Numbers as they stand in bytes: one declared shape, read and scaled. Pure; called by declared decoders and by Modbus."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from node.ingest.errors import DecodeError
from node.ingest.fields import checked_number, checked_text

SIZES: Mapping[str, int] = {
    "uint8": 1,
    "int8": 1,
    "uint16": 2,
    "int16": 2,
    "uint24": 3,
    "int24": 3,
    "uint32": 4,
    "int32": 4,
    "uint64": 8,
    "int64": 8,
    "float32": 4,
    "float64": 8,
}
"""Bytes by type; bcd, text and skip have the length that is declared."""
Endian = Literal["big", "little"]
SIZELESS = frozenset({"bcd", "text", "skip"})


@dataclass(frozen=True, slots=True)
class Shape:
    """How one value stands in bytes."""

    type: str
    size: int
    endian: Endian = "big"
    bits: tuple[int, int] | None = None
    """First and last bit of a whole number, 0 is the lowest; None for all."""
    scale: float = 1.0
    offset: float = 0.0
    none: frozenset[int] = frozenset()
    """Raw numbers that say that there is no value."""
    states: Mapping[str, str] = field(default_factory=dict)
    """Words for raw numbers that are states."""

    def read(self, data: bytes) -> tuple[float | None, str | None] | None:
        """Value and text of `size` bytes; None when they say that there is none. Raises DecodeError."""
        assert len(data) == self.size, "the caller cuts the bytes"
        if self.type == "text":
            return None, checked_text(_text(data))
        raw = self._raw(data)
        if raw is None or raw in self.none:
            return None
        if self.bits is not None and isinstance(raw, int):
            first, last = self.bits
            raw = (raw >> first) & ((1 << (last - first + 1)) - 1)
        return checked_number(_scaled(raw, self.scale) + self.offset), self.states.get(word_of(raw))

    def _raw(self, data: bytes) -> int | float | None:
        if self.type == "bcd":
            digits = (data if self.endian == "big" else data[::-1]).hex()
            if not digits.isdigit():
                raise DecodeError("bad_value", f"{digits!r} are not packed decimal digits")
            return int(digits)
        if self.type.startswith("float"):
            order = ">" if self.endian == "big" else "<"
            (number,) = struct.unpack(f"{order}{'f' if self.size == 4 else 'd'}", data)
            return None if math.isnan(number) else number
        return int.from_bytes(data, self.endian, signed=self.type.startswith("int"))


def word_of(raw: float) -> str:
    """A raw number as the keys of `states` write it."""
    return str(raw) if isinstance(raw, int) else f"{raw:g}"


def _scaled(raw: float, scale: float) -> float:
    """`raw * scale`; a scale of one part in n divides, so that 235 tenths are 23.5 and not a neighbour of it."""
    parts = 1 / scale
    return raw / round(parts) if scale < 1 and abs(parts - round(parts)) < 1e-9 * parts else raw * scale


def _text(data: bytes) -> str:
    try:
        return data.rstrip(b"\x00").decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("not_text", "bytes that are declared text are not UTF-8") from None
