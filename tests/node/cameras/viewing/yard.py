"""The cameras of a provider whose processes answer by themselves, and what its audit log is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_ai.wire import ViewMessage, ViewOrder, ViewRow
from node.audit.entry import Detail
from node.cameras.viewing.giving import ViewGiving
from node.cameras.viewing.pace import Pace
from node.cameras.viewing.papers import VIEW
from node.cameras.viewing.pictures import LivePictures
from tests.node.requests.borough import PROVIDER, Borough

PICTURE = b"\xff\xd8" + b"a picture of the yard, whose bytes nobody between may read" * 20


@dataclass
class Yard:
    """The provider's camera processes, answering by themselves, and what its audit log is told."""

    borough: Borough
    state: str = "live"
    time_us: int = 1_000
    orders: list[ViewOrder] = field(default_factory=list)
    noted: list[Detail] = field(default_factory=list)
    pictures: LivePictures = field(init=False)
    giving: ViewGiving = field(init=False)

    def __post_init__(self) -> None:
        """Answer the borough's questions."""
        self.pictures = LivePictures(lambda: [{"camera": name, "state": self.state, "why": "x"} for name in ("yard", "gate")], self._ask)
        self.anew()

    def anew(self, bytes_per_s: int = 1 << 20) -> None:
        """As after a new start of the node."""
        self.noted.clear()
        self.giving = ViewGiving(self.pictures, self.borough.giving[PROVIDER], Pace(bytes_per_s), self._note, self._tell)
        self.borough.routes[PROVIDER].answering[VIEW] = self.giving.answer

    def _ask(self, order: ViewOrder) -> None:
        self.orders.append(order)
        same = order.known_us == self.time_us
        row = ViewRow(camera=order.camera, number=order.number, time_us=self.time_us, missing="same" if same else "")
        self.pictures.came(ViewMessage(row, b"" if same else PICTURE))

    async def _note(self, asker: str, by: str, detail: Detail) -> None:
        self._tell(asker, by, detail)

    def _tell(self, asker: str, by: str, detail: Detail) -> None:
        self.noted.append({"asker": asker, "by": by, **detail})

    @property
    def steps(self) -> list[tuple[object, object]]:
        """Entries of the audit log: (step, pictures)."""
        return [(one["step"], one["pictures"]) for one in self.noted]
