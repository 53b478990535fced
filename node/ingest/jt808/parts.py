"""Messages of JT/T 808 that come in parts (section 4.4.3), put together: each part carries its number and how many there are.

A whole message leaves as one with part number 0, which never stands on the wire. Bounded: so many messages at once and so many parts
each; the oldest unfinished message makes room and is counted. Pure; called by the dialect's framer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from node.ingest.jt808.frame import Framer
from node.ingest.jt808.packet import DIVIDED_BIT, header_bytes

PARTS_MAX = 16
"""Parts of one message: 16 KiB, room for hundreds of positions."""
UNFINISHED_MAX = 4
"""Messages of one connection of which parts are missing."""
_PART = struct.Struct(">HH")

Key = tuple[bytes, int]
"""Kind and terminal as they stand in the header, and the number of parts."""


class JoiningFramer(Framer):
    """One stream's bytes, cut into messages, those in parts put together."""

    def __init__(self) -> None:
        super().__init__()
        self._unfinished: dict[Key, dict[int, bytes]] = {}
        """Parts by their number; the message that was touched last stands last."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole with `data`, in order; take all before the next call."""
        for message in super().feed(data):
            if not int.from_bytes(message[2:4], "big") & DIVIDED_BIT:
                yield message
            elif (whole := self._joined(message)) is not None:
                yield whole

    def _joined(self, message: bytes) -> bytes | None:
        """The whole message when this was its last missing part."""
        head = header_bytes(message)
        if len(message) < head + _PART.size:
            self.damaged += 1
            return None
        total, number = _PART.unpack_from(message, head)
        if not 0 < number <= total <= PARTS_MAX:
            self.damaged += 1
            return None
        # Kind, version and terminal; the two bytes of properties hold the length of this part, the last two are its own serial number.
        key = (message[:2] + message[4 : head - 2], total)
        parts = self._unfinished.pop(key, {})
        parts[number] = message
        if len(parts) < total:
            self._keep(key, parts)
            return None
        first = parts[1]
        bodies = b"".join(parts[index][head + _PART.size :] for index in range(1, total + 1))
        return first[:head] + _PART.pack(total, 0) + bodies

    def _keep(self, key: Key, parts: dict[int, bytes]) -> None:
        if len(self._unfinished) >= UNFINISHED_MAX:
            oldest = next(iter(self._unfinished))
            del self._unfinished[oldest]
            self.damaged += 1
        self._unfinished[key] = parts
