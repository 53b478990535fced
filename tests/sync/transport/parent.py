"""A listening parent for tests: certificates, a server that remembers its sessions and refusals, and a dial to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from sync.model import Level, LinkError
from sync.transport.credentials import TlsCredentials
from sync.transport.link_dialer import dial
from sync.transport.link_server import Ask, LinkServer, OnSession
from sync.transport.session import PeerIdentity, Session
from tests.sync.transport.certificates import Authority, names_of

PATIENCE_S = 20.0
"""No wait of these tests takes longer; a test that gets here has failed."""


@cache
def tree() -> tuple[TlsCredentials, TlsCredentials]:
    """Credentials of a parent `district-1` and of its child `street-1`, three authorities deep."""
    city = Authority.root("province").below("city")
    return city.issue("district-1"), city.below("district-1").issue("street-1")


def authorise(chain_pem: bytes, node: str) -> PeerIdentity:
    """Who the leaf says it is, if that is who it declared to be."""
    name = names_of(chain_pem)[0]
    if name != node:
        raise LinkError(f"node {node!r} refused: its certificate is of {name!r}")
    return PeerIdentity(node, Level.STREET, "370202001")


@dataclass
class Parent:
    """A started server and what happened to it."""

    server: LinkServer
    sessions: asyncio.Queue[Session] = field(default_factory=asyncio.Queue)
    refusals: list[str] = field(default_factory=list)
    address: str = ""
    credentials: TlsCredentials = field(default_factory=lambda: tree()[0])
    """What the server shows to the next connection."""

    async def take_session(self, session: Session) -> None:
        """Hand the session to the test and keep it until it ends."""
        await self.sessions.put(session)
        await asyncio.wait([session.closed])

    async def next_session(self) -> Session:
        """The session a child opened."""
        return await asyncio.wait_for(self.sessions.get(), PATIENCE_S)

    async def dial(self, credentials: TlsCredentials | None = None, *, node: str = "street-1", session_id: str = "s1") -> Session:
        """A child's session with this parent."""
        return await dial(self.address, credentials or tree()[1], server_name="district-1", session_id=session_id, node=node)


@asynccontextmanager
async def far_away(address: str, *, delay_s: float) -> AsyncIterator[str]:
    """An address behind which `address` is, every byte on its way arriving `delay_s` later; in the end both ends are hung up on."""
    host, port = address.rsplit(":", 1)
    pumps: list[asyncio.Task[None]] = []

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, to_behind = await asyncio.open_connection(host, int(port))
        for source, target in ((reader, to_behind), (behind, writer)):
            pumps.append(asyncio.create_task(_pump(source, target, delay_s)))

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        while data := await reader.read(1 << 20):
            loop.call_later(delay_s, writer.write, data)
    finally:
        writer.close()


@asynccontextmanager
async def listening_parent(ask: Ask = lambda child, shaking: 0.0) -> AsyncIterator[Parent]:
    """A parent on a free loopback port, stopped in the end."""
    refusals: list[str] = []
    parent = Parent(LinkServer(authorise, on_refused=refusals.append, ask=ask), refusals=refusals)
    await parent.server.start("127.0.0.1:0", lambda: parent.credentials, parent.take_session)
    parent.address = f"127.0.0.1:{parent.server.port}"
    try:
        yield parent
    finally:
        await parent.server.stop()


@asynccontextmanager
async def serving(credentials: TlsCredentials, on_session: OnSession) -> AsyncIterator[str]:
    """The address of a server that gives its sessions to `on_session`."""
    server = LinkServer(authorise, on_refused=print)
    await server.start("127.0.0.1:0", lambda: credentials, on_session)
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def take(session: Session, count: int) -> list[bytes]:
    """The next `count` messages of a session."""
    messages: list[bytes] = []
    async with asyncio.timeout(PATIENCE_S):
        async for data in session.incoming():
            messages.append(data)
            if len(messages) == count:
                break
    return messages
