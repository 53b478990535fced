"""Connections with nobody behind them are bounded, the ones that were answered go last, and known peers are left alone."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest

from node.links import strangers as module
from node.links.strangers import BoundedListener, Strangers, addresses_of, connections_max, open_descriptors, raise_descriptors
from tests.node.station import until

MOST = 20
KEPT = 15


class Listener(asyncio.Protocol):
    """Answers whoever speaks; `made` counts connections, `standing` are those not closed yet."""

    made = 0
    standing: ClassVar[set[asyncio.Transport]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        Listener.made += 1
        Listener.standing.add(transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        Listener.standing.discard(self.transport)


@asynccontextmanager
async def listening(sock: socket.socket | None = None) -> AsyncIterator[tuple[str, int]]:
    """Where a listener is."""
    Listener.made = 0
    server = await asyncio.get_running_loop().create_server(Listener, sock=sock or socket.create_server(("127.0.0.1", 0)))
    async with server:
        host, port = server.sockets[0].getsockname()
        yield host, port
        for transport in Listener.standing:
            transport.abort()
        await until(lambda: not Listener.standing)


@pytest.fixture
def opened() -> Iterator[list[socket.socket]]:
    """Connections of the test, closed in the end."""
    sockets: list[socket.socket] = []
    yield sockets
    for entry in sockets:
        entry.close()


def watching(port: int, known: set[tuple[str, int]] | None = None) -> tuple[Strangers, list[int]]:
    """A watch that allows MOST besides what the test process has open already, and what it closed."""
    closed: list[int] = []
    strangers = Strangers(lambda count, why: closed.append(count), descriptors=MOST * module.STRANGERS_SHARE)
    strangers.watch(port, known or (), lambda: known or set())
    return strangers, closed


async def connect(address: tuple[str, int], count: int, opened: list[socket.socket]) -> list[socket.socket]:
    """So many connections that the listener has accepted."""
    before = Listener.made
    fresh = [socket.create_connection(address) for _ in range(count)]
    opened += fresh
    await until(lambda: Listener.made == before + count)
    return fresh


def is_ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


async def test_the_oldest_connections_without_a_peer_are_closed_when_there_are_too_many(opened: list[socket.socket]) -> None:
    async with listening() as address:
        strangers, closed = watching(address[1])
        old = await connect(address, MOST, opened)
        assert strangers.look() == 0
        new = await connect(address, 10, opened)
        assert strangers.look() == 30 - KEPT
        await until(lambda: len(Listener.standing) == KEPT)
        await until(lambda: sum(map(is_ended, old)) == 30 - KEPT)
        assert not any(map(is_ended, new))
        assert closed == [30 - KEPT]


async def test_one_that_was_answered_goes_last_however_old_it_is(opened: list[socket.socket]) -> None:
    async with listening() as address:
        strangers, _ = watching(address[1])
        (spoken,) = await connect(address, 1, opened)
        spoken.sendall(b"hello")
        assert await asyncio.to_thread(spoken.recv, 5) == b"hello"
        strangers.look()
        await connect(address, 3 * MOST, opened)
        assert strangers.look() > 0
        assert not is_ended(spoken)


@pytest.mark.slow
async def test_many_that_are_in_the_middle_of_a_handshake_are_left_alone_until_its_time_is_over(opened: list[socket.socket]) -> None:
    async with listening() as address:
        strangers, closed = watching(address[1])
        for entry in await connect(address, 2 * MOST, opened):
            entry.sendall(b"hello")
            assert await asyncio.to_thread(entry.recv, 5) == b"hello"
        patience = module.PATIENCE_LOOKS[module.Talk.ANSWERED]
        assert [strangers.look() for _ in range(patience)] == [0] * patience
        assert closed == []
        assert strangers.look() == 2 * MOST - KEPT


async def test_a_known_peer_and_another_port_are_left_alone(opened: list[socket.socket]) -> None:
    async with listening() as address:
        mine = await connect(address, 2 * MOST, opened)
        known = {entry.getsockname() for entry in mine}
        strangers, closed = watching(address[1], known)
        assert strangers.look() == 0
        other, _ = watching(address[1] + 1)
        assert other.look() == 0
        await connect(address, 2 * MOST, opened)
        assert strangers.look() == 2 * MOST - KEPT
        assert not any(map(is_ended, mine))
        assert closed == [2 * MOST - KEPT]


@pytest.mark.slow
async def test_a_look_is_possible_when_every_descriptor_was_taken(opened: list[socket.socket]) -> None:
    async with listening() as address:
        strangers, closed = watching(address[1])
        running = asyncio.create_task(strangers.run())
        await connect(address, 5 * MOST, opened)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(open_descriptors()) + 2, hard))
        try:
            await until(lambda: bool(closed))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        running.cancel()
        await asyncio.wait([running])
        assert sum(closed) == 5 * MOST - KEPT


def test_links_leave_descriptors_to_everything_else() -> None:
    assert connections_max(1_024) == 480
    assert connections_max(100) == 31
    assert 0 < raise_descriptors() <= module.DESCRIPTORS_WANTED


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:56976", ("127.0.0.1", 56976)),
        ("ipv6:%5B::1%5D:5000", ("::1", 5000)),
        ("ipv6:[::ffff:10.0.0.1]:5000", ("10.0.0.1", 5000)),
    ],
)
def test_grpcs_word_for_a_peer_is_read(peer: str, address: tuple[str, int]) -> None:
    assert addresses_of([peer, "unix:/tmp/x"]) == {address}


async def test_a_bounded_listener_gives_up_one_that_was_answered_nothing_for_a_new_one(opened: list[socket.socket]) -> None:
    listener = BoundedListener("127.0.0.1", 0, connections_max=KEPT)
    async with listening(listener) as address:
        (spoken,) = await connect(address, 1, opened)
        spoken.sendall(b"hello")
        assert await asyncio.to_thread(spoken.recv, 5) == b"hello"
        silent = await connect(address, 2 * KEPT, opened)
        await until(lambda: len(Listener.standing) == KEPT)
        assert not is_ended(spoken)
        assert sum(map(is_ended, silent)) == KEPT + 1
        assert not is_ended(silent[-1])


def test_a_taken_address_is_refused_and_leaves_nothing_open() -> None:
    with BoundedListener("127.0.0.1", 0, connections_max=1) as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            BoundedListener("127.0.0.1", first.getsockname()[1], connections_max=1)
