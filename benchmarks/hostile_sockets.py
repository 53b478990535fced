"""Connections that hostile_child.py opens below gRPC: thousands that say nothing, half a TLS record, a TLS handshake or an HTTP/2 stream
that never goes on. They are held, all at once, and then dropped.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from sync.transport.credentials import TlsCredentials

HELD_S = 1.0
"""How long all are open."""
OPEN_TIMEOUT_S = 5.0
"""For one connection to stand: a listener that takes no more lets it wait."""
AT_ONCE = 100
"""Connections that are being opened."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""What an HTTP/2 client says first, with an empty SETTINGS frame."""
HALF_HEADERS = bytes((0, 64, 0, 1, 0, 0, 0, 0, 1)) + bytes(10)
"""A HEADERS frame of 16,384 bytes of which ten come."""


async def hold_half_open(addresses: Sequence[str], count: int, rng: Random) -> int:
    """Open `count` connections to each address (host:port), by turns silent, with garbage and with a ClientHello; how many stood."""
    openings = (b"", b"\x16\x03\x01\x40\x00" + rng.randbytes(20), client_hello())
    room = asyncio.Semaphore(AT_ONCE)
    wanted = [_open(address, openings[number % len(openings)], room) for number in range(count) for address in addresses]
    opened = [entry for entry in await asyncio.gather(*wanted) if entry is not None]
    await asyncio.sleep(HELD_S)
    for connection in opened:
        connection.close()
    return len(opened)


async def hold_half_streams(address: str, credentials: TlsCredentials, server_name: str, count: int) -> int:
    """Open `count` connections with the child's own certificate, each with a stream whose headers never end; how many stood."""
    context, (host, _, port) = client_context(credentials), address.rpartition(":")
    writers = []
    for _ in range(count):
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                _, writer = await asyncio.open_connection(host, int(port), ssl=context, server_hostname=server_name)
            writer.write(PREFACE + HALF_HEADERS)
            writers.append(writer)
    await asyncio.sleep(HELD_S)
    for writer in writers:
        writer.transport.abort()
    return len(writers)


async def _open(address: str, opening: bytes, room: asyncio.Semaphore) -> socket.socket | None:
    host, _, port = address.rpartition(":")
    connection = socket.socket()
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    try:
        async with room, asyncio.timeout(OPEN_TIMEOUT_S):
            await loop.sock_connect(connection, (host, int(port)))
            if opening:
                await loop.sock_sendall(connection, opening)
    except (OSError, TimeoutError):
        connection.close()
        return None
    return connection


def client_hello() -> bytes:
    """The first record of a TLS client that knows HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="nobody.example")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def client_context(credentials: TlsCredentials) -> ssl.SSLContext:
    """A TLS client with the child's certificate, which the ssl module reads from a file only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=credentials.root_pem.decode("ascii"))
    context.set_alpn_protocols(["h2"])
    handle = os.memfd_create("hostile")
    try:
        os.write(handle, credentials.key_pem + b"\n" + credentials.chain_pem)
        context.load_cert_chain(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)
    return context
