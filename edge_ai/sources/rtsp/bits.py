"""Reads fixed and Exp-Golomb coded numbers from parameter sets. Called by picture_size.py.

Source: ITU-T H.264 (08/2021), 7.2 and 9.1; the same codes serve H.265.
"""

from __future__ import annotations

from edge_ai.errors import SourceError
from edge_ai.reasons import reason

EXP_GOLOMB_ZEROS_MAX = 31


class BitReader:
    """Bits of `data`, most significant first; reading past the end raises SourceError."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def bits(self, count: int) -> int:
        """The next `count` bits as a number."""
        if count > self._left:
            raise SourceError(reason("sets-short"))
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit."""
        return self.bits(1) == 1

    def unsigned(self) -> int:
        """The next ue(v)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > EXP_GOLOMB_ZEROS_MAX:
                raise SourceError(reason("sets-number"))
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """The next se(v)."""
        code = self.unsigned()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def without_emulation(nal: bytes) -> bytes:
    """The raw payload of a NAL unit: 00 00 03 becomes 00 00 (7.4.1)."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")
