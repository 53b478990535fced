"""Policy on one core: plan look-ups, column plans on 20,000-row dictionary batches, compiling 10,000 resources; raw cost beside each.

Run as `python -m benchmarks.policy_bench`. CPU seconds, medians of several rounds; nothing is written.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa

from policies import CompiledGate, KeyRing, PlanBook, Resource, Station, Way, merge, schema
from policies.arrow import call
from policies.presets import preset_bundle
from sync.model import Batch, BatchHeader, Direction, Level, Run, StoredBatch
from sync.ports import Flow

ROWS = 20_000
ROUNDS = 9
LOOK_UPS = 200_000
RESOURCES = 10_000
NOW_US = 1_790_000_000_000_000
END_US = 4_000_000_000_000_000

RULES = merge(
    [
        preset_bundle(Level.PROVINCIAL, issuer="province", not_before_us=0, not_after_us=END_US),
        preset_bundle(Level.MUNICIPAL, issuer="city", not_before_us=0, not_after_us=END_US),
    ]
)


def median_s(work: Callable[[], object]) -> float:
    """Median seconds of `ROUNDS` runs after one that warms up."""
    work()
    return statistics.median(_timed(work) for _ in range(ROUNDS))


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def residents(people: int, listed_every: int) -> pa.RecordBatch:
    """A batch of `people` distinct persons spread over ROWS rows; one in `listed_every` is on the negative list."""
    resource = RULES.resources["residents"]
    texts: dict[str, list[str]] = {
        "territory": ["370202001001"] * ROWS,
        "resident_id": [f"r-{index % people}" for index in range(ROWS)],
        "name": [f"周某{index % people}" for index in range(ROWS)],
        "id_number": [f"37020218200101{index % people:04d}" for index in range(ROWS)],
        "phone": [f"1000000{index % people:04d}" for index in range(ROWS)],
        "category": ["protected" if index % listed_every == 0 else "常住" for index in range(ROWS)],
    }
    other: dict[str, list[int]] = {"event_time": [0] * ROWS, "grade": [3] * ROWS, "birth_year": [1820] * ROWS}
    arrays = [
        pa.array(texts[field.name], pa.string()).dictionary_encode() if field.name in texts else pa.array(other[field.name], field.type)
        for field in schema(resource)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema(resource))


def column_plan(people: int, listed_every: int) -> tuple[float, float]:
    """Rows per second through the gate, and through a bare filter of the same rows."""
    rows = residents(people, listed_every)
    resource = RULES.resources["residents"]
    header = BatchHeader(resource.code, resource.lane, 1, ROWS, (Run("street", 1, 1, ROWS, 0),), bytes(32), 0, 0, grade_max=3)
    batch = StoredBatch(1, Batch(header, b""), "street")
    gate = CompiledGate(RULES, Station("street", Level.STREET, KeyRing({"residents-district": b"k" * 32})), now_us=NOW_US)
    flow = Flow("district", Level.DISTRICT, "3702", Direction.UP)
    ours = median_s(lambda: gate.release(flow, batch, rows))
    raw = median_s(lambda: rows.filter(call("not_equal", rows.column("category").cast(pa.string()), "protected")))
    return ROWS / ours, ROWS / raw


def look_ups() -> tuple[float, float]:
    """Plans of one kind of flow found per second, and look-ups of the same codes in a bare dictionary."""
    plans = PlanBook(RULES, now_us=NOW_US).plans(hops=1, way=Way.UP, level=Level.DISTRICT)
    codes = [*RULES.resources] * (LOOK_UPS // len(RULES.resources))
    bare = dict.fromkeys(RULES.resources, 0)

    def ours() -> None:
        for code in codes:
            plans[code]

    def raw() -> None:
        for code in codes:
            bare[code]

    return len(codes) / median_s(ours), len(codes) / median_s(raw)


def compiling() -> tuple[float, int]:
    """Seconds to compile every plan of RESOURCES resources (parent, above, return), and how many plans that is."""
    base: Resource = RULES.resources["residents"]
    many = {f"r-{index}": replace(base, code=f"r-{index}") for index in range(RESOURCES)}
    rules = replace(RULES, resources=many)
    keys = ((1, Way.UP, Level.DISTRICT), (2, Way.UP, Level.MUNICIPAL), (1, Way.RETURN, Level.STREET))

    def compile_all() -> None:
        book = PlanBook(rules, now_us=NOW_US)
        for code in many:
            for hops, way, level in keys:
                book.plan(code, hops=hops, way=way, level=level)

    return _timed(compile_all), RESOURCES * len(keys)


def main() -> None:
    """Print one line per measure."""
    ours, raw = look_ups()
    print(f"plan look-ups        {ours / 1e6:8.2f} M/s   raw dictionary  {raw / 1e6:8.2f} M/s")
    for people, listed_every in ((200, 2_000), (10_000, 2_000), (200, 50)):
        ours, raw = column_plan(people, listed_every)
        print(
            f"column plan          {ours / 1e6:8.2f} M rows/s   raw filter {raw / 1e6:8.2f} M/s   {people} ids, 1/{listed_every} withheld"
        )
    seconds, plans = compiling()
    print(f"compile              {seconds:8.2f} s for {plans} plans ({seconds / plans * 1e6:.0f} us each)")


if __name__ == "__main__":
    main()
