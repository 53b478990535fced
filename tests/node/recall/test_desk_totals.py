"""Totals and summaries over what was recalled, or raised to a grade that may not be held as before, say so."""

from __future__ import annotations

import pytest

from node.recall.views import RecallViews
from tests.node.identity.family import NOW_US
from tests.node.recall.holder import RESOURCE, Holder, Issuing, entry


async def test_totals_over_what_was_recalled_are_marked(qingdao: Holder, province: Issuing) -> None:
    derived = next(resource for resource in province.bundle.contents.catalogue if resource.derived is not None)
    assert derived.derived is not None
    province.list(entry(resource=derived.derived.source, predicate=""))
    async with qingdao.running() as desk:
        qingdao.take(province)
        assert desk.withdrawn(derived.code) == []
        await desk.round()
        (one,) = desk.withdrawn(derived.code)
        assert (one["source"], one["until_us"]) == (derived.derived.source, NOW_US)
        assert desk.withdrawn(RESOURCE) == []
        assert RecallViews(desk).shown("NL-1")["withdrawn"] == [derived.code]


async def test_summaries_over_what_was_recalled_say_so(qingdao: Holder, province: Issuing) -> None:
    province.list(entry(predicate=""))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert [one["source"] for one in desk.withdrawn(RESOURCE, is_summary=True)] == [RESOURCE]
        assert desk.withdrawn("traffic-flow", is_summary=True) == []


@pytest.mark.parametrize(("grade", "is_marked"), [(2, False), (4, True)])
async def test_totals_and_summaries_over_a_record_that_was_raised_are_marked_where_it_may_not_be_held_as_before(
    qingdao: Holder, province: Issuing, grade: int, is_marked: bool
) -> None:
    province.regrade(RESOURCE, grade, origin="badaguan")
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        assert bool(desk.withdrawn(RESOURCE, is_summary=True)) is is_marked
