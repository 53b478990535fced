"""What the chain benchmark moves and under which rules: batches of readings in eight columns, and a province's bundle.

The readings are those of `air-quality`: event_time, territory, grade, device, quantity, value, text, unit. One row in twenty is on the
negative list; `Spread` says whether such rows lie together or everywhere. Called by chain_bench.py and chain_files.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from functools import cache
from random import Random

import pyarrow as pa

from node.engine.rowfacts import facts_of
from policies.arrow import Column
from policies.bundle import Bundle, Contents
from policies.catalogue import Resource, schema
from policies.entry import Basis, Entry
from policies.masks import Mask, Method
from policies.presets import city_bundle_contents
from policies.words import Verdict, Way
from sync.core.ready import LocalBatch
from sync.model import HybridTime, Lane, Level
from sync.wire.payload import decoded_size, encode_payload

RESOURCE = "air-quality"
DEVICES = 200
ONE_LISTED_IN = 20
"""Rows for each row that the negative list takes out: 5 %."""
LISTED = "protected"
"""Text that puts a row on the negative list."""
START_US = 1_790_000_000_000_000
END_US = 4_000_000_000_000_000
DIFFERENT = 8
DIFFERENT_ROWS = 40_000
"""Different payloads, and rows in them: batches beyond both repeat, so that small ones joined compress as large ones do."""
TERRITORY = "370202006001001"
PING_ROWS = 10
"""Readings of one small batch whose way is timed."""


class Spread(Enum):
    """Where the rows of the negative list are in a batch."""

    TOGETHER = "together"
    """One stretch: two or three runs a batch."""
    SCATTERED = "scattered"
    """Every twentieth row: two runs for each of them, the worst case of the accounting."""


class Rules(Enum):
    """What the policy does to a batch."""

    POLICY = "policy"
    """5 % of the rows are withheld and the device becomes a pseudonym, decided again at every hop."""
    PASS = "pass"
    """The plan keeps everything: bytes are forwarded."""


def bundle(rules: Rules, issuer: str) -> Bundle:
    """The provincial preset at epoch 2, with or without the entries of the benchmark."""
    contents = city_bundle_contents(Level.PROVINCIAL)
    if rules is Rules.POLICY:
        contents = _tightened(contents)
    return Bundle(issuer, Level.PROVINCIAL, 2, 0, END_US, contents)


def _tightened(contents: Contents) -> Contents:
    catalogue = tuple(_with_masked_device(entry) if entry.code == RESOURCE else entry for entry in contents.catalogue)
    masks = tuple(sorted((*contents.masks, ("bench-token", Mask(Method.PSEUDONYM, key="bench-key")))))
    entries = (
        _entry("BENCH-ROWS", Verdict.DENY, predicate=f"text = '{LISTED}'"),
        _entry("BENCH-DEVICE", Verdict.MASK, fields=("device",)),
    )
    return replace(contents, catalogue=catalogue, masks=masks, entries=(*contents.entries, *entries))


def _with_masked_device(resource: Resource) -> Resource:
    fields = tuple(replace(item, mask="bench-token") if item.name == "device" else item for item in resource.fields)
    return replace(resource, fields=fields)


def _entry(name: str, effect: Verdict, *, predicate: str = "", fields: tuple[str, ...] = ()) -> Entry:
    quote = "an invented rule of the benchmark"
    basis = Basis("benchmark", "1", quote, hashlib.sha256(quote.encode()).hexdigest())
    return Entry(
        id=name, effect=effect, resource=RESOURCE, fields=fields, predicate=predicate, ways=(Way.UP,), basis=basis,
        proposer="bench", approver="bench", valid_from_us=0, valid_to_us=END_US, demonstration=True,
    )  # fmt: skip


def batches(count: int, *, rows: int, spread: Spread) -> list[LocalBatch]:
    """`count` batches of `rows` rows, encoded as a node seals them."""
    resource, rng = _resource(), Random(7)
    models = [_sealed(_rows(resource, rows, spread, rng), resource) for _ in range(min(count, max(DIFFERENT, DIFFERENT_ROWS // rows)))]
    return [replace(models[index % len(models)], at=HybridTime(START_US + index), ticket=index + 1) for index in range(count)]


def rows_of(count: int) -> list[pa.RecordBatch]:
    """A few different batches of `count` rows, not sealed yet."""
    rng = Random(7)
    return [_rows(_resource(), count, Spread.TOGETHER, rng) for _ in range(DIFFERENT)]


def sealed(rows: pa.RecordBatch) -> LocalBatch:
    """`rows` encoded as a node seals them."""
    return _sealed(rows, _resource())


def ping_batches() -> Iterator[LocalBatch]:
    """Batches of PING_ROWS readings in a lane that does not wait for more, without end."""
    batch = replace(_sealed(_rows(_resource(), PING_ROWS, Spread.TOGETHER, Random(7)), _resource()), lane=Lane.ALARM)
    while True:
        yield batch


@cache
def _resource() -> Resource:
    return next(entry for entry in city_bundle_contents(Level.PROVINCIAL).catalogue if entry.code == RESOURCE)


def _rows(resource: Resource, count: int, spread: Spread, rng: Random) -> pa.RecordBatch:
    listed = count // ONE_LISTED_IN
    marked = range(listed) if spread is Spread.TOGETHER else range(0, count, ONE_LISTED_IN)
    texts = [""] * count
    for row in marked:
        texts[row] = LISTED
    columns: dict[str, list[str] | list[int] | list[float]] = {
        "event_time": [START_US + 1_000 * row for row in range(count)],
        "territory": [TERRITORY] * count,
        "grade": [1] * count,
        "device": [f"air-{rng.randrange(DEVICES):04d}" for _ in range(count)],
        "quantity": [rng.choice(("PM2.5", "PM10", "NO2")) for _ in range(count)],
        "value": [round(rng.uniform(0, 90), 1) for _ in range(count)],
        "text": texts,
        "unit": ["ug/m3"] * count,
    }
    fields = schema(resource)
    arrays = [_array(columns[field.name], field.type) for field in fields]
    return pa.RecordBatch.from_arrays(arrays, schema=fields)


def _array(values: list[str] | list[int] | list[float], kind: pa.DataType) -> Column:
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    return pa.array(values, kind)


def _sealed(rows: pa.RecordBatch, resource: Resource) -> LocalBatch:
    payload, facts = encode_payload(rows, compression="lz4"), facts_of(rows)
    return LocalBatch(
        resource=resource.code,
        lane=resource.lane,
        schema_version=resource.schema_version,
        row_count=rows.num_rows,
        payload=payload,
        payload_sha256=hashlib.sha256(payload).digest(),
        decoded_bytes=decoded_size(payload),
        event_time_min_us=facts.event_time_min_us,
        event_time_max_us=facts.event_time_max_us,
        grade_max=facts.grade_max,
        territories=facts.territories,
        at=HybridTime(START_US),
        ticket=1,
    )
