"""Connections behind which nobody stands: bounded on every port of the node, whatever keeps them open.

Whoever opens thousands of connections and says nothing, or half a TLS record, holds a descriptor for each until a handshake's time is over.
Owns: the bound, the limit of descriptors of this process, and whom to close: the silent at once, then those that were answered nothing,
then the oldest handshakes, and no handshake before its time: five hundred children that come back together are strangers too, and closing
them would only make them come again. Knows a connection only by its descriptor, because gRPC gives none away. Refuses nothing by address:
children behind one router share theirs. Started by node/appliance.py.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
import stat
import struct
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote

log = logging.getLogger("yunnao.strangers")

LOOK_S = 0.1
"""Between two looks: a listener in Python accepts some two hundred connections in this time, gRPC up to `connections_max`."""
STRANGERS_MAX = 1_024
"""Connections without a peer that are left alone."""
KEPT_SHARE = 0.75
"""Part of them that stays when there are more."""
DESCRIPTORS_KEPT = 256
"""Descriptors that links never get: journal, files, the other listeners, threads of gRPC."""
SPARE = 4
"""Descriptors held back for a look when no other is free."""
DESCRIPTORS_WANTED = 65_536
"""What the process asks of the system at its start."""
LINKS_PART, LINKS_OF = 5, 8
"""Of those that are left, links get this part; sensor door and joins have the rest."""
STRANGERS_SHARE = 4
"""Of a small limit, strangers get one part in this many."""
TLS_BUFFER_BYTES = 8 << 10
"""Half a TLS record. Ten thousand idle devices hold one each; a device that sends whole records is read in two steps, which costs a
hundredth of what its readings cost."""
ACKED_AT, RECEIVED_AT, INFO_BYTES = 120, 128, 136
"""Offsets of tcpi_bytes_acked and tcpi_bytes_received in struct tcp_info of Linux, and its length up to there."""

OWN_DESCRIPTORS = "/proc/self/fd"

Address = tuple[str, int]
Addresses = Callable[[], set[Address]]
"""Where the peers are that a listener knows by now."""


def raise_descriptors() -> int:
    """Ask for as many descriptors as the system lets this process have, up to DESCRIPTORS_WANTED; how many it may open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS_WANTED if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_WANTED)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return DESCRIPTORS_WANTED if soft == resource.RLIM_INFINITY else soft


def shrink_tls_buffers() -> None:
    """Have asyncio hold TLS_BUFFER_BYTES for each TLS connection from its first moment on, and not 256 KiB."""
    SSLProtocol.max_size = TLS_BUFFER_BYTES


def connections_max(descriptors: int) -> int:
    """How many connections the listener for links may have open at once in a process of so many descriptors."""
    return max(descriptors - DESCRIPTORS_KEPT, descriptors // 2) * LINKS_PART // LINKS_OF


class Talk(IntEnum):
    """How far a connection came, by what TCP counts."""

    SILENT = 0
    SPOKE = 1
    ANSWERED = 2


PATIENCE_LOOKS = {Talk.SILENT: 0, Talk.SPOKE: 20, Talk.ANSWERED: 100}
"""Looks (LOOK_S, longer on a busy node) that a stranger is left alone however many there are."""


@dataclass(slots=True)
class Strangers:
    """The watch over all ports of a node."""

    on_closed: Callable[[int, str], None]
    """Told how many were closed, and why."""
    descriptors: int
    """How many this process may open."""
    _ports: dict[int, tuple[Sized, Addresses]] = field(default_factory=dict)
    _seen: dict[Address, int] = field(default_factory=dict)
    """By address: the look at which it was met first."""
    _looks: int = 0

    def watch(self, port: int, known: Sized = (), addresses: Addresses = set) -> None:
        """Look at connections on `port` too; `known` are those that somebody stands behind, as they are at each look."""
        self._ports[port] = known, addresses

    async def run(self) -> None:
        """Look for as long as the node runs."""
        while True:
            try:
                with _spare():
                    await asyncio.sleep(LOOK_S)
                self.look()
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE):
                    raise
                log.error("every descriptor of this process is in use: looking again in %g s", LOOK_S)
                await asyncio.sleep(LOOK_S)

    def look(self) -> int:
        """Close what is too much; how many were closed."""
        self._looks += 1
        most = min(STRANGERS_MAX, self.descriptors // STRANGERS_SHARE)
        if len(open_descriptors()) <= most + sum(len(known) for known, _ in self._ports.values()):
            self._seen.clear()
            return 0
        found = list(self._strangers({port: addresses() for port, (_, addresses) in self._ports.items()}))
        self._seen = {address: self._seen.get(address, self._looks) for address, _, _ in found}
        if len(found) <= most:
            return 0
        # Two connections of one address are on two ports: which of them goes is all the same.
        late = [entry for entry in found if self._looks - self._seen[entry[0]] >= PATIENCE_LOOKS[entry[2]]]
        late.sort(key=lambda entry: (entry[2], self._seen[entry[0]]))
        closed = sum(_shut(descriptor, address) for address, descriptor, _ in late[: len(found) - int(most * KEPT_SHARE)])
        if closed:
            self.on_closed(closed, f"{closed} connections closed: {len(found)} were open with nobody known behind them, at most {most} may")
        return closed

    def _strangers(self, known: Mapping[int, set[Address]]) -> Iterator[tuple[Address, int, Talk]]:
        """Address, descriptor, and how far it came, of every connection that nobody stands behind."""
        for descriptor in open_descriptors():
            with suppress(OSError):  # it may be closed by now, or not be connected
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    with closing(_borrow(descriptor)) as connection:
                        if connection.family in (socket.AF_INET, socket.AF_INET6):
                            port, address = connection.getsockname()[1], _plain(connection.getpeername())
                            if port in known and address not in known[port]:
                                yield address, descriptor, _talk(connection)


@contextmanager
def _spare() -> Iterator[None]:
    """Hold descriptors back while the block runs, for the look after it."""
    with ExitStack() as held:
        for _ in range(SPARE):
            held.enter_context(Path(os.devnull).open("rb"))
        yield


def open_descriptors() -> list[int]:
    """What this process has open, the folder that is read for it included."""
    return [int(name) for name in os.listdir(OWN_DESCRIPTORS)]  # noqa: PTH208 - many a second, without a path for each


class BoundedListener(socket.socket):
    """A listening socket for asyncio of which at most `connections_max` connections are open: one more takes the place of another."""

    def __init__(self, host: str, port: int, *, connections_max: int) -> None:
        """Bind the first address that `host` stands for; raises OSError."""
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        super().__init__(family, kind, protocol)
        self._connections_max = connections_max
        self._open: list[socket.socket] = []
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind(address)
        except OSError:
            self.close()
            raise

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection, as asyncio asks for it."""
        connection, address = super().accept()
        self._open = [entry for entry in self._open if entry.fileno() >= 0]
        if len(self._open) >= self._connections_max:
            given_up = min(self._open, key=_talk)
            self._open.remove(given_up)
            with suppress(OSError):  # its peer may be gone by now
                given_up.shutdown(socket.SHUT_RDWR)
        self._open.append(connection)
        return connection, address


def _borrow(descriptor: int) -> socket.socket:
    """The socket by a descriptor of our own: closing this one leaves the connection open."""
    return socket.socket(fileno=os.dup(descriptor))


def _shut(descriptor: int, address: Address) -> bool:
    """End the connection; its owner sees the end and frees it. False when the descriptor is another's by now."""
    with suppress(OSError), closing(_borrow(descriptor)) as connection:
        if _plain(connection.getpeername()) == address:
            connection.shutdown(socket.SHUT_RDWR)
            return True
    return False


def _talk(connection: socket.socket) -> Talk:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
    if len(info) < INFO_BYTES:
        return Talk.SPOKE  # a kernel older than 4.2 does not count
    if struct.unpack_from("Q", info, ACKED_AT)[0]:
        return Talk.ANSWERED
    return Talk.SPOKE if struct.unpack_from("Q", info, RECEIVED_AT)[0] else Talk.SILENT


def _plain(address: Sequence[Any]) -> Address:
    """An IPv4 address as a listener on `::` sees it is that IPv4 address."""
    return address[0].removeprefix("::ffff:"), address[1]


def addresses_of(peers: Iterable[str]) -> set[Address]:
    """The addresses in what gRPC calls peers: `ipv4:10.0.0.1:5000`, `ipv6:[::1]:5000`, also with the brackets escaped."""
    parts = [peer.partition(":")[2].rpartition(":") for peer in peers if peer.startswith(("ipv4:", "ipv6:"))]
    return {_plain((unquote(host).strip("[]"), int(port))) for host, _, port in parts}
