"""One MQTT connection of the sensor door: bytes in, packets to the receiving and sending halves of its session, bytes out.

A state machine over asyncio.Protocol without a task of its own. Owns the phases of a connection, CONNECT, keep alive and when reading
stops; what is published is inbound.py's, what is handed out is outbound.py's. Made by node/ingest/door.py.
"""

from __future__ import annotations

import asyncio
import ssl
from enum import Enum
from typing import TYPE_CHECKING

from node.ingest.errors import PacketError
from node.ingest.mqtt.greeting import MQTT5, MQTT311, GreetingError, common_name, read_connect
from node.ingest.mqtt.inbound import Inbound
from node.ingest.mqtt.outbound import INFLIGHT_MAX, Link
from node.ingest.mqtt.packets import (
    PINGRESP,
    Accepted,
    Ack,
    AckKind,
    Codec,
    Connect,
    Disconnect,
    Goodbye,
    Packet,
    PingRequest,
    Publish,
    Refusal,
    Subscribe,
    Unsubscribe,
)
from node.ingest.mqtt.session import Session
from node.ingest.mqtt.subscribing import subscribe, unsubscribe

if TYPE_CHECKING:
    from node.ingest.door import Door

CONNECT_TIMEOUT_S = 10.0
"""Seconds from opening a connection to a whole CONNECT."""
PACKET_TIMEOUT_S = 60.0
"""Seconds from the first byte of a packet to its last."""
CLOSE_TIMEOUT_S = 5.0
"""Seconds a closing connection may take to hand over what was written."""
KEEP_ALIVE_FACTOR = 1.5
"""Silence, in keep-alive periods, after which a client counts as gone (section 3.1.2.10 of MQTT 3.1.1)."""

_GOODBYES = {goodbye.value: goodbye for goodbye in Goodbye}
_REFUSALS = {refusal.value: refusal for refusal in (Refusal.VERSION, Refusal.CLIENT_ID)}
_NOTHING = b""


class Phase(Enum):
    """Where a connection stands."""

    OPENING = "opening"
    AUTHENTICATING = "authenticating"
    OPEN = "open"
    CLOSED = "closed"


class Connection(asyncio.BufferedProtocol):
    """One client of the door. Bytes come through the door's one buffer, so that a read of a few takes no room for many."""

    # Ten thousand of them may be idle: what most never need is made when it is needed.
    __slots__ = (
        "_acks", "_asked", "_begun", "_buffer", "_codec", "_door", "_heard_at", "_inbound", "_is_due", "_is_waiting_room",
        "_is_write_paused", "_keep_alive_s", "_loop", "_partial_at", "_timer", "_transport", "client_id", "phase", "session",
    )  # fmt: skip

    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._buffer = _NOTHING
        self._begun = 0
        """Where in the buffer what is not taken begins."""
        self._acks = _NOTHING
        """Acknowledgements that leave at the end of this turn of the loop."""
        self._codec: Codec = MQTT311
        self._inbound: Inbound | None = None
        self._asked: Connect | None = None
        """The CONNECT of a v5 client, for the bounds it set."""
        self._is_waiting_room = False
        self._is_write_paused = False
        self._is_due = False
        """True while packets that are here wait for the next turn of the loop."""
        self._keep_alive_s = 0.0
        self._heard_at = 0.0
        self._partial_at = 0.0
        """When the packet began of which a part is here; 0 for none."""
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self.phase = Phase.OPENING
        self.client_id = ""
        self.session: Session | None = None
        """What the door knows of the client; None before it is let in and when the connection is over."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open (and its TLS done)."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._door.opened(self)
        self._timer = self._loop.call_later(CONNECT_TIMEOUT_S, self._connect_timeout)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the other end."""
        host, port = self._transport.get_extra_info("peername")[:2]
        return host, port

    @property
    def certified_name(self) -> str:
        """The common name in the subject of the client's certificate, which TLS has verified; empty without one."""
        tls = self._transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert() if isinstance(tls, ssl.SSLObject) else None
        return common_name(certificate or {})

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by whomever."""
        if self._timer is not None:
            self._timer.cancel()
        self._end(with_will=True)
        self._door.closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: every connection reads whole before the next one does."""
        return self._door.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes came in."""
        self.data_received(bytes(self._door.read_buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Take `data`, which came in."""
        if self.phase is Phase.CLOSED:
            return
        self._heard_at = self._loop.time()
        self._buffer = self._buffer[self._begun :] + data if self._buffer else data
        self._begun = 0
        self._process()

    def pause_writing(self) -> None:
        """The client does not read its acknowledgements: take no more from it."""
        self._is_write_paused = True
        self._steer()

    def look(self, now: float) -> None:
        """End the connection when it holds a part of a packet for too long; `now` in seconds of the loop."""
        if self.phase is not Phase.OPEN or not self._partial_at:
            return
        if not self._may_take():
            # It is the door that does not read.
            self._partial_at = now
        elif now - self._partial_at > PACKET_TIMEOUT_S:
            self.say_goodbye(Goodbye.SLOW)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._is_write_paused = False
        if self.session is not None and self.session.has_outbound:
            self.session.outbound.pump()
        self._process()

    def say_goodbye(self, reason: Goodbye) -> None:
        """End the connection with `reason`, which is counted by the door. The will is taken in, unless the node stops: then it waits."""
        if self.phase is Phase.CLOSED:
            return
        self._door.count_refused(reason.value)
        self.write_acks()
        words = self._codec.goodbye(reason) if self.phase is Phase.OPEN else b""
        if words:
            self._transport.write(words)
        self._close(with_will=True, lingers=bool(words) and reason is not Goodbye.SHUTTING_DOWN)

    def _close(self, *, with_will: bool, expiry_s: int | None = None, lingers: bool = False) -> None:
        self.write_acks()
        self._end(with_will=with_will, expiry_s=expiry_s)
        self._buffer = _NOTHING
        if self._timer is not None:
            self._timer.cancel()
        if lingers and self._transport.can_write_eof() and not self._transport.is_closing():
            # Closed with bytes of the client unread, the socket would take back the reason before the client has read it.
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()
        self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def _end(self, *, with_will: bool, expiry_s: int | None = None) -> None:
        """From here on nothing of this connection is written or changes its session, whatever is still on its way into the journal."""
        self.phase = Phase.CLOSED
        if self._inbound is not None:
            self._inbound.clear()
        session, self.session = self.session, None
        if session is not None:
            self._door.ended(session, with_will=with_will, expiry_s=expiry_s)

    def _process(self) -> None:
        if self.phase is Phase.OPENING:
            self._process_connect()
        if self.phase is not Phase.OPEN:
            return
        if self._buffer and self._may_take():
            self._read_lot()
        self._steer()

    def _read_lot(self) -> None:
        packets: list[Packet] = []
        problem: PacketError | None = None
        share = self._inbound.share if self._inbound is not None else 0
        try:
            upto, before = self._codec.read(self._buffer, packets, share, position=self._begun), self._begun
            self._consume(upto)
            if upto > before or not self._partial_at:
                self._partial_at = self._loop.time() if self._buffer else 0.0
        except PacketError as error:
            problem = error
        self._take(packets)
        if problem is not None:
            self.say_goodbye(_GOODBYES.get(problem.reason, Goodbye.PROTOCOL))
        elif len(packets) == share and self._buffer and not self._is_due:
            # The others have their turn before the rest of it.
            self._is_due = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_due = False
        self._process()

    def _may_take(self) -> bool:
        if not self._door.sink.has_room and not self._is_waiting_room:
            self._is_waiting_room = True
            self._door.sink.call_when_room(self._room)
        return not self._is_waiting_room and not self._is_write_paused and self._inbound is not None and not self._inbound.is_full

    def _room(self) -> None:
        self._is_waiting_room = False
        self._process()

    def _steer(self) -> None:
        if self.phase in (Phase.CLOSED, Phase.OPENING):
            return
        if self.phase is Phase.OPEN and self._may_take() and not self._is_due:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _process_connect(self) -> None:
        try:
            greeting = read_connect(self._buffer)
        except GreetingError as error:
            self._door.count_refused(error.reason)
            refusal = _REFUSALS.get(error.reason)
            if refusal is not None:
                self._transport.write(error.codec.refused(refusal))
            self._close(with_will=False)
            return
        if greeting is not None:
            self._codec, connect, size = greeting
            self._consume(size)
            self._begin(connect)

    def _consume(self, upto: int) -> None:
        self._begun = upto
        if upto == len(self._buffer):
            self._buffer, self._begun = _NOTHING, 0

    def _begin(self, connect: Connect) -> None:
        refusal = self._door.objection(connect, is_v5=self._codec is MQTT5)
        if refusal is not None:
            self._refuse(refusal)
            return
        self.phase = Phase.AUTHENTICATING
        self._transport.pause_reading()
        self._door.authenticate(connect, self.certified_name, lambda identity: self._authenticated(connect, identity))

    def _refuse(self, refusal: Refusal) -> None:
        self._door.count_refused(refusal.value)
        self._transport.write(self._codec.refused(refusal))
        self._close(with_will=False)

    def _authenticated(self, connect: Connect, identity: str | None) -> None:
        if self.phase is not Phase.AUTHENTICATING:
            return
        if identity is None:
            self._refuse(Refusal.CREDENTIALS)
            return
        client = connect.client_id or self._door.new_client_id(identity)
        refusal = self._door.may_come(connect, client, identity)
        if refusal is not None:
            self._refuse(refusal)
            return
        self.client_id = client
        self.session, is_present = self._door.admit(self, connect, identity)
        self.phase = Phase.OPEN
        self._inbound = Inbound(self._door, self._codec, self.session, self)
        self._accept(connect, self.session, is_present=is_present)

    def _accept(self, connect: Connect, session: Session, *, is_present: bool) -> None:
        keep_alive_s = self._door.keep_alive_s(connect.keep_alive_s)
        facts = Accepted(
            session_present=is_present,
            assigned_client_id=None if connect.client_id else self.client_id,
            session_expiry_s=None if session.expiry_s == connect.session_expiry_s else session.expiry_s,
            keep_alive_s=None if keep_alive_s == connect.keep_alive_s else keep_alive_s,
            is_open=self._door.is_open,
        )
        self._transport.write(self._codec.accepted(facts))
        # A 3.1.1 client cannot be told another keep alive than its own.
        self._keep_alive_s = (keep_alive_s if self._codec is MQTT5 else connect.keep_alive_s) * KEEP_ALIVE_FACTOR
        self._heard_at = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watch_keep_alive()
        self._asked = connect if self._codec is MQTT5 else None
        if session.has_outbound or session.filters:
            self._attach(session)
        self._process()

    def _connect_timeout(self) -> None:
        if self.phase in (Phase.OPENING, Phase.AUTHENTICATING):
            self._door.count_refused("connect_timeout")
            self._close(with_will=False)

    def _watch_keep_alive(self) -> None:
        # One timer per connection that moves on when it rings; a timer per packet would cost more than the packet.
        if not self._keep_alive_s or self.phase is not Phase.OPEN:
            return
        is_reading = self._may_take()
        silent_s = self._loop.time() - self._heard_at if is_reading else 0.0
        if silent_s >= self._keep_alive_s:
            self.say_goodbye(Goodbye.KEEP_ALIVE)
            return
        self._timer = self._loop.call_later(self._keep_alive_s - silent_s, self._watch_keep_alive)

    def _take(self, packets: list[Packet]) -> None:
        publishes: list[Publish] = []
        for packet in packets:
            if type(packet) is Publish:
                publishes.append(packet)
                continue
            if publishes and not isinstance(packet, PingRequest):
                # What comes after a PUBLISH finds it taken: a PUBREL, or the DISCONNECT that ends the session.
                if not self._publish(publishes):
                    return
                publishes = []
            if not self._answer(packet):
                return
        self._publish(publishes)

    def _publish(self, publishes: list[Publish]) -> bool:
        """False when the connection had to end for one of them."""
        if self._inbound is None or self.phase is not Phase.OPEN:
            return False
        goodbye = self._inbound.take(publishes)
        if goodbye is not None:
            self.say_goodbye(goodbye)
        return goodbye is None

    def pour(self, acks: bytes, *, must_end: bool) -> None:
        """Write acknowledgements, in order; `must_end` when a message before them gets none, so that the device keeps it."""
        if self.phase is not Phase.OPEN:
            return
        if acks:
            if not self._acks:
                self._door.will_write(self)
            self._acks += acks
        if must_end:
            self.say_goodbye(Goodbye.NOT_ADMITTED)
            return
        if self._buffer and not self._is_due:
            self._is_due = True
            self._loop.call_soon(self._go_on)
        self._steer()

    def write_acks(self) -> None:
        """Write what `pour` gathered: one write for all that a commit made durable."""
        acks, self._acks = self._acks, _NOTHING
        if acks and self.phase is Phase.OPEN:
            self._transport.write(acks)

    def _answer(self, packet: Packet) -> bool:
        """False when nothing after `packet` is to be read."""
        session = self.session
        if session is None:
            return False
        if isinstance(packet, PingRequest):
            self._transport.write(PINGRESP)
        elif isinstance(packet, Ack):
            self._acknowledged(session, packet)
        elif isinstance(packet, Subscribe):
            return self._subscribe(session, packet)
        elif isinstance(packet, Unsubscribe):
            self._unsubscribe(session, packet)
        elif isinstance(packet, Disconnect):
            return self._disconnect(session, packet)
        else:
            self.say_goodbye(Goodbye.PROTOCOL)
            return False
        return True

    def _acknowledged(self, session: Session, ack: Ack) -> None:
        if ack.kind is AckKind.PUBREL:
            assert self._inbound is not None, "an open connection has it"
            self._inbound.release(ack.packet_id)
        else:
            session.outbound.acknowledged(ack)

    def _disconnect(self, session: Session, packet: Disconnect) -> bool:
        if packet.session_expiry_s and not session.expiry_s:
            # Section 3.14.2.2.2: a session that ends with its connection cannot be made to last by the goodbye.
            self.say_goodbye(Goodbye.PROTOCOL)
        else:
            self._close(with_will=packet.with_will, expiry_s=packet.session_expiry_s)
        return False

    def _subscribe(self, session: Session, packet: Subscribe) -> bool:
        if packet.has_id:
            self.say_goodbye(Goodbye.SUBSCRIPTION_IDS)
            return False
        sessions = self._door.sessions
        answer = subscribe(sessions, session, packet)
        for _ in range(len(answer.granted) - len(answer.taken)):
            self._door.count_refused("subscribe")
        self._transport.write(self._codec.suback(packet.packet_id, answer.granted))
        if answer.taken:
            self._attach(session)
        for each, is_new in answer.taken:
            sessions.source.subscribed(session, each, is_new=is_new)
        return True

    def _unsubscribe(self, session: Session, packet: Unsubscribe) -> None:
        were_there = unsubscribe(self._door.sessions, session, packet)
        self._transport.write(self._codec.unsuback(packet.packet_id, were_there))

    def _attach(self, session: Session) -> None:
        if session.outbound.is_attached:
            return
        asked = self._asked
        session.outbound.attach(
            Link(
                self._codec,
                self._send,
                lambda: self._is_write_paused,
                self._door.wall_us,
                asked.receive_max if asked else INFLIGHT_MAX,
                asked.packet_bytes_max if asked else None,
                asked.topic_alias_max if asked else 0,
            )
        )

    def _send(self, packet: bytes) -> None:
        if self.phase is Phase.OPEN:
            self._transport.write(packet)
