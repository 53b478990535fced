"""The sensor door: an MQTT 3.1.1 and 5 server that takes PUBLISH and acknowledges it when it is in the journal.

A door, not a broker: devices do not hear each other, and a client may subscribe to nothing but the commands for itself. Sessions, wills and
QoS 2 packet ids are durable (node/ingest/mqtt). When the sink has no room the door stops reading, so devices wait instead of losing data.
Built and started by node/ingest/plane.py.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, ValuesView
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from node.clock import Clock, SystemClock
from node.identity.chance import new_id
from node.ingest.mqtt.access import Access
from node.ingest.mqtt.commands import CommandSource
from node.ingest.mqtt.connection import Connection, Phase
from node.ingest.mqtt.fanout import Fanout
from node.ingest.mqtt.outbound import Source
from node.ingest.mqtt.packets import Connect, Goodbye, Publish, Refusal, Will
from node.ingest.mqtt.session import Session
from node.ingest.mqtt.sessions import Sessions
from node.ingest.outgoing import Outbox
from node.ingest.passwords import Passwords
from node.ingest.sink import NO_MARKS, Message, Sink, Verdict
from node.store.door_book import KeptSession, Mark

CONNECTIONS_MAX = 12_000
"""Open connections; further clients are refused until one leaves."""
BACKLOG = 512
"""Connections the kernel may hold before they are accepted."""
TLS_HANDSHAKE_TIMEOUT_S = 10.0
KEEP_ALIVE_S_MAX = 65_535
"""Longest keep alive of the protocol."""
WILL_BYTES_MAX = 16 << 10
"""Longest payload of a will: it is kept in the journal until the client is back."""
READ_BYTES_MAX = 256 << 10
"""What one read of a connection takes at most."""
TICK_S = 1.0
"""How often wills and sessions that are due are looked for."""


@dataclass(frozen=True, slots=True)
class Listen:
    """One address of the door."""

    host: str
    port: int
    """0 for a free one."""
    tls: ssl.SSLContext | None = None
    """Server context; None for plain TCP. One that asks for certificates makes their subject the identity of the client."""


Authenticated = Callable[[str | None], None]
"""Called with the identity of a client: empty for an anonymous one, None for one that may not come in."""


class Door:
    """Listens, keeps count, and knows every connection by its client id."""

    def __init__(
        self,
        listen: Sequence[Listen],
        sink: Sink,
        *,
        passwords: Passwords | None,
        anonymous: bool,
        access: Access | None = None,
        clock: Clock | None = None,
        keep_alive_s_max: int = KEEP_ALIVE_S_MAX,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self.sink = sink
        self.refused: Counter[str] = Counter()
        """Connections and packets that were turned away, by reason."""
        self.messages: Counter[str] = Counter()
        """PUBLISH packets: accepted, rejected."""
        self._listen = tuple(listen)
        self._passwords = passwords
        self._anonymous = anonymous
        self._access = access or Access()
        self._keep_alive_s_max = keep_alive_s_max
        self._connections_max = connections_max
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._by_client: dict[str, Connection] = {}
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="door-passwords")
        self._is_stopping = False
        self._writers: list[Connection] = []
        self.read_buffer = memoryview(bytearray(READ_BYTES_MAX))
        """Where the connections read into, one after the other."""
        self._ticking: asyncio.TimerHandle | None = None
        clock = clock or SystemClock()
        self.wall_us = clock.wall_us
        self.commands = CommandSource(clock.wall_us)
        source: Source = Fanout(clock.wall_us) if self._access.is_open else self.commands
        self.sessions = Sessions(clock, source, keep=self._keep, on_will=self._take_will, rights_of=self._access.rights_of)

    def recall(self, kept: Iterable[KeptSession]) -> None:
        """The sessions that the journal kept; before `start`."""
        self.sessions.recall(kept)

    async def start(self) -> list[tuple[str, int]]:
        """Open the listeners; returns their addresses. Raises OSError with every listener closed again when one cannot be opened."""
        loop = asyncio.get_running_loop()
        self._tick()
        try:
            for where in self._listen:
                timeout = None if where.tls is None else TLS_HANDSHAKE_TIMEOUT_S
                server = await loop.create_server(
                    lambda: Connection(self), where.host, where.port, ssl=where.tls, backlog=BACKLOG, ssl_handshake_timeout=timeout
                )
                self._servers.append(server)
        except OSError:
            await self.stop()
            raise
        return [socket.getsockname()[:2] for server in self._servers for socket in server.sockets]

    async def stop(self) -> None:
        """Close listeners and connections; what was not acknowledged will be sent again by the devices."""
        # The sessions stay as they are in the journal: wills and expiry go on when the node is back.
        self._is_stopping = True
        if self._ticking is not None:
            self._ticking.cancel()
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.say_goodbye(Goodbye.SHUTTING_DOWN)
        self._worker.shutdown(wait=True, cancel_futures=True)
        # wait_closed hangs on some 3.12 releases while a transport lingers, so the servers are only closed; one turn lets goodbyes leave.
        await asyncio.sleep(0)
        self._servers.clear()

    @property
    def is_open(self) -> bool:
        """True for the profile of conformance tests, in which clients hear each other."""
        return self._access.is_open

    @property
    def clients(self) -> ValuesView[Connection]:
        """Those that are in, as they come and go."""
        return self._by_client.values()

    @property
    def outbox(self) -> Outbox | None:
        """What keeps the commands for devices; without one nobody may subscribe."""
        return self.commands.outbox

    @outbox.setter
    def outbox(self, outbox: Outbox) -> None:
        self.commands.outbox = outbox

    def facts(self) -> dict[str, object]:
        """What status shows of the door."""
        return {
            "connections": sum(connection.phase is Phase.OPEN for connection in self._connections),
            "accepted": self.messages["accepted"],
            "rejected": self.messages["rejected"],
            "sessions_absent": self.sessions.absent,
            "sessions": dict(sorted(self.sessions.counts.items())),
            "refused": sum(self.refused.values()),
            "refused_by_reason": dict(sorted(self.refused.items())),
        }

    def look(self, now: float) -> None:
        """End connections that send a packet too slowly; `now` in seconds of the loop."""
        for connection in tuple(self._connections):
            connection.look(now)

    def opened(self, connection: Connection) -> None:
        """A socket was accepted."""
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """A socket is gone."""
        self._connections.discard(connection)
        if self._by_client.get(connection.client_id) is connection:
            del self._by_client[connection.client_id]
            self.sink.gone(connection.client_id)

    def will_write(self, connection: Connection) -> None:
        """`connection` has acknowledgements: they leave once what runs now, as a rule the end of a commit, is over."""
        if not self._writers:
            asyncio.get_running_loop().call_soon(self._write_acks)
        self._writers.append(connection)

    def _write_acks(self) -> None:
        writers, self._writers = self._writers, []
        for connection in writers:
            connection.write_acks()

    def objection(self, connect: Connect, *, is_v5: bool) -> Refusal | None:
        """Why a CONNECT is refused whoever sends it; None when it may show who it is."""
        if connect.wants_authentication:
            return Refusal.METHOD
        if not connect.client_id.isprintable() or (not connect.client_id and not connect.clean_start and not is_v5):
            return Refusal.CLIENT_ID
        if connect.will is not None and len(connect.will.payload) > WILL_BYTES_MAX:
            return Refusal.QUOTA
        if connect.will is not None and connect.will.is_retained and is_v5 and not self.is_open:
            return Refusal.RETAIN
        return Refusal.BUSY if len(self._connections) > self._connections_max else None

    def authenticate(self, connect: Connect, certified_name: str, answer: Authenticated) -> None:
        """Find out who connects and call `answer`, from the worker's turn or at once."""
        passwords = self._passwords
        if certified_name:
            # The certificate proved it; a user name beside it may only repeat it.
            answer(certified_name if connect.username in (None, "", certified_name) else None)
            return
        if passwords is None or connect.username is None:
            answer("" if self._anonymous else None)
            return
        user = connect.username
        future = asyncio.get_running_loop().run_in_executor(self._worker, passwords.check, user, connect.password)
        future.add_done_callback(lambda done: answer(user if not done.cancelled() and done.result() else None))

    def may_come(self, connect: Connect, client: str, identity: str) -> Refusal | None:
        """Why `identity` may not connect as `client` with this will; None when it may."""
        former = self.sessions.known(client)
        is_anothers = former is not None and bool(former.identity) and former.identity != identity
        if is_anothers or not self._access.may_come(identity, client):
            return Refusal.NOT_PERMITTED
        if connect.will is not None and not self._access.rights_of(identity, client).may_publish(connect.will.topic):
            return Refusal.NOT_PERMITTED
        return None

    def admit(self, connection: Connection, connect: Connect, identity: str) -> tuple[Session, bool]:
        """A client is in: its session, and whether it was there before.

        An older connection of the same client id is ended first (section 3.1.4 of MQTT 3.1.1); from then on it changes nothing.
        """
        client = connection.client_id
        older = self._by_client.get(client)
        self._by_client[client] = connection
        if older is not None:
            older.say_goodbye(Goodbye.TAKEN_OVER)
        self.sink.connected(client)
        return self.sessions.open(connect, client, identity, self._access.rights_of(identity, client))

    def ended(self, session: Session, *, with_will: bool, expiry_s: int | None) -> None:
        """The connection of `session` is over. When the node stops, everything stays in the journal as it is."""
        if not self._is_stopping:
            self.sessions.end(session, with_will=with_will, expiry_s=expiry_s)

    def submit(
        self,
        session: Session,
        publishes: Sequence[Publish],
        on_stored: Callable[[], None],
        *,
        marks: Mapping[int, Sequence[Mark]] = NO_MARKS,
    ) -> Mapping[int, Verdict]:
        """Hand messages of a client to the sink; see Sink."""
        if self.is_open:
            return self._submit_openly(session, publishes, on_stored, marks)
        verdicts = self.sink.submit(session.client, publishes, on_stored, rights=session.rights, marks=marks)
        self.count_taken(len(publishes), len(verdicts))
        return verdicts

    def wake(self, client: str) -> None:
        """Something new waits for `client` in the outbox; nothing happens for one that is not here."""
        session = self.sessions.known(client)
        if session is not None and session.has_outbound:
            session.outbound.pump()

    def keep_alive_s(self, asked_s: int) -> int:
        """The keep alive for a client that asked for `asked_s` (0: none), seconds."""
        if self._keep_alive_s_max >= KEEP_ALIVE_S_MAX:
            return asked_s
        return min(asked_s or KEEP_ALIVE_S_MAX, self._keep_alive_s_max)

    def new_client_id(self, identity: str) -> str:
        """An id for a client that has none."""
        return f"{identity or 'anonymous'}/{new_id()}"

    def count_refused(self, reason: str) -> None:
        """Something was turned away."""
        self.refused[reason] += 1

    def count_taken(self, messages: int, rejected: int) -> None:
        """Messages came in, `rejected` of them kept as rejects."""
        self.messages["accepted"] += messages - rejected
        self.messages["rejected"] += rejected

    def _submit_openly(
        self, session: Session, publishes: Sequence[Publish], on_stored: Callable[[], None], marks: Mapping[int, Sequence[Mark]]
    ) -> Mapping[int, Verdict]:
        def stored() -> None:
            on_stored()
            for publish in publishes:
                self.sessions.source.taken_in(session, publish)

        # What no profile takes is for the other clients all the same.
        self.count_taken(len(publishes), len(self.sink.submit(session.client, publishes, stored, marks=marks)))
        return {}

    def _take_will(self, session: Session, will: Will, marks: Sequence[Mark]) -> None:
        # Room or not: there is at most one will a session, and the marks must stay in order with what comes after them.
        message = Message(will.topic, will.payload)
        publish = Publish(will.topic, will.payload, will.qos, 0, int(will.is_retained), will.properties)
        verdicts = self.sink.submit(
            session.client, (message,), lambda: self.sessions.source.taken_in(session, publish), rights=session.rights, marks={0: marks}
        )
        self.count_taken(1, len(verdicts))
        if verdicts and marks:
            self._keep(marks)

    def _keep(self, marks: Sequence[Mark]) -> None:
        self.sink.keep(marks, _nothing)

    def _tick(self) -> None:
        self.sessions.tick()
        self.look(asyncio.get_running_loop().time())
        self._ticking = asyncio.get_running_loop().call_later(TICK_S, self._tick)


def _nothing() -> None:
    """Nobody waits for it."""
