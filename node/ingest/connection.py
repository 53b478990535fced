"""One MQTT connection of the sensor door: bytes in, messages to the sink, acknowledgements out after the commit.

A state machine over asyncio.Protocol without a task of its own: every packet of a read is parsed, the PUBLISH packets go to the sink as
one submission, and their
PUBACKs leave as one write, in the order in which the packets came. Made by node/ingest/door.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from node.ingest.errors import PacketError
from node.ingest.mqtt311 import Mqtt311
from node.ingest.mqtt_v5 import RECEIVE_MAX, Mqtt5
from node.ingest.packets import Codec, Connect, Disconnect, Goodbye, Packet, PingRequest, Publish, Refusal, Subscribe, Unsubscribe, frame
from node.ingest.sink import Message

if TYPE_CHECKING:
    from node.ingest.door import Door

CONNECT_TIMEOUT_S = 10.0
"""Seconds from opening a connection to a whole CONNECT."""
CLOSE_TIMEOUT_S = 5.0
"""Seconds a closing connection may take to hand over what was written."""
KEEP_ALIVE_FACTOR = 1.5
"""Silence, in keep-alive periods, after which a client counts as gone (section 3.1.2.10 of MQTT 3.1.1)."""
BAD_QOS = 2
"""The quality of service the door has not."""

_VERSION_4 = b"\x00\x04MQTT\x04"
_VERSION_5 = b"\x00\x04MQTT\x05"
_GOODBYES = {goodbye.value: goodbye for goodbye in Goodbye}


class Phase(Enum):
    """Where a connection stands."""

    OPENING = "opening"
    AUTHENTICATING = "authenticating"
    OPEN = "open"
    CLOSED = "closed"


class _Unacked:
    """The acknowledgements of one submission, in the order of its packets."""

    __slots__ = ("count", "data", "is_refused", "is_stored")

    def __init__(self, count: int) -> None:
        self.count = count
        self.data: bytes | None = None
        """None until the sink gave its verdicts; it may call back before it returns."""
        self.is_stored = False
        self.is_refused = False
        """True when a message of it gets no acknowledgement: the connection ends, so that the device keeps it."""


class Connection(asyncio.Protocol):
    """One client of the door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._codec: Codec = Mqtt311()
        self._unacked: deque[_Unacked] = deque()
        self._unacked_count = 0
        self._is_waiting_room = False
        self._is_write_paused = False
        self._keep_alive_s = 0.0
        self._heard_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        self.phase = Phase.OPENING
        self.client_id = ""

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

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed, by whomever."""
        if self._timer is not None:
            self._timer.cancel()
        self.phase = Phase.CLOSED
        self._unacked.clear()
        self._door.closed(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        self._heard_at = self._loop.time()
        self._buffer += data
        self._process()

    def pause_writing(self) -> None:
        """The client does not read its acknowledgements: take no more from it."""
        self._is_write_paused = True
        self._steer()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._is_write_paused = False
        self._steer()
        self._process()

    def say_goodbye(self, reason: Goodbye) -> None:
        """End the connection with `reason`, which is counted by the door."""
        if self.phase is Phase.CLOSED:
            return
        self._door.count_refused(reason.value)
        if self.phase is Phase.OPEN:
            self._transport.write(self._codec.goodbye(reason))
        self._close()

    def _close(self) -> None:
        self.phase = Phase.CLOSED
        self._buffer.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()
        self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def _process(self) -> None:
        if self.phase is Phase.OPENING:
            self._process_connect()
        if self.phase is not Phase.OPEN or not self._buffer or not self._may_take():
            return
        packets: list[Packet] = []
        problem: PacketError | None = None
        try:
            consumed = self._codec.read(self._buffer, packets)
            del self._buffer[:consumed]
        except PacketError as error:
            problem = error
        self._take(packets)
        if problem is not None:
            self.say_goodbye(_GOODBYES.get(problem.reason, Goodbye.PROTOCOL))
        self._steer()

    def _may_take(self) -> bool:
        if not self._door.sink.has_room and not self._is_waiting_room:
            self._is_waiting_room = True
            self._door.sink.call_when_room(self._room)
        return not self._is_waiting_room and not self._is_write_paused and self._unacked_count < RECEIVE_MAX

    def _room(self) -> None:
        self._is_waiting_room = False
        if self.phase is Phase.OPEN:
            self._process()
            self._steer()

    def _steer(self) -> None:
        if self.phase in (Phase.CLOSED, Phase.OPENING):
            return
        if self.phase is Phase.OPEN and self._may_take():
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _process_connect(self) -> None:
        try:
            connect = self._read_connect()
        except PacketError as error:
            self._door.count_refused(error.reason)
            if error.reason == Refusal.VERSION.value:
                self._transport.write(self._codec.refused(Refusal.VERSION))
            elif error.reason == Refusal.CLIENT_ID.value:
                self._transport.write(self._codec.refused(Refusal.CLIENT_ID))
            self._close()
            return
        if connect is not None:
            self._begin(connect)

    def _read_connect(self) -> Connect | None:
        if self._buffer[:1] != b"\x10":
            raise PacketError("protocol_error", "the first packet is not CONNECT")
        bounds = frame(self._buffer, 0)
        if bounds is None:
            return None
        start, end = bounds
        whole, intro = bytes(self._buffer[:end]), bytes(self._buffer[start : start + len(_VERSION_4)])
        if intro == _VERSION_5:
            self._codec = Mqtt5()
        elif intro != _VERSION_4:
            raise PacketError(Refusal.VERSION.value, "the door speaks MQTT 3.1.1 and 5")
        packets: list[Packet] = []
        self._codec.read(whole, packets)
        del self._buffer[:end]
        connect = packets[0]
        assert isinstance(connect, Connect), "the first byte said so"
        return connect

    def _begin(self, connect: Connect) -> None:
        if connect.wants_authentication:
            self._refuse(Refusal.CREDENTIALS)
            return
        if not connect.client_id and not connect.clean_start and isinstance(self._codec, Mqtt311):
            self._refuse(Refusal.CLIENT_ID)
            return
        if self._door.is_crowded:
            self._refuse(Refusal.BUSY)
            return
        self.phase = Phase.AUTHENTICATING
        self._transport.pause_reading()
        self._door.authenticate(connect, lambda *, granted: self._authenticated(connect, granted=granted))

    def _refuse(self, refusal: Refusal) -> None:
        self._door.count_refused(refusal.value)
        self._transport.write(self._codec.refused(refusal))
        self._close()

    def _authenticated(self, connect: Connect, *, granted: bool) -> None:
        if self.phase is not Phase.AUTHENTICATING:
            return
        if not granted:
            self._refuse(Refusal.CREDENTIALS)
            return
        self.client_id = connect.client_id or self._door.new_client_id()
        self.phase = Phase.OPEN
        self._door.admit(self)
        self._transport.write(self._codec.accepted(assigned_client_id=None if connect.client_id else self.client_id))
        self._keep_alive_s = connect.keep_alive_s * KEEP_ALIVE_FACTOR
        self._heard_at = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watch_keep_alive()
        self._steer()
        self._process()

    def _connect_timeout(self) -> None:
        if self.phase in (Phase.OPENING, Phase.AUTHENTICATING):
            self._door.count_refused("connect_timeout")
            self._close()

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
                if packet.qos == BAD_QOS:
                    self._submit(publishes)
                    self.say_goodbye(Goodbye.QOS)
                    return
                publishes.append(packet)
            elif not self._answer(packet):
                break
        self._submit(publishes)

    def _answer(self, packet: Packet) -> bool:
        if isinstance(packet, PingRequest):
            self._transport.write(self._codec.pong())
        elif isinstance(packet, Subscribe):
            self._door.count_refused("subscribe")
            self._transport.write(self._codec.suback(packet))
        elif isinstance(packet, Unsubscribe):
            self._transport.write(self._codec.unsuback(packet))
        elif isinstance(packet, Disconnect):
            self._close_after_submit()
            return False
        else:
            self.say_goodbye(Goodbye.PROTOCOL)
            return False
        return True

    def _close_after_submit(self) -> None:
        self._loop.call_soon(self._close)

    def _submit(self, publishes: list[Publish]) -> None:
        if not publishes:
            return
        entry = _Unacked(sum(publish.qos == 1 for publish in publishes))
        self._unacked.append(entry)
        self._unacked_count += entry.count

        def stored() -> None:
            entry.is_stored = True
            self._acknowledge()

        messages = [Message(publish.topic, publish.payload) for publish in publishes]
        verdicts = self._door.sink.submit(self.client_id, messages, stored)
        puback = self._codec.puback
        pubacks = [puback(publish.packet_id, verdicts.get(index)) for index, publish in enumerate(publishes) if publish.qos == 1]
        entry.data, entry.is_refused = b"".join(pubacks), not all(pubacks)
        self._door.count_taken(len(publishes), len(verdicts))
        if entry.is_stored:
            self._acknowledge()

    def _acknowledge(self) -> None:
        if self.phase is not Phase.OPEN:
            return
        ready: list[bytes] = []
        is_refused = False
        while self._unacked and self._unacked[0].is_stored and self._unacked[0].data is not None:
            entry = self._unacked.popleft()
            self._unacked_count -= entry.count
            ready.append(entry.data or b"")
            is_refused = is_refused or entry.is_refused
        if ready:
            self._transport.write(b"".join(ready))
            if is_refused:
                self.say_goodbye(Goodbye.NOT_ADMITTED)
                return
            if self._buffer:
                self._process()
            self._steer()
