"""Questions to the processes of cameras that wait for their answer, and why a camera cannot be looked at now.

Owns their numbers and bounds: how many wait, and how long. An answer that nobody waits for, or about another camera than was asked for, is
dropped. Called by pictures.py and video.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from node.cameras.errors import CameraUnknown

ANSWER_S = 4.0
"""How long a process may take for one answer; its turn takes milliseconds."""
ASKED_MAX = 32
"""Questions under way."""
SAME, BUSY, SILENT = "same", "busy", "silent"
"""The asker has the newest there is; too many ask; the process did not answer."""
SEEING = frozenset({"live", "degraded"})
"""States of a camera that has pictures of now."""

Row = Mapping[str, object]


class _AnswerRow(Protocol):
    @property
    def camera(self) -> str: ...

    @property
    def number(self) -> int: ...


class Answer(Protocol):
    """What a process says to a question."""

    @property
    def row(self) -> _AnswerRow:
        """Which question it answers."""


_Answer = TypeVar("_Answer", bound=Answer)


@dataclass(slots=True)
class Questions(Generic[_Answer]):
    """Questions of one kind that are under way."""

    _waiting: dict[int, tuple[str, asyncio.Future[_Answer]]] = field(default_factory=dict)
    _number: int = 0

    async def answer(self, camera: str, ask: Callable[[int], None]) -> _Answer | str:
        """What comes after `ask` was told the question's number; BUSY or SILENT when nothing does."""
        if len(self._waiting) >= ASKED_MAX:
            return BUSY
        self._number += 1
        number = self._number
        coming: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (camera, coming)
        try:
            ask(number)
            async with asyncio.timeout(ANSWER_S):
                return await coming
        except TimeoutError:
            return SILENT
        finally:
            del self._waiting[number]

    def came(self, message: _Answer) -> None:
        """An answer of a process."""
        camera, coming = self._waiting.get(message.row.number, ("", None))
        if coming is not None and camera == message.row.camera and not coming.done():
            coming.set_result(message)


def blindness(cameras: Sequence[Row], camera: str) -> tuple[str, str]:
    """The state of a camera that has nothing to show, and why; two empty texts for one that has. Raises CameraUnknown."""
    row = next((row for row in cameras if row["camera"] == camera), None)
    if row is None:
        raise CameraUnknown(f"no camera {camera!r} at this node: `yunnao camera list` names them")
    state = str(row["state"])
    return ("", "") if state in SEEING else (state, str(row["why"]))
