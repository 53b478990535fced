"""Backoff on a clock that is an argument."""

from __future__ import annotations

from random import Random

from edge_ai.capture.backoff import Backoff
from sync.model import Instant

START = Instant(0)


def waits(backoff: Backoff, count: int) -> list[float]:
    return [backoff.failed(START).seconds_since(START) for _ in range(count)]


def test_every_wait_lies_between_floor_and_cap() -> None:
    found = [wait for seed in range(50) for wait in waits(Backoff(Random(seed)), 12)]
    assert min(found) >= 5
    assert max(found) <= 60
    assert max(found) > 50


def test_first_wait_is_at_most_twice_the_floor() -> None:
    assert all(waits(Backoff(Random(seed)), 1)[0] <= 10 for seed in range(50))


def test_cameras_that_fall_together_do_not_come_back_together() -> None:
    moments = {waits(Backoff(Random(seed)), 1)[0] for seed in range(50)}
    assert len(moments) == 50


def test_brief_success_keeps_the_failures() -> None:
    backoff = Backoff(Random(1))
    waits(backoff, 5)
    backoff.succeeded(START)
    backoff.succeeded(START.plus(59))
    assert backoff.failures == 5


def test_lasting_success_forgets_the_failures() -> None:
    backoff = Backoff(Random(1))
    waits(backoff, 5)
    backoff.succeeded(START)
    backoff.succeeded(START.plus(60))
    assert backoff.failures == 0


def test_failure_interrupts_the_success() -> None:
    backoff = Backoff(Random(1))
    backoff.succeeded(START)
    backoff.failed(START.plus(50))
    backoff.succeeded(START.plus(55))
    backoff.succeeded(START.plus(65))
    assert backoff.failures == 1
