"""Waiting between tries: below a bound that doubles up to its cap, small again after a session that lasted."""

from __future__ import annotations

from random import Random

from node.backoff import RESET_AFTER_S, Backoff


class Highest(Random):
    """Always draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_bound_doubles_up_to_its_cap() -> None:
    backoff = Backoff(Highest(), floor_s=0.5, cap_s=3.0)
    assert [backoff.next_wait_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_only_a_session_that_lasted_resets_it() -> None:
    backoff = Backoff(Highest(), floor_s=0.5, cap_s=30.0)
    backoff.next_wait_s()
    backoff.lived(RESET_AFTER_S - 0.1)
    assert backoff.next_wait_s() == 1.0
    backoff.lived(RESET_AFTER_S)
    assert backoff.next_wait_s() == 0.5


def test_waits_are_spread_over_the_whole_bound() -> None:
    waits = [Backoff(Random(seed), floor_s=1.0, cap_s=1.0).next_wait_s() for seed in range(200)]
    assert min(waits) < 0.1 < 0.9 < max(waits) <= 1.0


def test_a_time_that_the_peer_named_is_kept_and_spread_and_doubles_nothing() -> None:
    backoff = Backoff(Random(7), floor_s=0.5, cap_s=30.0)
    waits = [backoff.next_wait_after_s(12.0) for _ in range(200)]
    assert 12.0 <= min(waits) < 12.1
    assert 12.4 < max(waits) <= 12.5
