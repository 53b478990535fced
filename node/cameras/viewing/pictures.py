"""The newest picture of one of this node's cameras, asked of the process that analyses it: masked and stamped there, passed on here.

Keeps no picture. Refuses a camera that is not configured here. Called by wiring.py; its sources serve people at this node (desk.py) and
nodes above (giving.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edge_ai.wire.views import VIEW_TEXT_CHARS_MAX, ViewMessage, ViewOrder
from node.cameras.rows import EVIDENCE, GRADE
from node.cameras.viewing.kind import Live, ViewKind
from node.cameras.viewing.questions import Questions, Row, blindness
from node.evidence.stamping import Stamp

VIEW = "camera-view"
"""Verb of the question between nodes."""


@dataclass(frozen=True, slots=True)
class LivePicture:
    """A picture of now, or why there is none."""

    jpeg: bytes = b""
    time_us: int = 0
    masking: str = ""
    missing: str = ""
    """A word of questions.py, of edge_ai/looks/viewing.py, or a state of the camera; empty: the picture is there."""
    why: str = ""
    """More about it, for people at this node alone: it may name an address."""

    @property
    def data(self) -> bytes:
        """As Live."""
        return self.jpeg

    @property
    def position(self) -> int:
        """As Live: when it was taken."""
        return self.time_us

    @property
    def pictures(self) -> int:
        """As Live."""
        return int(bool(self.jpeg))


@dataclass(slots=True)
class LivePictures:
    """All questions for pictures of one node."""

    cameras: Callable[[], Sequence[Row]]
    """Every camera with its newest state."""
    ask: Callable[[ViewOrder], None]
    """Brings a question to the process that analyses the camera."""
    _questions: Questions[ViewMessage] = field(default_factory=Questions)

    async def newest(self, camera: str, text: str, *, known_us: int = 0) -> LivePicture:
        """The newest picture with `text` burnt in, unless it is the one of `known_us`. Raises CameraUnknown."""
        state, why = blindness(self.cameras(), camera)
        if state:
            return LivePicture(missing=state, why=why)
        text = text[:VIEW_TEXT_CHARS_MAX]
        answer = await self._questions.answer(
            camera, lambda number: self.ask(ViewOrder(camera=camera, number=number, text=text, known_us=known_us))
        )
        if isinstance(answer, str):
            return LivePicture(missing=answer)
        return LivePicture(answer.jpeg, answer.row.time_us, answer.row.masking, answer.row.missing)

    def came(self, message: ViewMessage) -> None:
        """An answer of a process."""
        self._questions.came(message)

    def source(self, camera: str) -> PictureSource:
        """One view's pictures of a camera."""
        return PictureSource(self, camera)


@dataclass(frozen=True, slots=True)
class PictureSource:
    """The pictures of one view."""

    pictures: LivePictures
    camera: str

    async def newest(self, stamp: Stamp, known: int, bytes_max: int) -> LivePicture:
        """As Source of kind.py; a picture has no parts."""
        return await self.pictures.newest(self.camera, stamp.line, known_us=known)


def _cells(live: Live, stamp: Stamp, camera: str) -> dict[str, Any]:
    """No hash: nothing of it is kept that it could vouch for."""
    return {"jpeg": live.data}


def _read(cells: dict[str, Any], position: int) -> LivePicture:
    return LivePicture(cells["jpeg"], position, "masked")


PICTURES = ViewKind(
    name="pictures", verb=VIEW, label=b"yunnao-view-1\x00", resource=EVIDENCE, grade=GRADE, columns=("jpeg",),
    fields="camera,event_id,jpeg,masked", unmasked=False, views_max=16, seconds_max=float("inf"), cells=_cells, read=_read,
    nothing=lambda missing: LivePicture(missing=missing),
)  # fmt: skip
"""Masked pictures of now, with who looks burnt in: rows of `camera-evidence`."""
