"""The mart copies what counts, continues where it was, and is built again when it cannot be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from node.store.journal import SqliteJournal, open_journal
from node.store.mart import Mart, MartError
from sync.model import Lane, Run, State, StoredBatch
from tests.contracts.batches import INCARNATION, NODE, RESOURCE, commit_of, run, stored


def encode(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    return sink.getvalue().to_pybytes()


def decode(payload: bytes, decoded_bytes_max: int) -> pa.RecordBatch:
    assert decoded_bytes_max > 0
    return pa.ipc.open_stream(payload).read_next_batch()


def readings(values: list[float], device: str = "pm-1", **extra: list[str]) -> pa.RecordBatch:
    columns = {"device": pa.array([device] * len(values)).dictionary_encode(), "value": pa.array(values)}
    return pa.record_batch(columns | {name: pa.array(column) for name, column in extra.items()})


def batch_of(lsn: int, rows: pa.RecordBatch, runs: list[Run], *, resource: str = RESOURCE, duplicates: tuple[int, ...] = ()) -> StoredBatch:
    return stored(lsn, runs, payload=encode(rows), resource=resource, duplicates=duplicates)


@pytest.fixture
def mart(tmp_path: Path) -> Iterator[Mart]:
    opened = Mart(tmp_path / "mart.duckdb", [RESOURCE])
    yield opened
    opened.close()


def values(mart: Mart) -> list[tuple[object, ...]]:
    table = mart.query(f"SELECT value, device, _lsn, _origin FROM {mart.table(RESOURCE)} ORDER BY _lsn, value")
    return [tuple(row.values()) for row in table.to_pylist()]


def test_rows_arrive_with_lsn_and_origin(journal: SqliteJournal, mart: Mart) -> None:
    mixed = batch_of(1, readings([1.0, 2.0, 3.0]), [run(1, 2), run(1, 1, row=2, origin="grid-1")])
    journal.commit(commit_of(mixed, batch_of(2, readings([9.0], device="pm-2"), [run(3, 3)])))
    assert mart.catch_up(journal, journal.last_lsn, decode) == 4
    assert values(mart) == [(1.0, "pm-1", 1, NODE), (2.0, "pm-1", 1, NODE), (3.0, "pm-1", 1, "grid-1"), (9.0, "pm-2", 2, NODE)]


def test_duplicates_and_withheld_records_are_left_out(journal: SqliteJournal, mart: Mart) -> None:
    runs = [run(1, 1), run(2, 3, state=State.DENIED), run(4, 5, row=1)]
    journal.commit(commit_of(batch_of(1, readings([1.0, 4.0, 5.0]), runs, duplicates=(2,))))
    assert mart.catch_up(journal, 1, decode) == 1
    assert [row[0] for row in values(mart)] == [1.0]


def test_it_continues_where_it_was_and_stops_where_it_is_told(journal: SqliteJournal, mart: Mart) -> None:
    journal.commit(commit_of(*(batch_of(lsn, readings([float(lsn)]), [run(lsn, lsn)]) for lsn in (1, 2, 3))))
    assert mart.catch_up(journal, 2, decode) == 2
    assert mart.built_to(RESOURCE) == 2
    assert mart.catch_up(journal, 3, decode) == 1
    assert mart.catch_up(journal, 3, decode) == 0
    assert [row[0] for row in values(mart)] == [1.0, 2.0, 3.0]


def test_only_the_resources_asked_for_are_copied(journal: SqliteJournal, mart: Mart) -> None:
    journal.commit(commit_of(batch_of(1, readings([1.0]), [run(1, 1)], resource="traffic-flow")))
    assert mart.catch_up(journal, 1, decode) == 0
    with pytest.raises(MartError, match="traffic-flow has no rows"):
        mart.table("traffic-flow")


def test_a_newer_schema_adds_its_columns(journal: SqliteJournal, mart: Mart) -> None:
    newer = batch_of(2, readings([2.0], unit=["ug/m3"]), [run(2, 2)])
    journal.commit(commit_of(batch_of(1, readings([1.0]), [run(1, 1)]), newer, batch_of(3, readings([3.0]), [run(3, 3)])))
    mart.catch_up(journal, 3, decode)
    table = mart.query(f"SELECT unit FROM {mart.table(RESOURCE)} ORDER BY value")
    assert table["unit"].to_pylist() == [None, "ug/m3", None]


def test_a_damaged_file_is_built_again_with_one_line_in_the_log(
    journal: SqliteJournal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "broken.duckdb"
    path.write_bytes(b"\x00not a mart" * 5_000)
    journal.commit(commit_of(batch_of(1, readings([1.0]), [run(1, 1)])))
    mart = Mart(path, [RESOURCE])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    mart.rebuild(journal, 1, decode)
    assert [row[0] for row in values(mart)] == [1.0]
    mart.close()


def test_a_mart_that_fails_on_the_way_is_built_again(journal: SqliteJournal, mart: Mart, caplog: pytest.LogCaptureFixture) -> None:
    journal.commit(commit_of(*(batch_of(lsn, readings([float(lsn)]), [run(lsn, lsn)]) for lsn in (1, 2))))
    mart.catch_up(journal, 1, decode)
    mart._connection.execute("DROP TABLE _built_to")
    assert mart.catch_up(journal, 2, decode) == 2
    assert [row[0] for row in values(mart)] == [1.0, 2.0]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_mart_ahead_of_its_journal_is_built_again(journal: SqliteJournal, mart: Mart, tmp_path: Path) -> None:
    journal.commit(commit_of(*(batch_of(lsn, readings([float(lsn)]), [run(lsn, lsn)]) for lsn in (1, 2))))
    mart.catch_up(journal, 2, decode)
    restored = open_journal(tmp_path / "restored.db", node=NODE, incarnation=INCARNATION)
    restored.commit(commit_of(batch_of(1, readings([7.0]), [run(1, 1)])))
    mart.catch_up(restored, 1, decode)
    assert [row[0] for row in values(mart)] == [7.0]
    restored.close()


def test_a_failing_step_leaves_the_mart_at_its_last_position(journal: SqliteJournal, mart: Mart) -> None:
    journal.commit(commit_of(batch_of(1, readings([1.0]), [run(1, 1)]), stored(2, [run(2, 2)], payload=b"no arrow")))
    mart.catch_up(journal, 1, decode)
    with pytest.raises(pa.ArrowInvalid):
        mart.catch_up(journal, 2, decode)
    assert (mart.built_to(RESOURCE), [row[0] for row in values(mart)]) == (1, [1.0])


def test_values_are_bound_and_bad_sql_is_one_clear_error(journal: SqliteJournal, mart: Mart) -> None:
    journal.commit(commit_of(batch_of(1, readings([1.0, 2.0]), [run(1, 2)])))
    mart.catch_up(journal, 1, decode)
    assert mart.query(f"SELECT value FROM {mart.table(RESOURCE)} WHERE value > ?", [1.5])["value"].to_pylist() == [2.0]
    with pytest.raises(MartError, match="query refused"):
        mart.query("SELECT nothing FROM nowhere")


def test_lanes_do_not_matter_to_the_mart(journal: SqliteJournal, mart: Mart) -> None:
    event = stored(2, [run(1, 1)], payload=encode(readings([5.0])), lane=Lane.EVENT)
    journal.commit(commit_of(batch_of(1, readings([1.0]), [run(1, 1)]), event))
    assert mart.catch_up(journal, 2, decode) == 2
