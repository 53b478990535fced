"""The server on loopback: bounded, closed to others, and a stream that ends with its reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from node.loopback import server
from node.loopback.http import Reply, Request, RequestRefused
from node.loopback.server import CONNECTIONS_MAX, LoopbackServer, PortRefused


class Page:
    """A handler that answers with what it was asked, and streams until it is closed."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def answer(self, request: Request) -> Reply:
        if request.path == "gone":
            raise RequestRefused(404, "no such page")
        if request.path == "live":
            return Reply("text/plain", self._parts())
        return Reply("text/plain", f"{request.method} {request.path} {len(request.body)}".encode())

    async def _parts(self) -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def raw(made: LoopbackServer, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(data)
    got = await reader.read()
    writer.close()
    return got


def get(made: LoopbackServer, path: str) -> bytes:
    token = made.address.split("/")[3]
    return f"GET /{token}/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


async def test_it_answers_at_its_address_alone() -> None:
    made = LoopbackServer(Page().answer)
    await made.start(0)
    assert made.address.startswith(f"http://127.0.0.1:{made.port}/")
    assert len(made.address.split("/")[3]) == 32
    assert (await raw(made, get(made, "x"))).endswith(b"GET x 0")
    assert (await raw(made, get(made, "gone"))).startswith(b"HTTP/1.1 404")
    assert (await raw(made, b"GET /wrong/ HTTP/1.1\r\nHost: localhost\r\n\r\n")).startswith(b"HTTP/1.1 404")
    assert (await raw(made, b"A" * 40_000 + b"\r\n\r\n")).startswith(b"HTTP/1.1 400")
    await made.stop()


async def test_a_slow_request_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.01)
    made = LoopbackServer(Page().answer)
    await made.start(0)
    assert (await raw(made, b"GET / HTTP/1.1\r\n")).startswith(b"HTTP/1.1 408")
    await made.stop()


async def test_a_stream_ends_when_its_reader_has_gone() -> None:
    page = Page()
    made = LoopbackServer(page.answer)
    await made.start(0)
    reader, writer = await asyncio.open_connection("127.0.0.1", made.port)
    writer.write(get(made, "live"))
    await reader.readuntil(b"first")
    assert not page.ended.is_set()
    writer.close()
    await asyncio.wait_for(page.ended.wait(), 5)
    await made.stop()


async def test_connections_are_bounded() -> None:
    page = Page()
    made = LoopbackServer(page.answer)
    await made.start(0)
    held = [await asyncio.open_connection("127.0.0.1", made.port) for _ in range(CONNECTIONS_MAX)]
    for reader, writer in held:
        writer.write(get(made, "live"))
        await reader.readuntil(b"first")
    assert (await raw(made, get(made, "x"))).startswith(b"HTTP/1.1 503")
    await made.stop()
    assert page.ended.is_set()
    for _, writer in held:
        writer.close()


async def test_a_port_that_is_taken_is_named() -> None:
    first, second = LoopbackServer(Page().answer), LoopbackServer(Page().answer)
    await first.start(0)
    with pytest.raises(PortRefused, match=str(first.port)):
        await second.start(first.port)
    await first.stop()
