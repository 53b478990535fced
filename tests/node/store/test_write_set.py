"""What a commit writes of a run map is as long as what changed in it, and gives the map back exactly."""

from __future__ import annotations

from random import Random

import pytest

from node.store.journal import SqliteJournal
from node.store.write_set import Counters, WriteSet
from sync.model import JournalError, Lane, RunMap, State, StateRange, Stream
from sync.model.writes import ChangeStream, FreeBatches, SetStream

STREAM = Stream("grid-1", 3, Lane.STATE, "noise")
STATES = (State.PRESENT, State.DENIED, State.HELD, State.RETENTION)


def ranges_written(journal: SqliteJournal) -> RunMap:
    return journal.recover().streams.get(STREAM, RunMap())


@pytest.mark.parametrize("seed", range(5))
def test_changes_written_commit_by_commit_give_the_map_back(journal: SqliteJournal, seed: int) -> None:
    rng, run_map = Random(seed), RunMap()
    for _ in range(60):
        for _ in range(rng.randrange(1, 4)):
            first = rng.randrange(1, 90)
            run_map.set(first, first + rng.randrange(7), rng.choice(STATES))
        journal.commit([ChangeStream(STREAM, *run_map.take_changes())])
        assert ranges_written(journal) == run_map
    assert len(run_map) > 3


def test_a_long_map_writes_only_what_changed(journal: SqliteJournal) -> None:
    run_map = RunMap.of((number, number, 1) for number in range(1, 20_000, 2))
    run_map.set(30_000, 30_010, State.PRESENT)
    run_map.set(2, 2, State.PRESENT)
    assert run_map.take_changes() == ((3,), (StateRange(1, 3, State.PRESENT), StateRange(30_000, 30_010, State.PRESENT)))
    assert run_map.take_changes() == ((), ())


def test_the_last_word_of_a_commit_on_a_range_counts(journal: SqliteJournal) -> None:
    put = ChangeStream(STREAM, (), (StateRange(1, 4, State.PRESENT), StateRange(9, 9, State.PRESENT)))
    journal.commit([put, ChangeStream(STREAM, (9,), (StateRange(1, 9, State.PRESENT),))])
    assert list(ranges_written(journal)) == [StateRange(1, 9, State.PRESENT)]


def test_a_whole_map_replaces_what_was_there(journal: SqliteJournal) -> None:
    journal.commit([ChangeStream(STREAM, (), (StateRange(1, 4, State.PRESENT), StateRange(9, 9, State.PRESENT)))])
    other = RunMap([StateRange(2, 3, State.LOST)])
    journal.commit([SetStream(STREAM, other.encode())])
    assert ranges_written(journal) == other


def test_a_payload_goes_as_retention_or_shed_and_as_nothing_else() -> None:
    with pytest.raises(JournalError, match="freeing as HELD refused"):
        WriteSet.of([FreeBatches((1,), State.HELD)], Counters(1, 0, 0))
