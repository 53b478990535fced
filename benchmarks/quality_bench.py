"""How fast rules of quality judge committed records: 5 million bad ones in one run, against a bare pass over the same columns.

Run as `python -m benchmarks.quality_bench [RECORDS]`. The journal is a list of real payloads in memory, so that neither figure waits for
the disk on reading; the projection writes its figures and positions to a real file. CPU time of one process, one round each.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from node.quality.projection import Projection
from node.quality.recheck import recheck
from node.quality.store import FILE_NAME, QualityStore
from node.store.records import decode_rows
from node.store.repaired import NEVER, Repaired
from policies.arrow import call, plain
from policies.catalogue import Resource, schema
from policies.quality import QualityRules
from sync.model import Batch, BatchHeader, HybridTime, Run, Span, StoredBatch
from sync.wire.payload import decoded_size, encode_payload
from tests.policies.city import city

Plain = dict[str, Any]

RECORDS = 5_000_000
BATCH_ROWS = 20_000
INCARNATION = 7
ORIGIN = "street"
NOW_US = 1_790_000_000_000_000
COMMON: tuple[Plain, ...] = (
    {"id": "born", "check": "range", "fields": ["birth_year"], "range": {"low": 1900, "high": 2026}},
    {"id": "named", "check": "required", "fields": ["name", "category"]},
    {"id": "kind", "check": "one-of", "fields": ["category"], "values": ["a", "b"]},
    {"id": "sane", "check": "row", "predicate": "birth_year > 1900 OR category = 'a'"},
    {"id": "quick", "check": "fresh", "max_age_s": 3600},
)
"""Rules over columns of few distinct values and numbers."""
DEAR: tuple[Plain, ...] = (
    {"id": "id", "check": "identifier", "fields": ["id_number"], "identifier": "resident-id"},
    {"id": "phone", "check": "pattern", "fields": ["phone"], "pattern": "1[3-9][0-9]{9}"},
)
"""Rules over columns in which every value differs."""


@dataclass
class Pile:
    """Batches in memory, read as from a journal; payloads repeat after `distinct` batches, numbers do not."""

    batches: list[StoredBatch]
    count: int
    node: str = ORIGIN
    incarnation: int = INCARNATION

    @property
    def last_lsn(self) -> int:
        """One for each batch."""
        return self.count

    def find(self, resource: str, span: Span, *, batches_max: int, bytes_max: int) -> list[StoredBatch]:
        """The batches after `span.after`, as many as a step takes."""
        found: list[StoredBatch] = []
        size = 0
        for lsn in range(span.after + 1, min(span.upto, self.count) + 1):
            one = self.batches[lsn % len(self.batches)]
            size += one.batch.header.payload_bytes
            if found and (len(found) >= batches_max or size > bytes_max):
                break
            found.append(replace(one, lsn=lsn))
        return found

    def repaired(self, resource: str) -> Repaired:
        """Nothing here is ever damaged."""
        return NEVER


def rows(resource: Resource, seed: int) -> pa.RecordBatch:
    """A batch of which every row breaks every rule of COMMON and DEAR."""
    rng = np.random.default_rng(seed)
    numbers = rng.integers(10**9, 10**10, BATCH_ROWS)
    texts = pa.array(numbers).cast(pa.string())
    years = pa.array(rng.integers(1700, 1899, BATCH_ROWS), pa.int32())
    values: dict[str, Any] = {
        "event_time": pa.array(np.full(BATCH_ROWS, NOW_US - 10**11), pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "territory": pa.repeat("370202001", BATCH_ROWS),
        "grade": pa.array(np.full(BATCH_ROWS, 3), pa.int8()),
        "resident_id": texts,
        "name": pa.array(["", None, " ", "\u3000"] * (BATCH_ROWS // 4)),
        "id_number": call("binary_join_element_wise", "37020", texts, "199", ""),
        "phone": call("binary_join_element_wise", "9", texts, ""),
        "birth_year": years,
        "category": pa.array(["x", "y", "z", ""] * (BATCH_ROWS // 4)),
    }
    arrays = [
        values[item.name].cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(item.type) else values[item.name]
        for item in schema(resource)
    ]
    return pa.RecordBatch.from_arrays(
        [array.cast(item.type) for array, item in zip(arrays, schema(resource), strict=True)], schema=schema(resource)
    )


def pile(resource: Resource, records: int, *, distinct: int = 25) -> Pile:
    """`records` records in batches; one of `distinct` payloads each."""
    batches = []
    for number in range(distinct):
        payload = encode_payload(rows(resource, number), compression="lz4")
        run = Run(ORIGIN, INCARNATION, 1, BATCH_ROWS, 0, at=HybridTime(NOW_US))
        header = BatchHeader(
            resource.code, resource.lane, 1, BATCH_ROWS, (run,), hashlib.sha256(payload).digest(), len(payload), decoded_size(payload),
            NOW_US, NOW_US, 3, ("370202001",),
        )  # fmt: skip
        batches.append(StoredBatch(number + 1, Batch(header, payload), ORIGIN))
    return Pile(batches, records // BATCH_ROWS)


def bare_pass(pile: Pile, columns: list[str]) -> None:
    """Decode every payload and count, by one kernel each, the values of the columns that rules read: nothing is kept."""
    for lsn in range(1, pile.count + 1):
        batch = decode_rows(pile.batches[lsn % len(pile.batches)].batch.payload)
        for name in columns:
            column = plain(batch.column(name))
            call("count_distinct", column) if not pa.types.is_string(column.type) else call("utf8_length", column)


def timed(work: Callable[[], object]) -> float:
    """CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(title: str, rules: tuple[Plain, ...], columns: list[str], records: int, *, key: tuple[str, ...] = ()) -> None:
    """Print one line of figures."""
    resource = replace(city().resources["residents"], quality=QualityRules.of({"rules": list(rules), "key": list(key)}, "quality"))
    source = pile(resource, records)
    with tempfile.TemporaryDirectory() as folder:
        store = QualityStore(Path(folder) / FILE_NAME)
        projection = Projection(store, source, lambda: {resource.code: resource}, lambda: 7)
        judged_s = timed(projection.catch_up)
        bad = {rule: found.bad for (_, _, rule), found in store.scores().items() if rule in {one["id"] for one in rules}}
        again_s = timed(lambda: list(recheck(projection, resource, ORIGIN, str(rules[0]["id"]), first_lsn=1)))
        store.close()
    raw_s = timed(lambda: bare_pass(source, columns))
    least = min(bad.values())
    print(
        f"{title}: {records / judged_s / 1e6:.2f} M records/s, {records * len(rules) / judged_s / 1e6:.1f} M judgements/s, "
        f"at least {least:,} bad by each of {len(rules)} rules; bare pass {records / raw_s / 1e6:.2f} M/s, ratio {raw_s / judged_s:.2f}; "
        f"one rule judged again {records / again_s / 1e6:.2f} M/s"
    )


def main() -> None:
    """Print the figures."""
    records = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    few = ["birth_year", "name", "category", "event_time"]
    measure("few distinct values", COMMON, few, records)
    measure("every value differs", DEAR, ["id_number", "phone"], records)
    measure("with a key", COMMON, [*few, "resident_id"], records, key=("resident_id",))


if __name__ == "__main__":
    main()
