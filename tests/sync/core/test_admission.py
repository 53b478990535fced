"""Admission: a burst, then one after the other; who is refused is told a moment that then is its own."""

from __future__ import annotations

from sync.core.admission import BURST, CHILD_BURST, CHILDREN_MAX, PER_S, PROMISE_S, RETRY_BUSY_S, RETRY_S_MAX, Admission
from sync.model import Instant

NOW = Instant(1_000_000)


def name(number: int) -> bytes:
    return number.to_bytes(4, "big")


def test_a_burst_is_let_in_and_the_next_are_told_to_come_one_after_the_other() -> None:
    door = Admission()
    waits = [door.ask(name(number), NOW, shaking=0) for number in range(BURST + 3)]
    assert waits[:BURST] == [0.0] * BURST
    assert [round(wait * PER_S) for wait in waits[BURST:]] == [1, 2, 3]


def test_five_hundred_children_that_obey_are_in_after_their_time_and_ask_twice_each() -> None:
    door, waiting, asked, now = Admission(), {NOW: list(range(500))}, 0, NOW
    while waiting:
        now = min(waiting)
        for child in waiting.pop(now):
            asked += 1
            if wait := door.ask(name(child), now, shaking=0):
                waiting.setdefault(now.plus(wait + 0.01), []).append(child)
    assert now.seconds_since(NOW) <= 500 / PER_S + 1
    assert asked <= 1_000


def test_a_newcomer_does_not_take_what_was_promised() -> None:
    door = Admission(per_s=1, burst=1)
    assert door.ask(name(1), NOW, shaking=0) == 0
    promised_s = door.ask(name(2), NOW, shaking=0)
    then = NOW.plus(promised_s)
    assert door.ask(name(3), then, shaking=0) > 0
    assert door.ask(name(2), then, shaking=0) == 0


def test_one_that_comes_too_early_keeps_its_promise() -> None:
    door = Admission(per_s=1, burst=1)
    door.ask(name(1), NOW, shaking=0)
    promised_s = door.ask(name(2), NOW, shaking=0)
    assert door.ask(name(2), NOW.plus(promised_s / 2), shaking=0) == promised_s / 2


def test_a_promise_is_not_kept_for_ever() -> None:
    late = Admission(per_s=10, burst=1)
    late.ask(name(1), NOW, shaking=0)
    promised_s = late.ask(name(2), NOW, shaking=0)
    assert late.ask(name(2), NOW.plus(promised_s + PROMISE_S + 1), shaking=0) == 0.0
    assert late.ask(name(3), NOW.plus(promised_s + PROMISE_S + 1), shaking=0) > 0.0


def test_beyond_the_longest_wait_nothing_is_promised() -> None:
    door = Admission(per_s=1, burst=1)
    waits = [door.ask(name(number), NOW, shaking=0) for number in range(100)]
    assert max(waits) == RETRY_S_MAX
    assert waits[-1] == RETRY_S_MAX


def test_too_many_handshakes_in_progress_hold_the_door() -> None:
    door = Admission(shaking_max=2)
    assert door.ask(name(1), NOW, shaking=2) == RETRY_BUSY_S
    assert door.ask(name(1), NOW, shaking=1) == 0.0


def test_a_child_that_asks_all_the_time_leaves_the_tokens_to_the_others() -> None:
    door = Admission()
    let_in = sum(door.ask(name(1), NOW, shaking=0) == 0.0 for _ in range(1_000))
    assert let_in == CHILD_BURST
    assert door.ask(name(2), NOW, shaking=0) == 0.0


def test_its_memory_is_bounded() -> None:
    door = Admission(per_s=1_000, burst=1_000)
    for number in range(CHILDREN_MAX + 50):
        door.ask(name(number), NOW, shaking=0)
    assert len(door._children) == CHILDREN_MAX
