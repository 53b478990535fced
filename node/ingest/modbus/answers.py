"""What a Modbus answer may look like before the library reads it. Pure; called by line.py.

The library raises out of its own protocol on bytes it cannot read, which leaves a traceback in the log and no word of what was wrong. So
every whole frame is looked at first, and of a frame that is still coming its header.
Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3; Application Protocol V1.1b3, sections 4.1, 6 and 7.
"""

from __future__ import annotations

_HEADER_BYTES = 7
"""Transaction, protocol, length, unit."""
_COUNTED_FROM = 6
"""The length counts the bytes behind itself."""
_LENGTH_MIN, _LENGTH_MAX = 3, 254
"""Unit, function and one byte; unit and the longest PDU."""
_READS = range(1, 5)
"""Function codes of the four tables."""
_EXCEPTION_BIT = 0x80


def fault_in(received: bytes) -> str | None:
    """What makes bytes from a device no answers to reads; None while they are some, or may become some with the bytes still to come."""
    at = 0
    while len(received) - at >= _COUNTED_FROM:
        protocol, length = (int.from_bytes(received[start : start + 2], "big") for start in (at + 2, at + 4))
        if protocol:
            return f"protocol {protocol} in place of 0"
        if not _LENGTH_MIN <= length <= _LENGTH_MAX:
            return f"a length of {length} bytes"
        end = at + _COUNTED_FROM + length
        if len(received) < end:
            return None
        if fault := _pdu_fault(received[at + _HEADER_BYTES : end]):
            return fault
        at = end
    return None


def _pdu_fault(pdu: bytes) -> str | None:
    function, length = pdu[0], len(pdu)
    if function & ~_EXCEPTION_BIT not in _READS:
        return f"function {function}, which was not asked"
    if function & _EXCEPTION_BIT:
        return None if length == 2 else f"an exception of {length} bytes"
    return None if pdu[1] == length - 2 else f"{length - 2} bytes of values where {pdu[1]} are announced"
