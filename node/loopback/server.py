"""A server on 127.0.0.1 for as long as a command runs: one address with a token, one handler, a bounded number of connections.

Owns the socket, its time limits, and the end of a stream whose reader has gone or does not read. Never listens on anything but loopback.
Called by `yunnao camera view --serve` and `yunnao camera zone --page`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from node.errors import EXIT_REFUSED, NodeError
from node.identity.chance import new_nonce
from node.loopback.http import HEAD_BYTES_MAX, Reply, Request, RequestRefused, admitted, parse_head, refusal, reply_head

HOST = "127.0.0.1"
CONNECTIONS_MAX = 16
WAITING_MAX = 64
"""Connections beyond which not even a refusal is written."""
STOP_S = 2.0
REQUEST_S = 10.0
"""Seconds that a request may take to arrive."""
WRITE_S = 20.0
"""Seconds that a reader may take for one part; whoever is slower has gone."""
BUFFER_BYTES = 1 << 20
"""What waits for a reader before the next part does."""

Handler = Callable[[Request], Awaitable[Reply]]
"""Raises RequestRefused."""


class PortRefused(NodeError):
    """The port cannot be had."""

    exit_code = EXIT_REFUSED


class LoopbackServer:
    """One handler at one address."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._token = new_nonce().hex()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0

    @property
    def address(self) -> str:
        """What a person opens; whoever has it may ask."""
        return f"http://{HOST}:{self.port}/{self._token}/"

    async def start(self, port: int) -> None:
        """Listen; port 0 takes any. Raises PortRefused."""
        try:
            self._server = await asyncio.start_server(self._connected, HOST, port, limit=HEAD_BYTES_MAX)
        except OSError as error:
            raise PortRefused(f"port {port} of {HOST} cannot be had ({error.strerror}): name another one, or 0 for any") from None
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Listen no more, and end what is open as if every browser had gone."""
        if self._server is not None:
            self._server.close()
        for writer in self._connections.values():
            writer.transport.abort()
        if self._connections:
            await asyncio.wait(self._connections, timeout=STOP_S)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is served by a task"
        if len(self._connections) >= WAITING_MAX:
            writer.transport.abort()
            return
        writer.transport.set_write_buffer_limits(high=BUFFER_BYTES)
        self._connections[task] = writer
        try:
            reply = await self._replied(reader)
            if isinstance(reply.body, bytes):
                await _write(writer, reply)
            else:
                await _stream(reader, writer, reply, reply.body)
        except (ConnectionError, TimeoutError):
            return  # the browser has gone: there is nobody to tell
        finally:
            del self._connections[task]
            writer.close()

    async def _replied(self, reader: asyncio.StreamReader) -> Reply:
        try:
            async with asyncio.timeout(REQUEST_S):
                request = await self._request(reader)
            if len(self._connections) > CONNECTIONS_MAX:
                raise RequestRefused(503, f"{CONNECTIONS_MAX} connections are open: close a page")
            return await self._handler(request)
        except RequestRefused as error:
            return refusal(error)
        except (asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            return refusal(RequestRefused(400, "the request is too long, or ended too early"))
        except TimeoutError:
            return refusal(RequestRefused(408, f"the request did not arrive in {REQUEST_S:g} s"))

    async def _request(self, reader: asyncio.StreamReader) -> Request:
        head = parse_head(await reader.readuntil(b"\r\n\r\n"))
        path = admitted(head, self._token)
        return Request(head.method, path, await reader.readexactly(head.body_bytes))


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    assert isinstance(reply.body, bytes), "a stream is written part by part"
    writer.write(reply_head(reply, length=len(reply.body)) + reply.body)
    async with asyncio.timeout(WRITE_S):
        await writer.drain()


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: Reply, parts: AsyncIterator[bytes]) -> None:
    """Part after part, until there are no more or the reader has gone: then what makes the parts is told so by its end."""
    writer.write(reply_head(reply, length=None))
    gone = asyncio.ensure_future(reader.read(1))
    coming: asyncio.Future[bytes] | None = None
    try:
        while not gone.done():
            coming = asyncio.ensure_future(anext(parts))
            await asyncio.wait({gone, coming}, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                return
            writer.write(coming.result())
            async with asyncio.timeout(WRITE_S):
                await writer.drain()
    except StopAsyncIteration:
        return
    finally:
        for each in (gone, coming):
            if each is not None and not each.done():
                each.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await each
        if (close := getattr(parts, "aclose", None)) is not None:
            await close()
