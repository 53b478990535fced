"""What comes after an order: recalled numbers are stored for nobody while it is in force, and by a backfill alone once it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync.model import Batch, ClockQuality
from sync.wire.payload import unfold_payload
from tests.node.identity.family import DAY_US, NOW_US, StandingClock
from tests.node.recall.holder import Holder, Issuing, entry


def comes(one: Holder, batch: Batch, *, backfill: bool = False) -> list[float]:
    """The values of a batch that would be stored if it came now."""
    header = replace(batch.header, backfill=backfill)
    rows = unfold_payload(batch.payload)
    left = one.pipeline.recalled(replace(batch, header=header), rows)
    kept = rows if left is None else unfold_payload(left.payload)
    return [float(value) for value in kept.column("value").to_pylist() if value is not None]


@pytest.mark.parametrize("later_days", [0, 185])
async def test_recalled_numbers_are_stored_for_nobody_while_the_order_is_in_force(
    qingdao: Holder, province: Issuing, clock: StandingClock, *, later_days: int
) -> None:
    batch = qingdao.shelf.batches[0].batch
    province.list(entry())
    async with qingdao.running() as desk:
        assert comes(qingdao, batch) == [5.0, 150.0, 7.0]
        qingdao.take(province)
        await desk.round()
    clock.us += later_days * DAY_US
    async with qingdao.running():
        assert comes(qingdao, batch) == comes(qingdao, batch, backfill=True) == [5.0, 7.0]


@pytest.mark.parametrize("how", ["revoked", "ended"])
async def test_once_the_order_is_over_a_backfill_may_bring_them_and_old_copies_may_not(
    qingdao: Holder, province: Issuing, clock: StandingClock, how: str
) -> None:
    batch = qingdao.shelf.batches[0].batch
    province.list(entry(valid_to_us=NOW_US + 10 * DAY_US))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        if how == "revoked":
            province.list()
            qingdao.take(province)
        else:
            clock.us += 101 * DAY_US
            desk.look()
        await desk.round()
        assert comes(qingdao, batch) == [5.0, 7.0]
        assert comes(qingdao, batch, backfill=True) == [5.0, 150.0, 7.0]


async def test_a_clock_in_doubt_ends_no_order(qingdao: Holder, province: Issuing, clock: StandingClock) -> None:
    batch = qingdao.shelf.batches[0].batch
    province.list(entry(valid_to_us=NOW_US + 10 * DAY_US))
    async with qingdao.running() as desk:
        qingdao.take(province)
        await desk.round()
        clock.us += 101 * DAY_US
        desk.clock_quality = lambda: ClockQuality(0, 10 * 60_000_000)
        desk.look()
        await desk.round()
        assert comes(qingdao, batch, backfill=True) == [5.0, 7.0]
