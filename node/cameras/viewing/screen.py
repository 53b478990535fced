"""A live view for browsers on loopback: pictures are pulled from the node while anybody watches, and only then.

Owns who watches, the pace, and the three things a browser asks for: a page, a stream of pictures, one picture. A view of the node begins
with the first viewer and ends with the last one. Keeps the newest picture alone, in memory. Called by `yunnao camera view --serve`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from node.errors import NodeError
from node.loopback.http import JSON, Reply, Request, RequestRefused
from node.loopback.page import Page

VIEWERS_MAX = 4
STILL_S = 15.0
"""How long one picture is waited for."""
LOOK_EVERY_S = 1.0
BOUNDARY = "picture"


class Calls(Protocol):
    """What a view asks of the node. Each raises NodeError."""

    async def begin(self) -> None:
        """Sit down to look."""
        ...

    async def next(self) -> tuple[bytes, str]:
        """The newest picture, or nothing and why not."""
        ...

    async def end(self) -> None:
        """Stand up; raises nothing."""
        ...


@dataclass(slots=True)
class Screen:
    """One camera's pictures for a few browsers."""

    calls: Calls
    page: Page
    period_s: float
    failed: NodeError | None = None
    """Why the view ended, once it did."""
    _viewers: int = 0
    _jpeg: bytes = b""
    _count: int = 0
    """Pictures that came."""
    _missing: str = ""
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)
    _pulling: asyncio.Task[None] | None = None
    _left_at: float = 0.0

    async def answer(self, request: Request) -> Reply:
        """The page, `live.mjpg`, `still.jpg` or `state.json`. Raises RequestRefused."""
        if request.method == "GET" and request.path == "":
            return self.page.reply()
        if request.method == "GET" and request.path == "live.mjpg":
            self._check_room()
            return Reply(f"multipart/x-mixed-replace; boundary={BOUNDARY}", self._stream())
        if request.method == "GET" and request.path == "still.jpg":
            self._check_room()
            return Reply("image/jpeg", await self._still())
        if request.method == "GET" and request.path == "state.json":
            return Reply(JSON, msgspec.json.encode({"pictures": self._count, "missing": self._missing, "failed": str(self.failed or "")}))
        raise RequestRefused(404, "there are live.mjpg, still.jpg and state.json")

    async def wait_over(self, idle_s: float) -> None:
        """Return when nobody has watched for `idle_s`. Raises NodeError when the view failed."""
        loop = asyncio.get_running_loop()
        self._left_at = loop.time()
        while self._viewers or loop.time() - self._left_at < idle_s:
            if self.failed is not None:
                raise self.failed
            await asyncio.sleep(LOOK_EVERY_S)

    def _check_room(self) -> None:
        if self._viewers >= VIEWERS_MAX:
            raise RequestRefused(503, f"{VIEWERS_MAX} viewers watch already: close a page")
        if self.failed is not None:
            raise RequestRefused(503, str(self.failed))

    async def _stream(self) -> AsyncIterator[bytes]:
        await self._join()
        try:
            seen = 0
            yield f"--{BOUNDARY}\r\n".encode()
            while await self._has_newer(seen):
                seen, jpeg = self._count, self._jpeg
                # A browser shows a part when the boundary behind it has come.
                yield f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()
        finally:
            await self._leave()

    async def _still(self) -> bytes:
        await self._join()
        try:
            async with asyncio.timeout(STILL_S):
                await self._has_newer(0)
        except TimeoutError:
            raise RequestRefused(503, f"no picture in {STILL_S:g} s: {self._missing or 'nothing came'}") from None
        finally:
            await self._leave()
        if self.failed is not None:
            raise RequestRefused(503, str(self.failed))
        return self._jpeg

    async def _has_newer(self, seen: int) -> bool:
        """True when a picture behind the one of `seen` has come; False when none will, because the view failed."""
        async with self._news:
            await self._news.wait_for(lambda: self.failed is not None or (bool(self._jpeg) and self._count > seen))
        return self.failed is None

    async def _join(self) -> None:
        self._viewers += 1
        if self._viewers == 1:
            before, self._jpeg = self._pulling, b""
            if before is not None:
                await asyncio.wait({before})
            self._pulling = asyncio.create_task(self._pull())

    async def _leave(self) -> None:
        self._viewers -= 1
        if not self._viewers:
            self._left_at = asyncio.get_running_loop().time()
            if self._pulling is not None:
                self._pulling.cancel()

    async def _pull(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self.calls.begin()
            while True:
                began = loop.time()
                jpeg, self._missing = await self.calls.next()
                async with self._news:
                    if jpeg:
                        self._jpeg, self._count = jpeg, self._count + 1
                        self._news.notify_all()
                await asyncio.sleep(max(0.0, self.period_s - (loop.time() - began)))
        except NodeError as error:
            self.failed = error
            async with self._news:
                self._news.notify_all()
        finally:
            await self.calls.end()

    async def stop(self) -> None:
        """End the view; whoever still waits for a picture gets none."""
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait({self._pulling})
