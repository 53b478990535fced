"""The encoded form of a run map, which is kept between commits as far as nothing changed."""

from __future__ import annotations

from random import Random

import pytest

from sync.model import RunMap, State

STATES = (State.PRESENT, State.DENIED, State.HELD, State.LOST, State.RECALLED)


@pytest.mark.parametrize("seed", range(50))
def test_a_map_encoded_between_changes_gives_the_bytes_of_a_fresh_one(seed: int) -> None:
    rng, run_map = Random(seed), RunMap()
    for _ in range(30):
        first = rng.randrange(1, 60)
        run_map.set(first, first + rng.randrange(8), rng.choice(STATES))
        if rng.random() < 0.5:
            run_map.encode()
    assert run_map.encode() == RunMap(run_map).encode()
    assert RunMap.decode(run_map.encode()) == run_map


def test_appending_past_the_top_joins_a_neighbour_of_the_same_state() -> None:
    run_map = RunMap()
    run_map.set(1, 5, State.PRESENT)
    run_map.encode()
    run_map.set(6, 9, State.PRESENT)
    run_map.set(10, 10, State.DENIED)
    assert [(entry.first, entry.last) for entry in run_map] == [(1, 9), (10, 10)]
    assert RunMap.decode(run_map.encode()) == run_map
