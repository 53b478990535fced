"""Sealing: batches stay below the size a frame can carry, and nothing is lost in the cutting."""

from __future__ import annotations

from random import Random

import pyarrow as pa

from node.engine.sealing import seal
from node.store.records import decode_rows
from policies.catalogue import schema
from policies.presets import city_bundle_contents
from sync.core.ready import LocalBatch
from sync.model import HybridTime, Lane, Level

PICTURE_BYTES = 100_000


def evidence(pictures: int) -> pa.RecordBatch:
    """Rows of camera-evidence whose pictures do not compress."""
    rng = Random(7)
    resource = next(entry for entry in city_bundle_contents(Level.PROVINCIAL).catalogue if entry.code == "camera-evidence")
    rows = [{"event_time": 0, "territory": "370202001001001", "grade": 2, "jpeg": rng.randbytes(PICTURE_BYTES)} for _ in range(pictures)]
    return pa.RecordBatch.from_pylist([{"event_id": str(index), **row} for index, row in enumerate(rows)], schema=schema(resource))


def sealed(pictures: int, bytes_max: int) -> list[LocalBatch]:
    rows = evidence(pictures)
    return list(seal(rows, resource="camera-evidence", lane=Lane.BLOB, schema_version=1, at=HybridTime(1), ticket=9, bytes_max=bytes_max))


def test_light_rows_are_one_batch() -> None:
    (batch,) = sealed(3, bytes_max=1 << 20)
    assert (batch.row_count, batch.ticket, batch.grade_max, batch.territories) == (3, 9, 2, ("370202001001001",))


def test_heavy_rows_are_cut_into_batches_under_the_bound_in_order() -> None:
    batches = sealed(20, bytes_max=500_000)
    assert max(len(batch.payload) for batch in batches) <= 500_000
    assert {batch.ticket for batch in batches} == {9}
    names = [name for batch in batches for name in decode_rows(batch.payload).column("event_id").to_pylist()]
    assert names == [str(index) for index in range(20)]


def test_a_single_heavy_row_is_never_cut() -> None:
    (batch,) = sealed(1, bytes_max=1_000)
    assert batch.row_count == 1


def test_a_row_without_a_grade_makes_the_whole_batch_of_the_highest() -> None:
    rows = evidence(2)
    ungraded = rows.set_column(rows.schema.get_field_index("grade"), "grade", pa.array([1, None], pa.int8()))
    (batch,) = seal(ungraded, resource="camera-evidence", lane=Lane.BLOB, schema_version=1, at=HybridTime(1), ticket=9)
    assert batch.grade_max == 4
