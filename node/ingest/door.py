"""The sensor door: an MQTT 3.1.1 and 5 server that only takes PUBLISH, and acknowledges it when it is in the journal.

It has no subscriptions, retained messages, wills or sessions: a SUBSCRIBE is refused, the retain flag is ignored, a will is accepted and
left alone, and
session present is always 0. QoS 2 is refused. When the sink has no room the door stops reading, so devices wait instead of losing data.
Built and
started by the runtime.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Sequence, ValuesView
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from node.identity.chance import new_id
from node.ingest.connection import Connection, Phase
from node.ingest.packets import Connect, Goodbye
from node.ingest.passwords import Passwords
from node.ingest.sink import Sink

CONNECTIONS_MAX = 2_000
"""Open connections; further clients are refused until one leaves."""
BACKLOG = 512
"""Connections the kernel may hold before they are accepted."""
TLS_HANDSHAKE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Listen:
    """One address of the door."""

    host: str
    port: int
    """0 for a free one."""
    tls: ssl.SSLContext | None = None
    """Server context; None for plain TCP."""


class Authenticated(Protocol):
    """Called with the answer of the password check."""

    def __call__(self, *, granted: bool) -> None:
        """`granted` is True when the client may go on."""


class Door:
    """Listens, keeps count, and knows every connection by its client id."""

    def __init__(self, listen: Sequence[Listen], sink: Sink, *, passwords: Passwords | None, anonymous: bool) -> None:
        self.sink = sink
        self.refused: Counter[str] = Counter()
        """Connections and packets that were turned away, by reason."""
        self.messages: Counter[str] = Counter()
        """PUBLISH packets: accepted, rejected."""
        self._listen = tuple(listen)
        self._passwords = passwords
        self._anonymous = anonymous
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._by_client: dict[str, Connection] = {}
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="door-passwords")

    async def start(self) -> list[tuple[str, int]]:
        """Open the listeners; returns their addresses. Raises OSError with every listener closed again when one cannot be opened."""
        loop = asyncio.get_running_loop()
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
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.say_goodbye(Goodbye.SHUTTING_DOWN)
        self._worker.shutdown(wait=True, cancel_futures=True)
        # wait_closed hangs on some 3.12 releases while a transport lingers, so the servers are only closed; one turn lets goodbyes leave.
        await asyncio.sleep(0)
        self._servers.clear()

    @property
    def is_crowded(self) -> bool:
        """True when no further client may be admitted."""
        return len(self._connections) > CONNECTIONS_MAX

    @property
    def clients(self) -> ValuesView[Connection]:
        """Those that are in, as they come and go."""
        return self._by_client.values()

    def facts(self) -> dict[str, object]:
        """What status shows of the door."""
        return {
            "connections": sum(connection.phase is Phase.OPEN for connection in self._connections),
            "accepted": self.messages["accepted"],
            "rejected": self.messages["rejected"],
            "refused": sum(self.refused.values()),
            "refused_by_reason": dict(sorted(self.refused.items())),
        }

    def opened(self, connection: Connection) -> None:
        """A socket was accepted."""
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """A socket is gone."""
        self._connections.discard(connection)
        if self._by_client.get(connection.client_id) is connection:
            del self._by_client[connection.client_id]
            self.sink.gone(connection.client_id)

    def admit(self, connection: Connection) -> None:
        """A client is in; an older connection of the same client id is closed (section 3.1.4 of MQTT 3.1.1)."""
        older = self._by_client.get(connection.client_id)
        self._by_client[connection.client_id] = connection
        if older is not None:
            older.say_goodbye(Goodbye.TAKEN_OVER)
        self.sink.connected(connection.client_id)

    def authenticate(self, connect: Connect, answer: Authenticated) -> None:
        """Check who connects and call `answer`, from the worker's turn or at once."""
        passwords = self._passwords
        if passwords is None or connect.username is None:
            answer(granted=self._anonymous)
            return
        future = asyncio.get_running_loop().run_in_executor(self._worker, passwords.check, connect.username, connect.password)
        future.add_done_callback(lambda done: answer(granted=not done.cancelled() and done.result()))

    def new_client_id(self) -> str:
        """An id for a client that has none."""
        return f"anonymous-{new_id()}"

    def count_refused(self, reason: str) -> None:
        """Something was turned away."""
        self.refused[reason] += 1

    def count_taken(self, messages: int, rejected: int) -> None:
        """Messages came in, `rejected` of them kept as rejects."""
        self.messages["accepted"] += messages - rejected
        self.messages["rejected"] += rejected
