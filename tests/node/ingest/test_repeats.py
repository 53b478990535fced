"""Recognising what a client sends again."""

from __future__ import annotations

import pytest

from node.ingest import repeats
from node.ingest.repeats import Repeats
from node.ingest.sink import Reading
from tests.node.ingest.parts import NOW_US, reading


def is_repeat(known: Repeats, client: str, *readings: Reading) -> list[bool]:
    """Whether each of `readings` is dropped."""
    fresh = known.fresh(client, readings, received_us=NOW_US + 1)
    return [reading not in fresh for reading in readings]


def test_only_a_client_that_may_repeat_is_compared_and_only_with_itself() -> None:
    known = Repeats()
    known.note("a", [reading("d1")])
    assert is_repeat(known, "a", reading("d1")) == [False]
    known.begin("a")
    known.begin("b")
    assert is_repeat(known, "a", reading("d1"), reading("d1", value=2.0)) == [True, False]
    assert is_repeat(known, "b", reading("d1")) == [False]
    known.end("a")
    assert is_repeat(known, "a", reading("d1")) == [False]


def test_what_comes_while_a_client_is_compared_is_known_at_once() -> None:
    known = Repeats()
    known.begin("a")
    assert known.fresh("a", [reading("d1"), reading("d1")], received_us=NOW_US + 1) == [reading("d1")]
    assert is_repeat(known, "a", reading("d1")) == [True]


def test_equal_readings_of_the_moment_of_receipt_are_two() -> None:
    known = Repeats()
    known.begin("a")
    assert known.fresh("a", [reading("d1"), reading("d1")], received_us=NOW_US) == [reading("d1")] * 2


def test_what_is_compared_is_bounded_by_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "READINGS_PER_CLIENT_MAX", 3)
    known = Repeats()
    known.begin("a")
    for number in range(10):
        known.note("a", known.fresh("a", [reading("d1", value=float(number))], received_us=NOW_US + 1))
    assert known._known["a"] == {reading("d1", value=float(number)) for number in (7, 8, 9)}


@pytest.mark.slow
def test_memory_is_bounded_per_client_and_over_all() -> None:
    known = Repeats()
    for client in range(20):
        for number in range(20):
            known.note(f"c{client}", [reading(f"{client}-{number}-{index}") for index in range(1_000)])
    assert known._total <= repeats.READINGS_MAX
    assert sum(len(entry) for recent in known._recent.values() for entry in recent) == known._total
    assert all(sum(map(len, recent)) <= repeats.READINGS_PER_CLIENT_MAX for recent in known._recent.values())
    assert "c0" not in known._recent


def test_the_restart_memory_counts_for_everyone_until_it_is_dropped() -> None:
    known = Repeats()
    known.recall([reading("d1")])
    assert is_repeat(known, "anyone", reading("d1")) == [True]
    known.forget_restart()
    assert is_repeat(known, "anyone", reading("d1")) == [False]
