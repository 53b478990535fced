"""JT/T 808 for the door: a vehicle registers, logs in with its code, and reports positions; everything it says is answered.

The user of the password file is the terminal's number, the password its code. A registration gives out a code only where anyone is let in:
elsewhere codes are set at the terminal, because the file does not hold them. Called by node/ingest/plane.py.
"""

from __future__ import annotations

from node.ingest.jt808.frame import framed
from node.ingest.jt808.packet import Kind, Packet, Registered, Result, parse
from node.ingest.jt808.parts import JoiningFramer
from node.ingest.report_door import Heard


class Jt808:
    """How vehicles speak; `gives_codes` where anyone is let in."""

    name = "jt808"

    def __init__(self, *, gives_codes: bool) -> None:
        self._gives_codes = gives_codes

    def framer(self) -> JoiningFramer:
        """A framer for a new connection."""
        return JoiningFramer()

    def read(self, segment: bytes) -> Heard:
        """What a message says; raises DecodeError."""
        packet = parse(segment)
        done, failed, unsupported = (
            b"".join(map(framed, packet.general_answers(result))) for result in (Result.DONE, Result.FAILED, Result.UNSUPPORTED)
        )
        match packet.kind:
            case Kind.REGISTER:
                return Heard(packet.phone, None, "", framed(self._registered(packet)), is_greeting=True)
            case Kind.LOGIN:
                return Heard(packet.phone, packet.code, "", done, failed)
            case Kind.POSITION | Kind.POSITIONS:
                return Heard(packet.phone, None, f"{self.name}/{packet.phone}", done, failed)
            case Kind.HEARTBEAT | Kind.LOGOUT:
                return Heard(packet.phone, None, "", done, failed)
        return Heard(packet.phone, None, "", unsupported, failed)

    def _registered(self, packet: Packet) -> bytes:
        """The answer to a registration; the code that is given out is the terminal's own number, because any is let in there."""
        if self._gives_codes:
            return packet.register_answer(Registered.DONE, packet.phone)
        return packet.register_answer(Registered.KNOWN)
