"""The newest picture of one of this node's cameras, asked of the process that analyses it: masked and stamped there, passed on here.

Owns the questions under way and what is said where there is no picture. Keeps no picture. Refuses a camera that is not configured here.
Called by desk.py for people at this node and by giving.py for nodes above.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edge_ai.wire import VIEW_TEXT_CHARS_MAX, ViewMessage, ViewOrder
from node.cameras.errors import CameraUnknown

ANSWER_S = 4.0
"""How long a process may take for one picture; its turn takes milliseconds."""
NAME_CHARS_MAX = 80
"""Of whoever looks, as burnt in: a longer name must not push time and request out of the stamp."""
ASKED_MAX = 32
"""Questions under way."""
SAME, BUSY, SILENT = "same", "busy", "silent"
"""The asker has the newest one; too many look; the process did not answer."""
SEEING = frozenset({"live", "degraded"})
"""States of a camera that has pictures of now."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LivePicture:
    """A picture of now, or why there is none."""

    jpeg: bytes = b""
    time_us: int = 0
    masking: str = ""
    missing: str = ""
    """A word of this module, of edge_ai/looks/viewing.py, or a state of the camera; empty: the picture is there."""
    why: str = ""
    """More about it, for people at this node alone: it may name an address."""


@dataclass(slots=True)
class LivePictures:
    """All questions for pictures of one node."""

    cameras: Callable[[], Sequence[Row]]
    """Every camera with its newest state."""
    ask: Callable[[ViewOrder], None]
    """Brings a question to the process that analyses the camera."""
    _waiting: dict[int, tuple[str, asyncio.Future[ViewMessage]]] = field(default_factory=dict)
    _number: int = 0

    async def newest(self, camera: str, text: str, *, known_us: int = 0) -> LivePicture:
        """The newest picture with `text` burnt in, unless it is the one of `known_us`. Raises CameraUnknown."""
        if (blind := self._blind(camera)) is not None:
            return blind
        if len(self._waiting) >= ASKED_MAX:
            return LivePicture(missing=BUSY)
        self._number += 1
        number, coming = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = (camera, coming)
        try:
            self.ask(ViewOrder(camera=camera, number=number, text=text[:VIEW_TEXT_CHARS_MAX], known_us=known_us))
            async with asyncio.timeout(ANSWER_S):
                message = await coming
        except TimeoutError:
            return LivePicture(missing=SILENT)
        finally:
            del self._waiting[number]
        return LivePicture(message.jpeg, message.row.time_us, message.row.masking, message.row.missing)

    def came(self, message: ViewMessage) -> None:
        """An answer of a process; one that nobody waits for, or about another camera than was asked for, is dropped."""
        camera, coming = self._waiting.get(message.row.number, ("", None))
        if coming is not None and camera == message.row.camera and not coming.done():
            coming.set_result(message)

    def _blind(self, camera: str) -> LivePicture | None:
        row = next((row for row in self.cameras() if row["camera"] == camera), None)
        if row is None:
            raise CameraUnknown(f"no camera {camera!r} at this node: `yunnao camera list` names them")
        state = str(row["state"])
        return None if state in SEEING else LivePicture(missing=state, why=str(row["why"]))
