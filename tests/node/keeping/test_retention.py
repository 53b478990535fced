"""What goes, in which order, and which doors close: from values alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from node.keeping.retention import FREED_PER_TURN_MAX, STEP_US_MAX, Look, aged_upto, lane_room, next_time, plan
from node.store.keeping import KeptBatch, KeptTime
from sync.model import Direction, Lane

QUOTA = 1_000
COMMON = lane_room(QUOTA, Lane.BULK)


def kept(lane: Lane, *lsns: int, size: int = 100) -> dict[str, list[KeptBatch]]:
    return {lane.word: [KeptBatch(lsn, lane, Direction.UP, lane.word, size, 1) for lsn in lsns]}


def look(used: int, batches: dict[str, list[KeptBatch]], *, delivered: int = 0, asking: Iterable[Lane] = ()) -> Look:
    return Look(used, QUOTA, dict.fromkeys(Lane, delivered), batches, asking=frozenset(asking))


def test_with_room_and_no_age_nothing_goes() -> None:
    decided = plan(look(500, kept(Lane.BULK, 1, 2), delivered=2))
    assert (decided.retention, decided.shed, decided.closed) == ((), (), frozenset())


def test_age_frees_what_is_delivered_and_never_what_a_hop_lacks() -> None:
    old = replace(look(500, kept(Lane.BULK, 1, 2, 3), delivered=2), aged={"bulk": 3})
    assert plan(old).retention == (1, 2)
    assert plan(old).shed == ()


def test_what_is_not_old_enough_stays() -> None:
    assert plan(replace(look(500, kept(Lane.BULK, 1, 2, 3), delivered=3), aged={"bulk": 1})).retention == (1,)
    assert plan(replace(look(500, kept(Lane.BULK, 1, 2, 3), delivered=3), aged={"event": 3})).retention == ()


def test_short_of_room_delivered_batches_go_before_their_time_lowest_lane_first() -> None:
    both = kept(Lane.EVENT, 1, 2) | kept(Lane.BULK, 3, 4)
    assert plan(look(COMMON + 60, both, delivered=4, asking=[Lane.EVENT])).retention == (3, 4)
    assert plan(look(COMMON + 60, both, delivered=3, asking=[Lane.EVENT])).retention == (3, 1)


def test_what_a_hop_refused_and_gets_again_is_no_delivered_batch_until_its_time_is_over() -> None:
    both = kept(Lane.ALARM, 1, 2) | kept(Lane.EVENT, 3, 4)
    short = replace(look(QUOTA + 100, both, delivered=4, asking=[Lane.ALARM]), refused=frozenset({1, 3}))
    shorter = replace(short, used_bytes=QUOTA + 200)
    assert (plan(short).retention, plan(short).shed) == ((4, 2), ())
    assert (plan(shorter).retention, plan(shorter).shed) == ((4, 2), (3,))
    assert plan(replace(short, aged={"alarm": 4, "event": 4})).retention == (1, 2, 3, 4)


def test_what_was_refused_is_shed_when_a_higher_lane_has_no_room() -> None:
    both = kept(Lane.BULK, 1) | kept(Lane.EVENT, 2)
    short = replace(look(COMMON + 60, both, delivered=2, asking=[Lane.EVENT]), refused=frozenset({1, 2}))
    assert (plan(short).retention, plan(short).shed) == ((), (1,))


def test_what_is_not_delivered_is_shed_lowest_lane_first_and_oldest_first() -> None:
    several = kept(Lane.BLOB, 5, 6) | kept(Lane.BULK, 1, 2) | kept(Lane.EVENT, 3, 4)
    decided = plan(look(COMMON + 200, several, asking=[Lane.EVENT]))
    assert (decided.retention, decided.shed) == ((), (5, 6, 1))


def test_a_lane_is_never_shed_for_its_own_sake_its_door_closes() -> None:
    decided = plan(look(COMMON + 10, kept(Lane.BULK, 1, 2), asking=[Lane.BULK]))
    assert decided.shed == ()
    assert decided.closed == {Lane.EVENT, Lane.STATE, Lane.BULK, Lane.BLOB}


def test_alarms_and_control_have_a_reserve_behind_the_closed_door() -> None:
    assert plan(look(COMMON + 10, {}, asking=[Lane.BULK])).closed.isdisjoint({Lane.CONTROL, Lane.ALARM})
    assert plan(look(960, {}, asking=[Lane.ALARM])).closed == frozenset(Lane) - {Lane.CONTROL}
    assert plan(look(QUOTA, {})).closed == frozenset(Lane)


def test_an_alarm_sheds_events_only_when_its_own_reserve_is_short() -> None:
    events = kept(Lane.EVENT, 1, 2, 3)
    assert plan(look(COMMON + 10, events, asking=[Lane.ALARM])).shed == ()
    assert plan(look(960, events, asking=[Lane.ALARM])).shed == (1,)


def test_shedding_that_makes_room_leaves_the_door_open() -> None:
    assert plan(look(COMMON + 10, kept(Lane.BULK, 1, 2), asking=[Lane.EVENT])).closed == frozenset()


def test_a_closed_door_opens_with_some_slack_and_not_at_the_very_bound() -> None:
    shut = frozenset({Lane.EVENT, Lane.STATE, Lane.BULK, Lane.BLOB})
    assert plan(replace(look(COMMON - 10, {}), closed=shut)).closed == shut
    assert plan(replace(look(COMMON - 30, {}), closed=shut)).closed == frozenset()


def test_one_plan_is_bounded_and_the_next_goes_on() -> None:
    many = kept(Lane.BULK, *range(1, 2_000), size=1)
    old = replace(look(500, many, delivered=2_000), aged={"bulk": 2_000})
    assert plan(old).retention == tuple(range(1, FREED_PER_TURN_MAX + 1))


@pytest.mark.parametrize(("retention_us", "upto"), [(0, 9), (10, 5), (20, 2), (31, 0)])
def test_age_is_counted_from_the_first_note_behind_a_batch(retention_us: int, upto: int) -> None:
    times = [KeptTime(2, 1_000, 0), KeptTime(5, 1_015, 15), KeptTime(9, 1_030, 30)]
    assert aged_upto(times, kept_us=30, retention_us=retention_us) == upto


def test_a_clock_that_jumps_forward_ages_nothing_by_more_than_a_day() -> None:
    assert next_time(KeptTime(5, 1_000, 7), lsn=6, wall_us=10**18).kept_us == 7 + STEP_US_MAX


def test_a_clock_that_jumps_back_ages_nothing() -> None:
    assert next_time(KeptTime(5, 10**15, 7), lsn=6, wall_us=0) == KeptTime(6, 0, 7)
    assert next_time(None, lsn=6, wall_us=5) == KeptTime(6, 5, 0)
