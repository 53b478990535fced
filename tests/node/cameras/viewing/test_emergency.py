"""Unmasked video in an emergency: to the node above that two persons signed for, until it is over, and entered at both ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.cameras.viewing.video import VIDEO
from node.emergency.kind import HOUR_US
from node.identity.files import IdentityFiles
from node.requests.errors import FetchRefused
from node.tree.routes import RouteRefused
from tests.node.cameras.viewing.test_desk import Reception
from tests.node.cameras.viewing.test_video import FIELDS, UNMASKED
from tests.node.cameras.viewing.yard import PIECE, Yard
from tests.node.emergency.command import desk_of, know_emergencies, opened
from tests.node.requests.borough import PROVIDER, Borough

pytestmark = pytest.mark.slow
COMMAND = "qingdao"


@pytest.fixture
def borough(tmp_path: Path, papers: dict[str, IdentityFiles]) -> Iterator[Borough]:
    """Six nodes of this test's own, for time passes in it."""
    found = Borough(tmp_path, papers)
    know_emergencies(found)
    yield found
    found.close()


@pytest.mark.parametrize("end", ["clock", "provider", "provider-alone"])
async def test_video_is_watched_until_the_emergency_is_over_and_both_ends_enter_it(borough: Borough, yard: Yard, end: str) -> None:
    case_id = await opened(borough, COMMAND, resource="camera-clips", fields=FIELDS, filter=UNMASKED)
    desk = (command := Reception(borough, COMMAND, yard)).desk
    begun = await desk.begin("yard", by="li", node=PROVIDER, clearance=3, unmasked=True, why="fire at the yard")
    assert begun["request"] == case_id
    assert [(await desk.next(begun["view"])).data for _ in range(2)] == [PIECE + b"1", PIECE + b"2"]
    if end == "clock":
        borough.town.clock.wall += 3 * HOUR_US
    else:
        await desk_of(borough, PROVIDER).say(case_id, "end", by="zhao", why="the fire is out")
    if end == "provider":
        await borough.town.carry()
    with pytest.raises((FetchRefused, RouteRefused), match=r"expired|ended"):
        await desk.next(begun["view"])
    assert len(yard.watched) == 2
    told = command.told[-1][2]
    assert (told["request"], told["pictures"], told["shows"]) == (case_id, 50, VIDEO.name)
    assert "expired" in str(told["why"]) or "ended" in str(told["why"])
    assert {(one["asker"], one["by"], one["request"], one["purpose"]) for one in yard.noted} == {(COMMAND, "li", case_id, "emergency")}
    await yard.video_giving.stop()
    assert yard.steps == [("begin", 0), ("end", 50)]
    assert desk_of(borough, PROVIDER).shown(case_id)["shares"]["rows"] == 2


async def test_who_is_not_above_the_camera_gets_no_picture_of_it(borough: Borough, yard: Yard) -> None:
    borough.giving[PROVIDER].above = frozenset({"shibei", "shandong"})
    case_id = await opened(borough, COMMAND, resource="camera-clips", fields=FIELDS, filter=UNMASKED)
    desk = Reception(borough, COMMAND, yard).desk
    begun = await desk.begin("yard", by="li", node=PROVIDER, case_id=case_id, clearance=3, unmasked=True, why="fire")
    with pytest.raises(RouteRefused, match=f"which is not above {PROVIDER}"):
        await desk.next(begun["view"])
    assert (yard.watched, yard.noted) == ([], [])
