"""Merge, gate and split, over two hops: no record is lost, none is twice, and every row offset points at the record's own row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from node.engine.pieces import Lot, Piece, shifted_runs
from sync.model import DEFAULT_LIMITS, NO_ROWS, Batch, BatchHeader, Lane, Run, Segment, State, StoredBatch, split_runs
from sync.ports import Outcome, Released, let_rows_go
from sync.wire.payload import concat_rows, encode_payload

COLUMNS: list[tuple[str, pa.DataType]] = [("territory", pa.string()), ("grade", pa.int8()), ("record", pa.string())]
SCHEMA = pa.schema(COLUMNS)
DENY = st.sets(st.integers(0, 9))
"""Last digits of the numbers that a gate withholds."""
Key = tuple[str, int]


@st.composite
def batches(draw: st.DrawFn) -> list[StoredBatch]:
    """Batches of several origins in a row, some of their runs without rows; numbers of each origin ascend."""
    top: dict[str, int] = {}
    stored = []
    for lsn in range(1, draw(st.integers(1, 6)) + 1):
        runs, names = list[Run](), list[str]()
        for origin in draw(st.lists(st.sampled_from(["a1", "b2", "c3"]), min_size=1, max_size=4)):
            first = top.get(origin, 0) + draw(st.integers(1, 3))
            last = top[origin] = first + draw(st.integers(0, 6))
            if draw(st.booleans()):
                runs.append(Run(origin, 7, first, last, len(names)))
                names += [f"{origin}/{number}" for number in range(first, last + 1)]
            else:
                runs.append(Run(origin, 7, first, last, NO_ROWS, State.DENIED, "rule", "below"))
        stored.append(batch_of(lsn, runs, names))
    return stored


def batch_of(lsn: int, runs: Sequence[Run], names: Sequence[str]) -> StoredBatch:
    rows = pa.RecordBatch.from_pylist([{"territory": "37", "grade": 1, "record": name} for name in names], SCHEMA)
    payload = encode_payload(rows, compression=None) if names else b""
    digest = hashlib.sha256(payload).digest()
    header = BatchHeader("air-quality", Lane.BULK, 1, len(names), tuple(runs), digest, len(payload), len(payload), territories=("37",))
    return StoredBatch(lsn, Batch(header, payload), "below")


def gate(denied: set[int], stored: StoredBatch, rows: pa.RecordBatch) -> Released:
    """Withholds records by the last digit of their number."""
    verdicts = [State.HELD if int(name[-1]) in denied else State.PRESENT for name in names_in(rows)]
    segments = [Segment(row, row + 1, state, "" if state is State.PRESENT else "digit") for row, state in enumerate(verdicts)]
    runs = stored.batch.header.runs
    if all(state is State.PRESENT for state in verdicts):
        return let_rows_go(Outcome.WHOLE, runs, None, b"plan", 1)
    kept = rows.filter(pa.array([state is State.PRESENT for state in verdicts]))
    return let_rows_go(Outcome.REWRITTEN, split_runs(runs, segments, decider="here"), kept, b"plan", 1)


def names_in(rows: pa.RecordBatch) -> list[str]:
    return [str(name) for name in rows.column("record").to_pylist()]


def forwarded(found: Sequence[StoredBatch], denied: set[int], rows_large: int) -> StoredBatch:
    """What one frame holds of `found` after the gate, as the next hop stores it."""
    pieces, lot = list[Piece](), None
    for stored in found:
        if not stored.batch.header.row_count:
            pieces.append(Piece(stored, let_rows_go(Outcome.WHOLE, stored.batch.header.runs, None, b"plan")))
        elif lot is not None and lot.takes(stored, DEFAULT_LIMITS):
            lot.add(stored)
        else:
            pieces += [] if lot is None else decided(lot, denied, rows_large)
            lot = Lot(stored)
    pieces += [] if lot is None else decided(lot, denied, rows_large)
    rows = [table for piece in pieces if (table := rows_of(piece)) is not None and table.num_rows]
    names = names_in(concat_rows(rows)) if rows else []
    return batch_of(1, shifted_runs(pieces), names)


def decided(lot: Lot, denied: set[int], rows_large: int) -> Sequence[Piece]:
    return lot.pieces(lambda stored, rows: gate(denied, stored, rows), rows_large=rows_large)


def rows_of(piece: Piece) -> pa.RecordBatch | None:
    return piece.rows if piece.released.outcome is Outcome.WHOLE else piece.released.rows


def states(found: Sequence[StoredBatch]) -> dict[Key, State]:
    """The state of each record; fails for one that is there twice, or whose row is another's."""
    told: dict[Key, State] = {}
    for stored in found:
        header = stored.batch.header
        names = pa.ipc.open_stream(stored.batch.payload).read_all().column("record").to_pylist() if header.row_count else []
        for run in header.runs:
            for number in range(run.first, run.last + 1):
                assert (run.origin, number) not in told
                told[run.origin, number] = run.state
                if run.state is State.PRESENT:
                    assert names[run.row_offset + number - run.first] == f"{run.origin}/{number}"
        assert sum(run.count for run in header.runs if run.state is State.PRESENT) == len(names)
    return told


@settings(max_examples=150, deadline=None)
@given(batches(), DENY, DENY, st.sampled_from([1, 4, 1_000]))
def test_two_hops_lose_no_record_and_point_at_its_own_row(found: list[StoredBatch], first: set[int], second: set[int], large: int) -> None:
    before = states(found)
    relayed = forwarded(found, first, large)
    arrived = forwarded([relayed], second, large)
    assert states([relayed]) == {key: decided_state(key, state, first) for key, state in before.items()}
    assert states([arrived]) == {key: decided_state(key, state, first | second) for key, state in before.items()}


def decided_state(key: Key, state: State, denied: set[int]) -> State:
    return State.HELD if state is State.PRESENT and key[1] % 10 in denied else state


@settings(max_examples=60, deadline=None)
@given(batches(), DENY)
def test_it_does_not_matter_in_which_portions_batches_are_decided(found: list[StoredBatch], denied: set[int]) -> None:
    apart = [forwarded([stored], denied, 1_000) for stored in found]
    assert states([forwarded(found, denied, 1_000)]) == states([forwarded(found, denied, 1)]) == states(apart)
