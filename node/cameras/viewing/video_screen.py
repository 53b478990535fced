"""Live video for a player on loopback: pulled from the node while it is read, and only then.

Owns who watches and the pace of the questions. Each reader has a view of its own, which begins with the stream and ends with it. Keeps
nothing. Called by `yunnao camera view --unmasked-video --serve`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from node.cameras.viewing.video import LivePiece
from node.errors import NodeError
from node.loopback.http import JSON, Reply, Request, RequestRefused

READERS_MAX = 2
STREAM = "live.ts"
PERIOD_S = 0.5
"""Between questions, where nothing more is there yet."""
PATIENCE_S = 20.0
"""How long a stream goes on without a new piece."""
LOOK_EVERY_S = 1.0
COMING = frozenset({"same", "no-key-picture", "pace", "records-first", "busy", "silent", "connecting", "not-connected"})
"""Why there is no piece yet; whatever else is said does not pass by itself soon."""


class VideoCalls(Protocol):
    """One view, as the node answers. Each raises NodeError."""

    async def begin(self) -> None:
        """Sit down to look."""
        ...

    async def piece(self) -> LivePiece:
        """What follows, or why there is nothing."""
        ...

    async def end(self) -> None:
        """Stand up; raises nothing."""
        ...


@dataclass(slots=True)
class Newest:
    """Why the newest question brought nothing, in a word of the node; empty when it brought a piece."""

    missing: str = ""
    why: str = ""


async def pieces(calls: VideoCalls, newest: Newest) -> AsyncIterator[LivePiece]:
    """The pieces of a view that was begun, until its camera shows nothing for PATIENCE_S or for good. Raises NodeError."""
    loop = asyncio.get_running_loop()
    came_at = loop.time()
    while True:
        piece = await calls.piece()
        newest.missing, newest.why = piece.missing, piece.why
        if piece.data:
            came_at = loop.time()
            yield piece
        elif piece.missing not in COMING or loop.time() - came_at > PATIENCE_S:
            return
        if not piece.more:
            await asyncio.sleep(PERIOD_S)


@dataclass(slots=True)
class VideoScreen:
    """One camera's video for few players."""

    sit: Callable[[], VideoCalls]
    """Calls for one more view."""
    failed: NodeError | None = None
    """Why the last view was refused, or ended by the node."""
    newest: Newest = field(default_factory=Newest)
    _readers: int = 0
    _pieces: int = 0
    _lost_s: float = 0.0
    _left_at: float = 0.0

    async def answer(self, request: Request) -> Reply:
        """`live.ts` or `state.json`. Raises RequestRefused."""
        if request.method == "GET" and request.path == STREAM:
            if self._readers >= READERS_MAX:
                raise RequestRefused(503, f"{READERS_MAX} players watch already: close one")
            if self.failed is not None:
                raise RequestRefused(503, str(self.failed))
            return Reply("video/mp2t", self._stream())
        if request.method == "GET" and request.path == "state.json":
            missing, failed = self.newest.missing, str(self.failed or "")
            state = {"pieces": self._pieces, "lost_s": round(self._lost_s, 3), "missing": missing, "failed": failed}
            return Reply(JSON, msgspec.json.encode(state))
        raise RequestRefused(404, f"there are {STREAM} and state.json")

    async def wait_over(self, idle_s: float) -> None:
        """Return when nobody has watched for `idle_s`. Raises NodeError when a view failed."""
        loop = asyncio.get_running_loop()
        self._left_at = loop.time()
        while self._readers or loop.time() - self._left_at < idle_s:
            if self.failed is not None:
                raise self.failed
            await asyncio.sleep(LOOK_EVERY_S)

    async def _stream(self) -> AsyncIterator[bytes]:
        calls, self.newest = self.sit(), Newest()
        self._readers += 1
        try:
            await calls.begin()
            async for piece in pieces(calls, self.newest):
                self._pieces += 1
                self._lost_s += piece.lost_s
                yield piece.data
        except NodeError as error:
            self.failed = error
        finally:
            self._readers -= 1
            self._left_at = asyncio.get_running_loop().time()
            await calls.end()
