"""Live video of one of this node's cameras as the camera sends it, asked of the process that reads it: opaque bytes, passed on.

Owns the number of each piece of a view, so that one which was lost on its way is made again and none is passed over unsaid, and the note
that goes with each: a stamp cannot be burnt into it. Keeps no piece, only where the view stands. Called by wiring.py; its sources serve
people at this node (desk.py) and nodes above (giving.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edge_ai.wire.views import VIDEO_BYTES_MAX, VideoMessage, VideoOrder
from node.cameras.errors import ViewRefused
from node.cameras.rows import CLIPS
from node.cameras.viewing.kind import Live, ViewKind
from node.cameras.viewing.questions import Questions, Row, blindness
from node.evidence.clip_copies import NOTICE, STREAM
from node.evidence.handing_out import GRADE_ORIGINAL
from node.evidence.stamping import Stamp
from node.untrusted import UNREADABLE

WATCH = "camera-video"
"""Verb of the question between nodes."""
VIDEO_S_MAX = 3_600.0
"""After which a view of video is over: who goes on begins anew, and is entered anew."""

Word = Annotated[str, Meta(max_length=64)]


@dataclass(frozen=True, slots=True)
class LivePiece:
    """A piece of a camera's transport stream, or why there is none. All pieces of a view, one behind the other, are one stream."""

    data: bytes = b""
    position: int = 0
    """Its number in its view, from 1 on."""
    time_us: int = 0
    codec: str = ""
    pictures: int = 0
    lost_s: float = 0.0
    """Seconds without pictures before it."""
    more: bool = False
    """True: what is behind it is there already."""
    missing: str = ""
    """A word of questions.py, of edge_ai/looks/passing.py, or a state of the camera; empty: the piece is there."""
    why: str = ""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with each piece: who has it, under what, and what it is."""

    camera: Word
    for_node: Word
    for_person: str
    at_us: int
    under: str
    sha256: str
    codec: Word
    pictures: Annotated[int, Meta(ge=1)]
    lost_s: Annotated[float, Meta(ge=0)]
    more: bool
    time_us: int
    notice: str = NOTICE


@dataclass(slots=True)
class LiveVideo:
    """All questions for video of one node."""

    cameras: Callable[[], Sequence[Row]]
    """Every camera with its newest state."""
    ask: Callable[[VideoOrder], None]
    """Brings a question to the process that reads the camera."""
    _questions: Questions[VideoMessage] = field(default_factory=Questions)

    async def piece(self, camera: str, mark: bytes, bytes_max: int) -> VideoMessage | LivePiece:
        """What follows a mark of the process; a LivePiece that says why there is none. Raises CameraUnknown."""
        state, why = blindness(self.cameras(), camera)
        if state:
            return LivePiece(missing=state, why=why)
        answer = await self._questions.answer(
            camera, lambda number: self.ask(VideoOrder(camera=camera, number=number, mark=mark, bytes_max=bytes_max))
        )
        return LivePiece(missing=answer) if isinstance(answer, str) else answer

    def came(self, message: VideoMessage) -> None:
        """An answer of a process."""
        self._questions.came(message)

    def source(self, camera: str) -> VideoSource:
        """One view's video of a camera."""
        return VideoSource(self, camera)


@dataclass(slots=True)
class VideoSource:
    """The video of one view: where it stands, and where it stood a piece ago."""

    video: LiveVideo
    camera: str
    _number: int = 0
    """Of the newest piece that was made."""
    _before: bytes = b""
    _after: bytes = b""

    async def newest(self, stamp: Stamp, known: int, bytes_max: int) -> LivePiece:
        """As Source of kind.py; the newest piece is made again for whoever did not get it. Raises ViewRefused."""
        if known not in (self._number, self._number - 1):
            raise ViewRefused(f"video of camera {self.camera} stands at piece {self._number}, the asker at {known}: begin a new view")
        is_again = known < self._number
        found = await self.video.piece(self.camera, self._before if is_again else self._after, bytes_max)
        if isinstance(found, LivePiece):
            return found
        row = found.row
        if row.missing:
            return LivePiece(missing=row.missing)
        if not is_again:
            self._number, self._before = self._number + 1, self._after
        self._after = row.mark
        return LivePiece(found.data, self._number, row.time_us, row.codec, row.pictures, row.lost_s, row.more)


def _cells(live: Live, stamp: Stamp, camera: str) -> dict[str, Any]:
    piece = live if isinstance(live, LivePiece) else LivePiece(live.data)
    digest = hashlib.sha256(piece.data).hexdigest()
    note = Note(
        camera=camera, for_node=stamp.node, for_person=stamp.by, at_us=stamp.at_us, under=stamp.about, sha256=digest, codec=piece.codec,
        pictures=piece.pictures, lost_s=piece.lost_s, more=piece.more, time_us=piece.time_us,
    )  # fmt: skip
    return {"form": STREAM, "video": piece.data, "sha256": digest, "note": msgspec.json.encode(note).decode()}


def _read(cells: dict[str, Any], position: int) -> LivePiece:
    try:
        note = msgspec.json.decode(cells["note"], type=Note)
    except UNREADABLE:
        raise ViewRefused("a piece of video came with a note that does not parse: update the older of the two nodes") from None
    if len(cells["video"]) > VIDEO_BYTES_MAX or hashlib.sha256(cells["video"]).hexdigest() != note.sha256:
        raise ViewRefused("a piece of video is not what its note says")
    return LivePiece(cells["video"], position, note.time_us, note.codec, note.pictures, note.lost_s, note.more)


VIDEO = ViewKind(
    name="unmasked video", verb=WATCH, label=b"yunnao-video-1\x00", resource=CLIPS, grade=GRADE_ORIGINAL, columns=("video", "note"),
    fields="camera,event_id,form,video,note,masked", unmasked=True, views_max=4, seconds_max=VIDEO_S_MAX, cells=_cells, read=_read,
    nothing=lambda missing: LivePiece(missing=missing),
)  # fmt: skip
"""Video as the camera sends it, not masked: rows of `camera-clips`."""
