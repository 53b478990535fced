"""Which entries are orders here and when: of another level, way or time, in doubt, revoked, missed, or of a resource that comes later."""

from __future__ import annotations

from typing import Any

import pytest

from node.recall.views import RecallViews
from policies.entry import Retroactive
from policies.words import Way
from sync.model import ClockQuality, Level
from tests.node.identity.family import DAY_US, NOW_US, StandingClock
from tests.node.recall.holder import RESOURCE, Holder, Issuing, entry


@pytest.mark.parametrize(
    "change",
    [
        {"levels": (Level.PROVINCIAL,)},
        {"ways": (Way.RETURN,)},
        {"retroactive": Retroactive.NONE},
        {"retroactive": Retroactive.STOP},
        {"approver": ""},
        {"valid_from_us": NOW_US + 1},
    ],
)
async def test_what_the_entry_does_not_mean_stays(qingdao: Holder, province: Issuing, change: dict[str, Any]) -> None:
    province.list(entry(**change))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert desk.refusal(RESOURCE) == ""
    assert qingdao.values() == [5.0, 7.0, 150.0, 200.0]


async def test_an_order_that_was_missed_is_carried_out_after_the_entrys_end(
    qingdao: Holder, province: Issuing, clock: StandingClock
) -> None:
    province.list(entry(valid_to_us=NOW_US + DAY_US))
    async with qingdao.running() as desk:
        clock.us = NOW_US + 30 * DAY_US
        qingdao.take(province)
        await desk.round()
    assert qingdao.values() == [5.0, 7.0, 200.0]


async def test_a_clock_in_doubt_closes_the_resource_and_erases_nothing(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        qingdao.take(province)
        qingdao.quality = ClockQuality(0, 10**12)
        await desk.round()
        assert "clock is in doubt" in desk.fault
        assert desk.refusal(RESOURCE)
        assert len(qingdao.values()) == 4
        qingdao.quality = ClockQuality()
        await desk.round()
        assert (desk.fault, len(qingdao.values())) == ("", 3)


async def test_a_resource_that_an_order_means_only_later_is_recalled_then(qingdao: Holder, province: Issuing) -> None:
    whole = province.bundle.contents.catalogue
    province.list(entry(resource="air-*"))
    province.catalogue([resource for resource in whole if resource.code != RESOURCE])
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert (desk.refusal(RESOURCE), len(qingdao.values())) == ("", 4)
        province.catalogue(whole)
        qingdao.take(province)
        assert desk.refusal(RESOURCE)
        await desk.round()
        assert RecallViews(desk).shown("NL-1")["own"]["erased"] == 1
    assert qingdao.values() == [5.0, 7.0, 200.0]


async def test_a_revoked_entry_is_an_order_no_more(qingdao: Holder, province: Issuing) -> None:
    province.list(entry())
    async with qingdao.running() as desk:
        qingdao.take(province)
        assert desk.refusal(RESOURCE)
        province.list()
        qingdao.take(province)
        assert (desk.refusal(RESOURCE), desk.troubles()) == ("", [])
        await desk.round()
        assert RecallViews(desk).listed() == []
    assert len(qingdao.values()) == 4
