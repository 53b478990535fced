"""Recognising what a client sends again."""

from __future__ import annotations

import pytest

from node.ingest import repeats
from node.ingest.repeats import Repeats
from tests.node.ingest.parts import reading


def test_only_a_client_that_came_back_is_compared_and_only_with_itself() -> None:
    known = Repeats()
    known.note("a", [reading("d1")])
    assert not known.is_repeat("a", reading("d1"))
    known.begin("a")
    known.begin("b")
    assert known.is_repeat("a", reading("d1"))
    assert not known.is_repeat("a", reading("d1", value=2.0))
    assert not known.is_repeat("b", reading("d1"))
    known.end("a")
    assert not known.is_repeat("a", reading("d1"))


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
    assert known.is_repeat("anyone", reading("d1"))
    known.forget_restart()
    assert not known.is_repeat("anyone", reading("d1"))
