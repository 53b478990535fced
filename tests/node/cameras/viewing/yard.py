"""The cameras of a provider whose processes answer by themselves, and what its audit log is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_ai.wire.views import VideoMessage, VideoOrder, VideoRow, ViewMessage, ViewOrder, ViewRow
from node.audit.entry import Detail
from node.cameras.viewing.giving import ViewGiving
from node.cameras.viewing.pace import Pace
from node.cameras.viewing.pictures import PICTURES, VIEW, LivePictures
from node.cameras.viewing.video import VIDEO, WATCH, LiveVideo
from tests.node.requests.borough import PROVIDER, Borough

PICTURE = b"\xff\xd8" + b"a picture of the yard, whose bytes nobody between may read" * 20
PIECE = b"G" + b"a piece of the yard's video, whose bytes nobody between may read or keep" * 40


@dataclass
class Yard:
    """The provider's camera processes, answering by themselves, and what its audit log is told."""

    borough: Borough
    state: str = "live"
    time_us: int = 1_000
    orders: list[ViewOrder] = field(default_factory=list)
    noted: list[Detail] = field(default_factory=list)
    watched: list[VideoOrder] = field(default_factory=list)
    missing: str = ""
    """Why the next pieces of video do not come."""
    lost_s: float = 0.0
    pictures: LivePictures = field(init=False)
    giving: ViewGiving = field(init=False)
    video: LiveVideo = field(init=False)
    video_giving: ViewGiving = field(init=False)

    def __post_init__(self) -> None:
        """Answer the borough's questions."""
        self.pictures, self.video = LivePictures(self._cameras, self._ask), LiveVideo(self._cameras, self._watch)
        self.anew()

    def _cameras(self) -> list[dict[str, object]]:
        return [{"camera": name, "state": self.state, "why": "x"} for name in ("yard", "gate")]

    def anew(self, bytes_per_s: int = 1 << 20) -> None:
        """As after a new start of the node."""
        self.noted.clear()
        giving, answering = self.borough.giving[PROVIDER], self.borough.routes[PROVIDER].answering
        self.giving = ViewGiving(PICTURES, self.pictures.source, giving, Pace(bytes_per_s), self._note, self._tell)
        self.video_giving = ViewGiving(VIDEO, self.video.source, giving, Pace(bytes_per_s), self._note, self._tell)
        answering[VIEW], answering[WATCH] = self.giving.answer, self.video_giving.answer

    def _ask(self, order: ViewOrder) -> None:
        self.orders.append(order)
        same = order.known_us == self.time_us
        row = ViewRow(camera=order.camera, number=order.number, time_us=self.time_us, missing="same" if same else "")
        self.pictures.came(ViewMessage(row, b"" if same else PICTURE))

    def _watch(self, order: VideoOrder) -> None:
        """The piece behind a mark says its number in its bytes, so that order and loss can be seen."""
        self.watched.append(order)
        number = int(order.mark or b"0") + 1
        row = VideoRow(
            camera=order.camera, number=order.number, time_us=self.time_us + number, codec="H264", pictures=25, lost_s=self.lost_s,
            mark=str(number).encode(), missing=self.missing,
        )  # fmt: skip
        self.video.came(VideoMessage(row, b"" if self.missing else PIECE + str(number).encode()))

    async def _note(self, asker: str, by: str, detail: Detail) -> None:
        self._tell(asker, by, detail)

    def _tell(self, asker: str, by: str, detail: Detail) -> None:
        self.noted.append({"asker": asker, "by": by, **detail})

    @property
    def steps(self) -> list[tuple[object, object]]:
        """Entries of the audit log: (step, pictures)."""
        return [(one["step"], one["pictures"]) for one in self.noted]
