"""Views of people at a node: of its own cameras by their clearance, of others under a grant, and over when nobody asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from node.audit.entry import Detail
from node.cameras.errors import CameraUnknown, ViewRefused
from node.cameras.viewing.desk import SILENT_S, VIEWS_MAX, ViewDesk
from node.cameras.viewing.kind import Source, ViewKind
from node.cameras.viewing.pictures import PICTURES
from node.cameras.viewing.video import VIDEO, VIDEO_S_MAX
from node.clock import Clock
from sync.model import Instant
from tests.node.cameras.viewing.yard import PICTURE, PIECE, Yard
from tests.node.requests.borough import ASKER, PROVIDER, TREE, WALL_US, Borough

pytestmark = pytest.mark.slow


@dataclass
class Later:
    """A clock that stands where it is put."""

    at: Instant = Instant(0)

    def now(self) -> Instant:
        return self.at

    def wall_us(self) -> int:
        return WALL_US


@dataclass
class Reception:
    """The desk of a node, and what it told the audit log."""

    borough: Borough
    node: str
    yard: Yard
    clock: Later = field(default_factory=Later)
    told: list[tuple[str, str, Detail]] = field(default_factory=list)
    desk: ViewDesk = field(init=False)

    def __post_init__(self) -> None:
        """Open it."""
        clock: Clock = self.clock
        kinds: dict[bool, tuple[ViewKind, Callable[[str], Source]]] = {
            False: (PICTURES, self.yard.pictures.source), True: (VIDEO, self.yard.video.source),
        }  # fmt: skip
        self.desk = ViewDesk(
            node=self.node, territory=TREE[self.node][1], kinds=kinds, taking=self.borough.taking[self.node],
            policy=self.borough.taking[self.node].policy, clock=clock, nonce=self._nonce,
            tell=lambda camera, by, detail: self.told.append((camera, by, detail)),
        )  # fmt: skip

    def _nonce(self) -> bytes:
        self.names += 1
        return self.names.to_bytes(16, "little")

    names: int = 0


@pytest.fixture
def here(borough: Borough, yard: Yard) -> Reception:
    """At the node that has the cameras."""
    return Reception(borough, PROVIDER, yard)


async def test_a_camera_of_this_node_is_shown_stamped_and_its_end_is_entered(here: Reception, yard: Yard) -> None:
    begun = await here.desk.begin("yard", by="li", clearance=2)
    assert (await here.desk.next(begun["view"])).data == PICTURE
    assert (await here.desk.next(begun["view"])).missing == "same"
    assert all(word in yard.orders[0].text for word in (PROVIDER, "li", "yard"))
    assert await here.desk.end(begun["view"]) == {"pictures": 1, "told": True}
    assert await here.desk.end(begun["view"]) == {"pictures": 0}
    ((camera, by, detail),) = here.told
    assert (camera, by, detail["pictures"], detail["bytes"], detail["why"]) == ("yard", "li", 1, len(PICTURE), "over")


async def test_a_clearance_below_that_of_the_pictures_sees_none(here: Reception) -> None:
    begun = await here.desk.begin("yard", by="li", clearance=1)
    with pytest.raises(ViewRefused, match="clearance L1"):
        await here.desk.next(begun["view"])
    with pytest.raises(ViewRefused, match="is over"):
        await here.desk.next(begun["view"])
    assert "clearance L1" in str(here.told[-1][2]["why"])


async def test_a_camera_that_is_not_here_ends_its_view(here: Reception) -> None:
    begun = await here.desk.begin("nowhere", by="li", clearance=2)
    with pytest.raises(CameraUnknown):
        await here.desk.next(begun["view"])


async def test_a_lost_camera_says_why_to_people_here(here: Reception, yard: Yard) -> None:
    yard.state = "lost"
    begun = await here.desk.begin("yard", by="li", clearance=2)
    found = await here.desk.next(begun["view"])
    assert (found.missing, found.why) == ("lost", "x")


async def test_a_view_ends_when_its_viewer_has_gone(here: Reception) -> None:
    await here.desk.begin("yard", by="li", clearance=2)
    here.clock.at = here.clock.at.plus(SILENT_S)
    await here.desk.sweep()
    assert not here.told
    here.clock.at = here.clock.at.plus(1)
    await here.desk.sweep()
    assert here.told[-1][2]["why"] == "silent"


async def test_views_are_bounded_and_end_with_the_node(here: Reception) -> None:
    for _ in range(VIEWS_MAX):
        await here.desk.begin("yard", by="li", clearance=2)
    with pytest.raises(ViewRefused, match=f"{VIEWS_MAX} views are open"):
        await here.desk.begin("yard", by="li", clearance=2)
    await here.desk.stop()
    assert [one[2]["why"] for one in here.told] == ["node"] * VIEWS_MAX


async def test_a_camera_elsewhere_is_seen_under_a_grant_and_the_other_end_hears_of_the_end(borough: Borough, yard: Yard) -> None:
    there = Reception(borough, ASKER, yard)
    said = {"resource": "camera-evidence", "fields": ("event_id", "jpeg"), "filter": "event_id = 'live'"}
    case = await borough.granted(None, **said)
    begun = await there.desk.begin("yard", by="wang", node=PROVIDER, case_id=case.id, clearance=2)
    assert (begun["node"], begun["request"]) == (PROVIDER, case.id)
    assert (await there.desk.next(begun["view"])).data == PICTURE
    assert await there.desk.end(begun["view"]) == {"pictures": 1, "told": True}
    assert there.told[-1][2]["request"] == case.id
    assert yard.steps == [("begin", 0), ("end", 1)]


async def test_unmasked_video_of_a_camera_here_needs_a_reason_and_the_clearance_of_originals(here: Reception) -> None:
    with pytest.raises(ViewRefused, match="say why you look"):
        await here.desk.begin("yard", by="li", clearance=3, unmasked=True)
    begun = await here.desk.begin("yard", by="li", clearance=2, unmasked=True, why="case 12")
    with pytest.raises(ViewRefused, match="not shown at clearance L2: the policy in force withholds its unmasked video"):
        await here.desk.next(begun["view"])
    begun = await here.desk.begin("yard", by="li", clearance=3, unmasked=True, why="case 12")
    assert [(await here.desk.next(begun["view"])).data for _ in range(2)] == [PIECE + b"1", PIECE + b"2"]
    await here.desk.end(begun["view"])
    detail = here.told[-1][2]
    assert (detail["shows"], detail["pictures"], detail["bytes"], detail["why"]) == ("unmasked video", 50, 2 * len(PIECE) + 2, "over")


async def test_a_view_of_unmasked_video_has_an_end(here: Reception) -> None:
    begun = await here.desk.begin("yard", by="li", clearance=3, unmasked=True, why="case 12")
    here.clock.at = here.clock.at.plus(VIDEO_S_MAX + 1)
    with pytest.raises(ViewRefused, match="lasts at most 3600 s"):
        await here.desk.next(begun["view"])
    assert here.told[-1][2]["seconds"] == VIDEO_S_MAX + 1
