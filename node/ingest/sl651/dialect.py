"""SL 651-2014 for the door: every frame names its station and its password, and a report is answered once it is stored.

The end byte of the answer lets a station leave the line, because most live from a battery. A link keeper (2F) is not answered, as the
standard says. Called by node/ingest/plane.py.
"""

from __future__ import annotations

from node.ingest.report_door import Heard
from node.ingest.sl651.frame import EOT, Framer
from node.ingest.sl651.packet import UPLOADS, parse


class Sl651:
    """How hydrological stations speak."""

    name = "sl651"

    def framer(self) -> Framer:
        """A framer for a new connection."""
        return Framer()

    def read(self, segment: bytes) -> Heard:
        """What a frame says; raises DecodeError."""
        packet = parse(segment)
        topic = f"{self.name}/{packet.device}" if packet.function in UPLOADS else ""
        return Heard(packet.device, packet.password.hex().upper(), topic, packet.answer(EOT) if topic else b"")
