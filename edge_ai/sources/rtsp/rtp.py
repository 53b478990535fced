"""RTP packets and their order. Pure. Called by client.py and units.py.

Source: RFC 3550, 5.1 (header) and A.1 (sequence numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

HEADER_BYTES = 12
SEQUENCE_NUMBERS = 1 << 16
REORDER_MAX = 100
"""A packet this many numbers or fewer behind the newest is late or a duplicate; further behind, the numbers began anew."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet."""

    payload_type: int
    sequence: int
    timestamp: int
    has_marker: bool
    """True at the end of a picture."""
    payload: bytes


def read_rtp(data: bytes) -> RtpPacket | None:
    """The packet in `data`; None for what is none."""
    if len(data) < HEADER_BYTES or data[0] >> 6 != 2:
        return None
    begin = HEADER_BYTES + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        if len(data) < begin + 4:
            return None
        begin += 4 + 4 * int.from_bytes(data[begin + 2 : begin + 4], "big")
    end = len(data) - (data[-1] if data[0] & 0x20 else 0)
    if begin >= end:
        return None
    return RtpPacket(data[1] & 0x7F, int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big"), data[1] >= 0x80, data[begin:end])


class SequenceWatch:
    """Notices what is missing between packets."""

    def __init__(self) -> None:
        self._newest: int | None = None

    def missing_before(self, sequence: int) -> int | None:
        """How many packets were lost before this one; None for a late or repeated one, which is to be dropped."""
        if self._newest is None:
            self._newest = sequence
            return 0
        ahead = (sequence - self._newest) % SEQUENCE_NUMBERS
        if ahead == 0 or ahead >= SEQUENCE_NUMBERS - REORDER_MAX:
            return None
        self._newest = sequence
        return ahead - 1
