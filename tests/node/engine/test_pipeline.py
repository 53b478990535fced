"""The work of a link: bytes that pass whole stay the same, a header tells nothing of withheld rows, no peer's frame breaks a job."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from node.engine.pipeline import Pipeline, Self
from node.engine.rowfacts import common_territory, facts_of, merged_territories
from policies.catalogue import Scalar
from sync.core.ready import InboundJob, InboundResult, OutboundJob, OutboundPart, OutboundResult, PeerFacts
from sync.model import DEFAULT_LIMITS, Batch, BatchHeader, Direction, Frame, Lane, Level, Run, Span, State, StoredBatch
from sync.wire.codec_batch import header_digest
from sync.wire.payload import decoded_size, encode_payload, unfold_payload
from tests.contracts.batches import commit_of
from tests.node.shelf import NODE, Shelf
from tests.policies.city import city, gate, rows_of
from tests.sync.core.rig import RigVouch

PARENT = PeerFacts("district", 9, Level.DISTRICT, "370202", is_parent=True)
CHILD = PeerFacts("street", 5, Level.STREET, "370202001", is_parent=False)


def pipeline(shelf: Shelf, level: Level) -> Pipeline:
    held = gate(level)
    return Pipeline(
        me=Self(level.word, level, "370202"), journal=shelf.journal, gate_of=lambda: held, vouch=RigVouch(level.word), limits=DEFAULT_LIMITS
    )


def outbound(shelf: Shelf, lane: Lane, *, peer: PeerFacts = PARENT, level: Level = Level.STREET) -> list[OutboundPart]:
    job = OutboundJob(1, peer, Direction.UP, lane, 0, shelf.journal.last_lsn, gate(level).version)
    outcome = pipeline(shelf, level).run(job)
    assert isinstance(outcome, OutboundResult)
    assert outcome.span == Span(0, shelf.journal.last_lsn)
    return list(outcome.parts)


def air(count: int) -> list[dict[str, Scalar]]:
    return [{"value": float(number)} for number in range(count)]


def test_a_large_batch_that_passes_whole_goes_byte_for_byte(shelf: Shelf) -> None:
    rows = rows_of(city().resources["air-quality"], air(1)).take(pa.array([0] * (DEFAULT_LIMITS.batch_rows_target // 4)))
    stored = shelf.append(rows, code="air-quality", lane=Lane.BULK, origin=NODE)
    shelf.journal.commit(commit_of(stored))
    (part,) = outbound(shelf, Lane.BULK)
    assert part.batch.payload == stored.batch.payload
    assert part.batch.header.payload_sha256 == stored.batch.header.payload_sha256


def test_a_thin_link_gets_fewer_bytes_of_the_same_rows(shelf: Shelf) -> None:
    rows = rows_of(city().resources["air-quality"], air(50)).take(pa.array(list(range(50)) * 100))
    shelf.journal.commit(commit_of(shelf.append(rows, code="air-quality", lane=Lane.BULK, origin=NODE)))
    job = OutboundJob(1, PARENT, Direction.UP, Lane.BULK, 0, shelf.journal.last_lsn, gate(Level.STREET).version)
    wide, thin = (pipeline(shelf, Level.STREET).run(replace(job, is_thin=is_thin)) for is_thin in (False, True))
    assert isinstance(wide, OutboundResult)
    assert isinstance(thin, OutboundResult)
    (sent,), (packed,) = wide.parts, thin.parts
    assert len(packed.batch.payload) < len(sent.batch.payload)
    assert unfold_payload(packed.batch.payload).to_pylist() == unfold_payload(sent.batch.payload).to_pylist()
    assert packed.batch.header.payload_sha256 == hashlib.sha256(packed.batch.payload).digest()


def test_small_batches_of_one_resource_share_a_frame_and_others_do_not_join(shelf: Shelf) -> None:
    for value in range(3):
        shelf.add("air-quality", [{"value": float(value)}])
        shelf.add("traffic-flow", [{"value": float(value)}])
    parts = outbound(shelf, Lane.BULK)
    assert sorted((part.batch.header.resource, part.batch.header.row_count) for part in parts) == [("air-quality", 3), ("traffic-flow", 3)]


def test_a_large_batch_does_not_overtake_a_small_one_of_its_stream(shelf: Shelf) -> None:
    small = rows_of(city().resources["air-quality"], air(1))
    large = small.take(pa.array([0] * (DEFAULT_LIMITS.batch_rows_target // 4)))
    for rows in (small, large, small):
        shelf.journal.commit(commit_of(shelf.append(rows, code="air-quality", lane=Lane.BULK, origin=NODE)))
    firsts = [run.first for part in outbound(shelf, Lane.BULK) for run in part.batch.header.runs]
    assert firsts == sorted(firsts)
    assert len(firsts) == 3


def test_batches_of_another_distance_do_not_share_a_frame(shelf: Shelf) -> None:
    shelf.add("air-quality", air(1))
    shelf.add("air-quality", air(1), origin="grid-1", distance=1)
    assert [part.batch.header.origin_distance for part in outbound(shelf, Lane.BULK)] == [1, 2]


def test_two_backfills_of_the_same_records_do_not_share_a_frame(shelf: Shelf) -> None:
    stored = shelf.append(rows_of(city().resources["air-quality"], air(3)), code="air-quality", lane=Lane.BULK, origin=NODE)
    again = replace(stored.batch, header=replace(stored.batch.header, backfill=True))
    backfills = [StoredBatch(lsn, again, NODE, (0,)) for lsn in (2, 3)]
    for entry in (stored, *backfills):
        shelf.journal.commit(commit_of(entry))
    assert [part.batch.header.row_count for part in outbound(shelf, Lane.BULK)] == [3, 3, 3]


def test_a_header_tells_nothing_of_the_rows_that_were_withheld(shelf: Shelf) -> None:
    rows: list[dict[str, Scalar]] = [
        {"event_time": 1_000, "territory": "370202001", "grade": 1},
        {"event_time": 9_000, "territory": "370202777", "grade": 4},
    ]
    shelf.add("air-quality", rows)
    (part,) = outbound(shelf, Lane.BULK, peer=replace(PARENT, node="city", level=Level.MUNICIPAL))
    header = part.batch.header
    assert [(run.first, run.state is State.PRESENT) for run in header.runs] == [(1, True), (2, False)]
    assert (header.event_time_max_us, header.territories, header.grade_max, header.row_count) == (1_000, ("370202001",), 1, 1)
    assert b"370202777" not in part.batch.payload


def test_what_is_closed_on_the_flow_has_no_payload(shelf: Shelf) -> None:
    shelf.add("residents", [{}], origin="street-1", distance=1)
    (part,) = outbound(shelf, Lane.STATE, peer=replace(PARENT, node="city", level=Level.MUNICIPAL), level=Level.DISTRICT)
    assert (part.closed, part.batch.payload, part.batch.manifest) == (True, b"", None)
    assert {run.state for run in part.batch.header.runs} == {State.AGGREGATE_ONLY}


def frame_of(rows: pa.RecordBatch, code: str = "air-quality", **facts: object) -> Frame:
    payload = encode_payload(rows, compression=None)
    header = BatchHeader(
        code, Lane.BULK, 1, rows.num_rows, (Run("street", 5, 1, rows.num_rows, 0),), hashlib.sha256(payload).digest(), len(payload),
        decoded_size(payload), 0, 1, 1, ("370202001",), origin_distance=1,
    )  # fmt: skip
    header = replace(header, **facts)  # type: ignore[arg-type]
    return Frame(Lane.BULK, Direction.UP, Span(0, 1), 0, 1, Batch(header, payload, RigVouch("street").sign(header_digest(header), ())))


def inbound(shelf: Shelf, frame: Frame) -> InboundResult:
    outcome = pipeline(shelf, Level.DISTRICT).run(InboundJob(1, CHILD, frame, gate(Level.DISTRICT).version))
    assert isinstance(outcome, InboundResult)
    return outcome


def sound() -> pa.RecordBatch:
    return rows_of(city().resources["air-quality"], [{}])


def test_a_sound_frame_is_accepted(shelf: Shelf) -> None:
    assert inbound(shelf, frame_of(sound())) == InboundResult(1, gate(Level.DISTRICT).version)


@pytest.mark.parametrize("name", ["event_time", "territory", "grade", "device", "value"])
def test_a_frame_without_a_column_is_refused(shelf: Shelf, name: str) -> None:
    assert f"column {name} is missing" in inbound(shelf, frame_of(sound().drop_columns([name]))).refusal


@pytest.mark.parametrize("name", ["event_time", "territory", "grade", "device"])
@pytest.mark.parametrize("column", [pa.array(["x"]), pa.array([7.5])], ids=["text", "number"])
def test_a_column_of_another_type_is_refused_and_never_breaks_the_job(shelf: Shelf, name: str, column: pa.Array[Any]) -> None:
    rows = sound()
    if pa.types.is_string(column.type) and pa.types.is_dictionary(rows.column(name).type):
        column = pa.array([7])
    forged = rows.set_column(rows.schema.names.index(name), name, column)
    assert f"column {name} has type" in inbound(shelf, frame_of(forged)).refusal


def test_a_child_cannot_count_the_records_of_those_below_it_as_its_own(shelf: Shelf) -> None:
    """Two hops from their origin fewer records may be seen than one hop from it."""
    run = (Run("grid", 5, 1, 1, 0),)
    assert "records of grid were made by street" in inbound(shelf, frame_of(sound(), runs=run)).refusal
    assert inbound(shelf, frame_of(sound(), runs=run, origin_distance=2)).refusal == ""
    assert "made here" in inbound(shelf, frame_of(sound(), origin_distance=0)).refusal


def test_a_header_says_of_rows_without_a_territory_that_nobody_knows_where_they_are_from() -> None:
    rows = rows_of(city().resources["air-quality"], [{"territory": "370202001"}, {"territory": None}])
    assert facts_of(rows).territories == ("", "370202001")
    assert facts_of(rows.slice(0, 1)).territories == ("370202001",)


def test_a_resource_nobody_knows_is_refused(shelf: Shelf) -> None:
    assert "not in the catalogue" in inbound(shelf, frame_of(sound(), code="moonlight")).refusal


def test_a_payload_that_was_changed_on_the_way_is_quarantined(shelf: Shelf) -> None:
    frame = frame_of(sound())
    forged = replace(frame, batch=replace(frame.batch, payload=bytes(len(frame.batch.payload))))
    outcome = inbound(shelf, forged)
    assert (outcome.quarantine, outcome.refusal) == (True, "the payload is not the one its header names")


def test_a_manifest_of_somebody_else_is_quarantined(shelf: Shelf) -> None:
    frame = frame_of(sound())
    forged = RigVouch("grid-9").sign(header_digest(frame.batch.header), ())
    assert inbound(shelf, replace(frame, batch=replace(frame.batch, manifest=forged))).refusal == "no manifest of street"


def test_a_header_with_more_rows_than_the_payload_is_quarantined(shelf: Shelf) -> None:
    assert inbound(shelf, frame_of(sound(), row_count=2)).quarantine


def test_row_facts_are_those_of_the_rows() -> None:
    facts = facts_of(rows_of(city().resources["air-quality"], [{"event_time": 5, "grade": 2}, {"event_time": 3, "grade": 1}]))
    assert (facts.event_time_min_us, facts.event_time_max_us, facts.grade_max) == (3, 5, 2)
    assert facts_of(sound().slice(0, 0)).territories == ()


def test_many_territories_become_the_smallest_that_holds_them_all() -> None:
    assert merged_territories([("370202001", "370202002"), ("370202001",)]) == ("370202001", "370202002")
    assert merged_territories([("370202001", "370202002")], most=1) == ("370202",)
    assert common_territory(["370202001", "110101001"]) == ""
