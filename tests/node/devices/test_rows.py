"""A device as a row of the catalogue."""

from __future__ import annotations

from node.devices.rows import FIELDS, OLD_FIELDS, OLD_RESOURCE, RESOURCE, resource_of, rows_of
from node.ingest.device import Admission, Card, Device
from node.ingest.inbox import to_record_batch
from policies.catalogue import COMMON_COLUMNS, schema
from tests.node.ingest.parts import reading
from tests.policies.city import city

DEVICE = Device(
    "d", Card("370202", "air", "p", "parks", "u1", "cn1", 120.3, 36.1), "mqtt", Admission.ADMITTED, 0, 5, resource="air-quality",
    silent_since_us=7, values={"secret": (reading("d", value=41.0), "air-quality")},
)  # fmt: skip


def test_the_shipped_layouts_are_the_ones_that_are_written() -> None:
    resources = city().resources
    for code in (RESOURCE, OLD_RESOURCE):
        layout = schema(resources[code])
        (row,) = rows_of([DEVICE], code, now_us=9)
        assert to_record_batch(layout, list(zip(row, strict=True))).to_pylist()[0]["device"] == "d"


def test_an_older_catalogue_gets_the_older_rows() -> None:
    new = {RESOURCE: [*COMMON_COLUMNS, *FIELDS], OLD_RESOURCE: [*COMMON_COLUMNS, *OLD_FIELDS]}
    assert resource_of(lambda code: new[code]) == RESOURCE
    assert resource_of(lambda code: {**new, RESOURCE: ["of", "somebody", "else's"]}[code]) == OLD_RESOURCE
    assert resource_of(lambda code: []) == ""


def test_a_row_has_neither_what_was_measured_nor_how_the_device_logs_in() -> None:
    (row,) = rows_of([DEVICE], RESOURCE, now_us=9)
    assert not {41.0, "secret", "u1", "cn1"} & set(row)
    named = dict(zip(FIELDS, row[3:], strict=True))
    assert (named["silent"], named["first_seen"], named["last_seen"], row[:3]) == (True, None, 5, (9, "370202", 2))
