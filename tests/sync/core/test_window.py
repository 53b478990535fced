"""The window: measures the link by its acknowledgements, follows it up in a few round trips and down at once, stays inside its limits."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.core.window import (
    DECREASE,
    FRAME_BYTES_MIN,
    HORIZON_S_MAX,
    NEAR_TRIP_S,
    SPAN_BYTES_MAX,
    START_BYTES,
    THIN_BYTES_S,
    URGENT_BYTES_MIN,
    Sent,
    Window,
)
from sync.model import Instant, Limits

LIMITS = Limits()
START = Instant(0)


class Line:
    """A link of one rate and round trip, kept busy with as many frames as the window lets through."""

    def __init__(self, window: Window, *, bytes_s: float, round_trip_s: float, frame_bytes: int | None = None) -> None:
        self.window, self.bytes_s, self.round_trip_s, self.frame_bytes = window, bytes_s, round_trip_s, frame_bytes
        self.now = self._free = START
        self.acked = 0
        self._on_way: deque[tuple[Instant, Sent]] = deque()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now.plus(seconds)
        while True:
            while self.window.has_room():
                self._send()
            due, sent = self._on_way[0]
            if due > end:
                self.now = end
                return
            self._on_way.popleft()
            self.now = max(self.now, due)
            self.window.acked(sent, self.now)
            self.acked += sent.frame_bytes

    def _send(self) -> None:
        size = self.frame_bytes or self.window.frame_bytes
        self._free = max(self._free, self.now).plus(size / self.bytes_s)
        self._on_way.append((self._free.plus(self.round_trip_s), self.window.sent(size, self.now)))


def test_a_frame_larger_than_the_window_passes_alone() -> None:
    window = Window(LIMITS)
    sent = window.sent(START_BYTES * 2, START)
    assert not window.has_room()
    window.acked(sent, START.plus(0.1))
    assert window.has_room()


def test_urgent_lanes_may_go_a_bounded_share_beyond_a_full_window() -> None:
    window = Window(LIMITS)
    window.sent(START_BYTES, START)
    assert window.has_room(urgent=True)
    window.sent(URGENT_BYTES_MIN, START)
    assert not window.has_room(urgent=True)


def test_what_jobs_are_reading_counts_as_on_its_way() -> None:
    window = Window(LIMITS)
    assert not window.has_room(reserved=START_BYTES)


def test_a_window_of_no_bytes_sends_nothing_not_even_what_is_urgent() -> None:
    window = Window(Limits(window_bytes_min=0, window_bytes_max=0))
    assert not window.has_room()
    assert not window.has_room(urgent=True)


def test_a_thin_long_link_is_kept_full_and_holds_seconds_of_its_rate_at_most() -> None:
    line = Line(Window(LIMITS), bytes_s=6_250, round_trip_s=0.6)
    line.run(60)
    assert 0.9 * 6_250 < line.window.rate_bytes_s < 1.1 * 6_250
    assert line.acked > 0.95 * 6_250 * 58
    assert line.window.in_flight < 6_250 * (HORIZON_S_MAX + 1.0)
    assert line.window.frame_bytes <= 0.55 * 6_250


def test_a_local_network_outgrows_the_first_window_in_a_few_round_trips() -> None:
    line = Line(Window(LIMITS), bytes_s=100e6, round_trip_s=0.010)
    line.run(0.1)
    assert line.window.size > 1_000_000
    line.run(1.0)
    assert line.window.size == LIMITS.window_bytes_max
    assert line.window.frame_bytes == SPAN_BYTES_MAX


def test_a_link_that_becomes_slow_is_followed_down() -> None:
    line = Line(Window(LIMITS), bytes_s=1e6, round_trip_s=0.05)
    line.run(20)
    line.bytes_s = 10_000
    line.run(400)
    assert line.window.size < 10_000 * (HORIZON_S_MAX + 1.0)


def test_acknowledgements_that_come_in_one_burst_do_not_feign_a_faster_link() -> None:
    window = Window(LIMITS)
    sent = [window.sent(5_000, START.plus(second)) for second in range(6)]
    for one in sent:
        window.acked(one, START.plus(5.5))
    assert window.rate_bytes_s <= 30_000 / 5.0


def test_an_idle_link_is_not_taken_for_a_slow_one() -> None:
    line = Line(Window(LIMITS), bytes_s=1e6, round_trip_s=0.05)
    line.run(5)
    window, now = line.window, line.now
    while line._on_way:
        due, sent = line._on_way.popleft()
        now = max(now, due)
        window.acked(sent, now)
    before = window.rate_bytes_s
    for second in range(1, 60):
        window.acked(window.sent(100, now.plus(second)), now.plus(second + 0.05))
    assert window.rate_bytes_s == before


def use_a_little(window: Window, now: Instant, *, trip_s: float) -> None:
    """A hundred small frames, one a second: far less than any link carries."""
    for second in range(1, 101):
        window.acked(window.sent(400, now.plus(second)), now.plus(second + trip_s))


def test_a_near_link_is_not_thin_because_it_is_hardly_used() -> None:
    window = Window(LIMITS)
    use_a_little(window, START, trip_s=NEAR_TRIP_S / 2)
    assert window.rate_bytes_s < THIN_BYTES_S
    assert not window.is_thin


def test_a_far_link_is_thin_until_it_was_seen_to_be_wide() -> None:
    window = Window(LIMITS)
    assert window.is_thin
    use_a_little(window, START, trip_s=0.2)
    assert window.is_thin
    line = Line(window, bytes_s=20e6, round_trip_s=0.2)
    line.now = START.plus(200)
    line.run(10)
    assert not window.is_thin


@pytest.mark.parametrize(
    ("bytes_s", "round_trip_s", "is_thin"), [(6_250, 0.6, True), (125e3, 0.002, True), (20e6, 0.3, False), (1e8, 0.001, False)]
)
def test_a_link_that_was_kept_busy_is_thin_by_its_rate_alone(bytes_s: float, round_trip_s: float, *, is_thin: bool) -> None:
    line = Line(Window(LIMITS), bytes_s=bytes_s, round_trip_s=round_trip_s)
    line.run(30)
    assert line.window.is_thin is is_thin


def test_a_near_link_that_was_busy_and_slow_stays_thin_while_it_is_idle() -> None:
    line = Line(Window(LIMITS), bytes_s=125e3, round_trip_s=0.002)
    line.run(30)
    now = line.now
    while line._on_way:
        due, sent = line._on_way.popleft()
        now = max(now, due)
        line.window.acked(sent, now)
    use_a_little(line.window, now, trip_s=0.005)
    assert line.window.is_thin


def test_a_near_link_whose_window_still_grows_is_not_taken_for_thin() -> None:
    line = Line(Window(LIMITS), bytes_s=100e6, round_trip_s=0.010)
    thin = []
    for _ in range(20):
        line.run(0.011)
        thin.append(line.window.is_thin)
    assert not any(thin[1:])


def test_it_shrinks_once_for_one_congestion_and_never_below_its_floor() -> None:
    window = Window(LIMITS)
    window.acked(window.sent(1_000, START), START.plus(0.1))
    sent = [window.sent(4_000, START.plus(1)) for _ in range(8)]
    for one in sent:
        window.acked(one, START.plus(20))
    assert window.size == int(START_BYTES * DECREASE)
    for _ in range(20):
        window.stalled()
    assert window.size == LIMITS.window_bytes_min


def test_a_large_frame_gets_the_time_it_takes_before_its_link_counts_as_stalled() -> None:
    fresh = Window(LIMITS)
    assert fresh.allowance_s(84_000) == 42.0
    line = Line(Window(LIMITS), bytes_s=1e6, round_trip_s=0.05)
    line.run(5)
    assert line.window.allowance_s(1_000_000) < 5.0


def test_more_acknowledged_than_sent_is_a_programmers_error() -> None:
    with pytest.raises(AssertionError, match="more bytes acknowledged"):
        Window(LIMITS).acked(Sent(1, START, 0, START, START), START)


@settings(max_examples=40, deadline=None)
@given(kbit_s=st.sampled_from([20, 50, 300, 2_000, 50_000]), round_trip_s=st.floats(0.001, 1.5))
def test_whatever_the_link_it_is_used_and_not_flooded(kbit_s: int, round_trip_s: float) -> None:
    bytes_s = kbit_s * 125.0
    line = Line(Window(LIMITS), bytes_s=bytes_s, round_trip_s=round_trip_s)
    line.run(40)
    acked, line.acked = line.acked, 0
    line.run(20)
    assert acked > 0
    assert line.acked > 0.85 * bytes_s * 20
    largest = max(bytes_s * line.window.horizon_s * 1.2, LIMITS.window_bytes_min) + line.window.frame_bytes
    assert line.window.in_flight <= largest + FRAME_BYTES_MIN


HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 4 << 20)),
        st.tuples(st.just("ack"), st.floats(0.0, 30.0)),
        st.tuples(st.just("lose"), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(HAPPENINGS)
def test_whatever_happens_the_window_stays_in_its_bounds_and_counts_right(happenings: list[tuple[str, float]]) -> None:
    window, now = Window(LIMITS), START
    on_way: deque[Sent] = deque()
    for what, value in happenings:
        before, had_room = window.size, window.has_room()
        if what == "send":
            on_way.append(window.sent(int(value), now))
            assert window.size == before
        elif what == "ack" and on_way:
            now = now.plus(value)
            window.acked(on_way.popleft(), now)
        elif what == "lose":
            window.stalled()
            assert window.size == max(before // 2, LIMITS.window_bytes_min) or window.size == before == LIMITS.window_bytes_min
        assert LIMITS.window_bytes_min <= window.size <= LIMITS.window_bytes_max
        assert window.in_flight == sum(sent.frame_bytes for sent in on_way)
        assert window.has_room() == (window.in_flight < window.size) or window.size != before
        assert window.has_room(urgent=True) or not window.has_room()
        assert window.rate_bytes_s >= 0.0
        assert had_room or what != "send" or not window.has_room()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.floats(9.1, 60.0))
def test_one_congestion_decreases_the_window_once_and_by_no_more_than_its_factor(frames: int, late_s: float) -> None:
    window = Window(LIMITS)
    window.acked(window.sent(1_000, START), START.plus(0.1))
    before = window.size
    for one in [window.sent(4_000, START.plus(1)) for _ in range(frames)]:
        window.acked(one, START.plus(1 + late_s))
    assert int(before * DECREASE) <= window.size < before
