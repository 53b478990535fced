"""A recording is read within bounds, and each way in which a file is none has its own clear error."""

from __future__ import annotations

import io

import pytest

from node.tracing import file as files
from node.tracing.errors import TraceError
from node.tracing.file import HEADER, MAGIC, RECORD_BYTES_MAX, End, Snapshot, Turn, encoded, read_trace
from node.tracing.outlines import Outline
from node.tracing.values import Veil
from sync.core.bearers import Standing
from sync.core.pacing import Cap
from sync.model import DEFAULT_LIMITS, ClockQuality, Direction, Lane, PolicyVersion, RunMap, State, Stream
from sync.model.writes import InPosition, OutMark
from tests.node.tracing.samples import INPUTS, REFUSAL

SNAPSHOT = Snapshot(
    "0.1", "grid", 7, True, PolicyVersion.of({"city": 1}), DEFAULT_LIMITS, ClockQuality(), (Lane.BULK,), (Cap("*", 64.0),),
    Standing({"a": frozenset({"a"})}), 5, 9, ((Lane.BULK, 9),),
    ((Stream("grid", 7, Lane.BULK, "air-quality"), RunMap.of([(1, 9, int(State.PRESENT))]).encode()),),
    (("city", Direction.UP, Lane.BULK, OutMark(3, 2, 3)),), (("city", 5, Direction.RETURN, Lane.BULK, InPosition(4, b"c" * 32)),),
    (("a", 3, "a"),), (REFUSAL,),
)  # fmt: skip
WHOLE = HEADER + b"".join(
    (
        encoded(SNAPSHOT),
        *(encoded(given.veiled(Veil(b"k"))) for given in INPUTS),
        encoded(Turn(9, Outline(()))),
        encoded(End(9, len(INPUTS), 1, "time")),
    )
)


def read(data: bytes) -> list[files.Record]:
    return list(read_trace(io.BytesIO(data), "a.trace"))


def test_what_was_written_is_read_again() -> None:
    assert read(WHOLE)[0] == SNAPSHOT
    assert [type(record) for record in read(WHOLE)[1:-2]] == [type(given) for given in INPUTS]


def test_the_engine_begins_with_what_the_snapshot_says() -> None:
    recovered = SNAPSHOT.recovered()
    assert recovered.streams[Stream("grid", 7, Lane.BULK, "air-quality")].top == 9
    assert recovered.out_marks[("city", Direction.UP, Lane.BULK)] == OutMark(3, 2, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no recording"),
        (b"SQLite format 3\0", "no recording"),
        (MAGIC + b"\0", "cut off in its header"),
        (MAGIC + b"\0\x02" + WHOLE[6:], "has format 2, this program reads 1"),
        (WHOLE[:-1], r"cut off after 2\d records"),
        (WHOLE[:-40], "cut off after"),
        (HEADER, "cut off after 0 records"),
        (HEADER + (RECORD_BYTES_MAX + 1).to_bytes(4, "big") + b"x", "claims"),
        (WHOLE + b"x", "damaged"),
        (HEADER + encoded(SNAPSHOT) + b"\0\0\0\x01\xc1", "record 1 of a.trace is damaged"),
        (HEADER + encoded(SNAPSHOT) + encoded(End(9, 4, 2, "time")), "says 4 inputs in 2 turns"),
        (HEADER + encoded(INPUTS[2]), "record 0 of a.trace is damaged"),
    ],
)
def test_what_is_no_whole_recording_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(TraceError, match=says):
        read(data)


def test_a_file_above_the_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_BYTES_MAX", 100)
    with pytest.raises(TraceError, match="a recording has 100 at most"):
        read(WHOLE)


def test_a_record_above_the_bound_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RECORD_BYTES_MAX", 10)
    with pytest.raises(TraceError, match="takes 10 at most"):
        encoded(SNAPSHOT)
