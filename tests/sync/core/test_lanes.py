"""Lanes: strict priority, with a floor that nothing but the urgent lanes may press on."""

from __future__ import annotations

from sync.core.lanes import FLOOR_PERIOD_S, FLOOR_SHARE, LINGER_S, URGENT_LANES, LaneScheduler
from sync.model import Instant, Lane

NOW = Instant(0)


def test_the_higher_lane_goes_first() -> None:
    assert LaneScheduler().pick([Lane.BULK, Lane.EVENT, Lane.STATE], NOW) is Lane.EVENT


def test_a_lane_below_its_floor_goes_before_a_flood() -> None:
    lanes = LaneScheduler()
    lanes.pick([Lane.EVENT], NOW)
    lanes.sent(Lane.EVENT, 1_000_000)
    assert lanes.pick([Lane.EVENT, Lane.BULK], NOW) is Lane.BULK
    lanes.sent(Lane.BULK, 100_000)
    assert lanes.pick([Lane.EVENT, Lane.BULK], NOW) is Lane.EVENT


def test_an_alarm_waits_for_nobody() -> None:
    lanes = LaneScheduler()
    lanes.pick([Lane.ALARM], NOW)
    lanes.sent(Lane.ALARM, 1_000_000)
    assert {lanes.pick([urgent, Lane.BULK], NOW) for urgent in URGENT_LANES} == URGENT_LANES


def test_bulk_gets_its_share_of_a_period_and_no_more() -> None:
    lanes, sent = LaneScheduler(), dict.fromkeys(Lane, 0)
    for _ in range(1_000):
        lane = lanes.pick([Lane.EVENT, Lane.BULK], NOW)
        lanes.sent(lane, 1_000)
        sent[lane] += 1_000
    assert abs(sent[Lane.BULK] / sum(sent.values()) - FLOOR_SHARE) < 0.005


def test_a_new_period_forgets_what_was_sent() -> None:
    lanes = LaneScheduler()
    lanes.pick([Lane.EVENT], NOW)
    lanes.sent(Lane.EVENT, 1_000_000)
    assert lanes.pick([Lane.EVENT, Lane.BULK], NOW.plus(FLOOR_PERIOD_S)) is Lane.EVENT


def test_every_lane_has_a_linger_and_urgent_ones_have_none() -> None:
    assert set(LINGER_S) == set(Lane)
    assert {LINGER_S[lane] for lane in URGENT_LANES} == {0.0}
