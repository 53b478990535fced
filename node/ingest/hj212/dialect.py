"""HJ 212 for the door: every packet names its device (MN) and its password (PW), and is answered (9014) when it asks for it.

Called by node/ingest/plane.py.
"""

from __future__ import annotations

from node.ingest.hj212.frame import Framer, framed
from node.ingest.hj212.packet import parse
from node.ingest.report_door import Heard


class Hj212:
    """How environmental monitors speak."""

    name = "hj212"

    def framer(self) -> Framer:
        """A framer for a new connection."""
        return Framer()

    def read(self, segment: bytes) -> Heard:
        """What a data segment says; raises DecodeError."""
        packet = parse(segment)
        if not packet.is_report:
            return Heard(packet.device, packet.password, "", b"")
        answer = framed(packet.answer()) if packet.wants_answer else b""
        return Heard(packet.device, packet.password, f"{self.name}/{packet.system}/{packet.device}", answer)
