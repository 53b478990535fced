"""Token buckets and caps: what passes over time, by lane and time of day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.pacing import CAPPED_LANES, Cap, CapTable, LinkCaps, TokenBucket
from sync.model import Instant, Lane

MIDNIGHT = Instant(5_000_000)


def at(hour: float) -> Instant:
    return MIDNIGHT.plus(hour * 3_600)


def test_a_bucket_lets_its_burst_pass_and_then_its_rate() -> None:
    bucket = TokenBucket(per_s=10, burst=5)
    bucket.take(5, MIDNIGHT)
    assert bucket.wait_s(1, MIDNIGHT) == pytest.approx(0.1)
    assert bucket.level(MIDNIGHT.plus(100)) == 5


def test_a_debt_is_paid_before_anything_else_passes() -> None:
    bucket = TokenBucket(per_s=10, burst=5)
    bucket.take(45, MIDNIGHT)
    assert bucket.wait_s(1, MIDNIGHT.plus(2)) == pytest.approx(2.1)


def test_a_bucket_does_not_lose_tokens_to_a_clock_that_stands_or_steps_back() -> None:
    bucket = TokenBucket(per_s=10, burst=5)
    bucket.take(3, MIDNIGHT.plus(10))
    assert bucket.level(MIDNIGHT) == 2


@pytest.mark.parametrize(
    ("start", "end", "hour", "holds"),
    [(480, 1_080, 12, True), (480, 1_080, 8, True), (480, 1_080, 18, False), (1_320, 360, 23, True), (1_320, 360, 5.9, True),
     (1_320, 360, 6, False), (0, 0, 3, True), (480, 1_080, 36, True)],
)  # fmt: skip
def test_a_cap_holds_in_its_window_of_the_local_day(start: int, end: int, hour: float, holds: bool) -> None:
    caps = LinkCaps([Cap("parent", kbit_s=8, from_minute=start, to_minute=end)], midnight=MIDNIGHT)
    assert bool(caps.in_force(at(hour))) is holds


def test_alarms_and_control_are_capped_only_by_name() -> None:
    caps = LinkCaps([Cap("parent", kbit_s=8)])
    for lane in CAPPED_LANES:
        caps.sent(lane, 10_000, MIDNIGHT)
    assert caps.opens_at(Lane.ALARM, MIDNIGHT) is None
    assert {lane for lane in Lane if caps.opens_at(lane, MIDNIGHT)} == CAPPED_LANES


def test_the_tightest_of_several_caps_counts() -> None:
    caps = LinkCaps([Cap("parent", kbit_s=80), Cap("parent", kbit_s=8, lanes=frozenset({Lane.BULK}))])
    assert caps.frame_bytes(Lane.BULK, MIDNIGHT, seconds=0.5) == 500
    assert caps.frame_bytes(Lane.EVENT, MIDNIGHT, seconds=0.5) == 5_000
    assert caps.frame_bytes(Lane.ALARM, MIDNIGHT, seconds=0.5) == float("inf")


def test_a_deep_debt_is_looked_at_again_when_a_cap_may_have_ended() -> None:
    caps = LinkCaps([Cap("parent", kbit_s=8)], midnight=MIDNIGHT)
    caps.sent(Lane.BULK, 10_000_000, MIDNIGHT)
    assert caps.opens_at(Lane.BULK, MIDNIGHT) == MIDNIGHT.plus(60)


def test_a_link_that_is_opened_again_goes_on_with_what_its_caps_had_left() -> None:
    table = CapTable([Cap("parent", kbit_s=8), Cap("grid-1", kbit_s=80)])
    table.of("street", is_parent=True).sent(Lane.BULK, 100_000, MIDNIGHT)
    assert table.of("street", is_parent=True).opens_at(Lane.BULK, MIDNIGHT) is not None
    assert table.of("grid-1", is_parent=False).opens_at(Lane.BULK, MIDNIGHT) is None
    assert table.of("grid-2", is_parent=False).in_force(MIDNIGHT) == []


def test_the_local_day_follows_the_shells_wall_clock() -> None:
    table = CapTable([Cap("*", kbit_s=8, from_minute=480, to_minute=1_080)])
    table.day_began(MIDNIGHT)
    link = table.of("grid-1", is_parent=False)
    assert link.in_force(at(12))
    table.day_began(MIDNIGHT.plus(12 * 3_600))
    assert not link.in_force(at(12))


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5_000)), min_size=1, max_size=60))
def test_over_any_time_a_cap_lets_pass_its_rate_a_burst_and_one_frame(offers: list[tuple[float, int]]) -> None:
    caps, now, passed = LinkCaps([Cap("parent", kbit_s=8)], midnight=MIDNIGHT), MIDNIGHT, 0
    for wait_s, size in offers:
        now = now.plus(wait_s)
        if caps.opens_at(Lane.BULK, now) is None:
            caps.sent(Lane.BULK, size, now)
            passed += size
    assert passed <= 1_000 * now.seconds_since(MIDNIGHT) + 1_000 + 5_000
