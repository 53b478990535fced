"""The way in from a site's Mosquitto: subscribe with a persistent session, hand messages to the sink, acknowledge to the broker after the
commit.

aiomqtt has no manual acknowledgement, so this file asks the paho client beneath it: without it the broker would forget a message before
our commit. The
broker's in-flight window (receive maximum) bounds what waits here. Owned by the runtime; runs until cancelled and reconnects with full
jitter.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import aiomqtt
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from node.backoff import Backoff
from node.clock import Clock
from node.ingest.profiles import check_filter
from node.ingest.sink import Message, Sink

RECEIVE_MAX = 1_000
"""Messages the broker may have unacknowledged with us."""
BATCH_MAX = 500
"""Messages handed to the sink at once."""
SESSION_EXPIRY_S = 7 * 24 * 3_600
"""How long the broker keeps messages for us while we are away."""
RECONNECT_FLOOR_S = 0.5
RECONNECT_CAP_S = 30.0


class BridgeState(Enum):
    """Where the way in stands."""

    CONNECTING = "connecting"
    UP = "up"
    WAITING = "waiting"
    """Between two tries."""


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """A broker and what to take from it."""

    host: str
    port: int
    client_id: str
    """Names the persistent session: the same at every start, and of this node alone."""
    topic_filters: tuple[str, ...]
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None


class MosquittoBridge:
    """One broker's messages on their way to the sink."""

    def __init__(self, settings: BridgeSettings, sink: Sink, backoff: Backoff, clock: Clock) -> None:
        for topic_filter in settings.topic_filters:
            check_filter(topic_filter)
        self._settings = settings
        self._sink = sink
        self._backoff = backoff
        self._clock = clock
        self.state = BridgeState.CONNECTING
        self.messages = 0
        """Messages handed to the sink since the start."""
        self.reconnects = 0
        self.problem = ""
        """Why the last connection ended; empty before that."""

    async def run(self) -> None:
        """Take messages until cancelled."""
        while True:
            started = self._clock.now()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError) as error:
                self.problem = str(error) or type(error).__name__
            self._backoff.lived(self._clock.now().seconds_since(started))
            self.state = BridgeState.WAITING
            self.reconnects += 1
            await asyncio.sleep(self._backoff.next_wait_s())

    @property
    def _name(self) -> str:
        return f"mosquitto:{self._settings.client_id}"

    async def _session(self) -> None:
        self.state = BridgeState.CONNECTING
        settings = self._settings
        client = aiomqtt.Client(
            settings.host, settings.port, identifier=settings.client_id, username=settings.username, password=settings.password,
            tls_context=settings.tls, protocol=aiomqtt.ProtocolVersion.V5, clean_start=False, properties=_connect_properties(),
        )  # fmt: skip
        paho: PahoClient = client._client  # noqa: SLF001 - aiomqtt offers no manual acknowledgement; see the module docstring
        paho.manual_ack_set(True)
        async with client:
            self._sink.connected(self._name)
            try:
                await client.subscribe([(topic_filter, 1) for topic_filter in settings.topic_filters])
                self.state = BridgeState.UP
                await self._take(client, paho)
            finally:
                self._sink.gone(self._name)

    async def _take(self, client: aiomqtt.Client, paho: PahoClient) -> None:
        batch: list[aiomqtt.Message] = []
        async for message in client.messages:
            batch.append(message)
            if len(client.messages) and len(batch) < BATCH_MAX:
                continue
            await self._wait_room()
            self._submit(batch, paho)
            batch = []

    def _submit(self, batch: list[aiomqtt.Message], paho: PahoClient) -> None:
        messages = [Message(str(message.topic), _payload(message)) for message in batch]
        owed = [(message.mid, message.qos) for message in batch if message.qos]
        self.messages += len(messages)

        def acknowledge() -> None:
            # On a broken connection the broker sends these again, and the sink recognises them.
            for packet_id, qos in owed:
                paho.ack(packet_id, qos)

        self._sink.submit(self._name, messages, acknowledge)

    async def _wait_room(self) -> None:
        while not self._sink.has_room:
            room = asyncio.Event()
            wake: Callable[[], None] = room.set
            self._sink.call_when_room(wake)
            await room.wait()


def _payload(message: aiomqtt.Message) -> bytes:
    return message.payload if isinstance(message.payload, bytes) else str(message.payload or "").encode()


def _connect_properties() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = RECEIVE_MAX
    return properties
