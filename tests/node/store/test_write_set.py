"""What the journal tells of a stream without decoding its run map."""

from __future__ import annotations

from random import Random

import pytest

from node.store.write_set import StreamRow
from sync.model import ModelError, RunMap, State

STATES = (State.PRESENT, State.DENIED, State.HELD, State.LOST, State.RECALLED)


@pytest.mark.parametrize("seed", range(50))
def test_the_row_of_an_encoded_run_map_agrees_with_the_map(seed: int) -> None:
    rng, run_map = Random(seed), RunMap()
    for _ in range(rng.randrange(14)):
        first = rng.randrange(1, 40)
        run_map.set(first, first + rng.randrange(6), rng.choice(STATES))
    row = StreamRow.of(run_map.encode())
    present = sum(entry.count for entry in run_map if entry.state is State.PRESENT)
    assert (row.mark, row.top, row.present) == (run_map.mark, run_map.top, present)


def test_bytes_that_are_no_run_map_are_refused() -> None:
    with pytest.raises(ModelError, match="run map of 16 bytes refused"):
        StreamRow.of(bytes(16))
