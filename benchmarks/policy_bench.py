"""G16, the policy on one core: plan look-ups, column plans over dictionary columns, compiling a whole catalogue; a raw loop beside each.

Run as `python -m benchmarks.policy_bench [--rounds N]`, or `python -m benchmarks.run g16`; it fails (exit 1) when a ratio to its raw loop
is missed. CPU seconds; nothing is written. The catalogue that is compiled is made by policy_rules.py.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import psutil
import pyarrow as pa

from benchmarks.figures import Target, target_lines
from benchmarks.policy_rules import CITY, PROVINCE, large_catalogue
from policies import CompiledGate, KeyRing, PlanBook, Ruleset, Station, Way, merge, schema
from policies.masks import REDACT
from policies.plan import ColumnRule, GradeRule, Plan, PlanKey, RowRule, Step
from policies.words import Distance, Reason, Verdict
from sync.model import Batch, BatchHeader, Direction, Level, Run, StoredBatch
from sync.ports import Flow

ROWS = 20_000
REPEATS = 9
ROUNDS = 3
LOOK_UPS = 200_000
BATCHES = 8
"""Decided one after the other, so that none lies in the caches of the processor from the time before."""
NOW_US = 1_790_000_000_000_000
FORM = "CPU of one core, in memory"

LOOK_UPS_MIN = 0.25
"""Of look-ups in a bare dictionary, of which this machine makes 45 M/s at rest: 11 M/s; 5 M/s are asked."""
COLUMNS_MIN = 0.15
"""Of copying the same rows with Arrow's `take`, which this machine does at 70 to 100 M rows/s: 15 M rows/s are asked."""
SCATTERED_MIN = 0.04
"""The same where one row in fifty goes: what is cut there is no column but the account, a value for each of 800 stretches."""
COMPILE_MAX = 2.0
"""Times a loop that makes as many plans, keys, rules and steps and thinks nothing: 3 s are asked."""

RULES = merge([PROVINCE, CITY])
TARGETS = (
    (1, Way.RETURN, Level.GRID),
    (1, Way.UP, Level.STREET),
    (2, Way.UP, Level.DISTRICT),
    (2, Way.UP, Level.MUNICIPAL),
    (2, Way.UP, Level.PROVINCIAL),
)
"""One kind of flow to each of the five levels."""


@dataclass(frozen=True, slots=True)
class People:
    """What the rows of a batch are about."""

    distinct: int
    listed_every: int
    """One row in so many is on the negative list."""
    order: int = 0
    """Seed of the order in which the persons come; 0: one after the other, again and again."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Seconds of one round over the large catalogue."""

    plans: int
    merge_s: float
    first_s: float
    """From merged rules to the first plan of a resource."""
    all_s: float
    plain_s: float


def median_s(work: Callable[[], object]) -> float:
    """Median seconds of REPEATS runs after one that warms up."""
    work()
    return statistics.median(timed(work) for _ in range(REPEATS))


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def residents(people: People) -> pa.RecordBatch:
    """A batch of ROWS rows."""
    rng = Random(people.order)
    who = [rng.randrange(people.distinct) if people.order else row % people.distinct for row in range(ROWS)]
    texts: dict[str, list[str]] = {
        "territory": ["370202001001"] * ROWS,
        "resident_id": [f"r-{one}" for one in who],
        "name": [f"周某{one}" for one in who],
        "id_number": [f"37020218200101{one:04d}" for one in who],
        "phone": [f"1000000{one:04d}" for one in who],
        "category": ["protected" if row % people.listed_every == 0 else "常住" for row in range(ROWS)],
    }
    other: dict[str, list[int]] = {"event_time": [0] * ROWS, "grade": [3] * ROWS, "birth_year": [1820] * ROWS}
    kinds = schema(RULES.resources["residents"])
    arrays = [
        pa.array(texts[field.name], pa.string()).dictionary_encode() if field.name in texts else pa.array(other[field.name], field.type)
        for field in kinds
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=kinds)


def release() -> Callable[[pa.RecordBatch], object]:
    """The gate of a street toward its district, for one batch of residents after the other."""
    resource = RULES.resources["residents"]
    header = BatchHeader(resource.code, resource.lane, 1, ROWS, (Run("street", 1, 1, ROWS, 0),), bytes(32), 0, 0, grade_max=3)
    batch = StoredBatch(1, Batch(header, b""), "street")
    gate = CompiledGate(RULES, Station("street", Level.STREET, KeyRing({"residents-district": b"k" * 32})), now_us=NOW_US)
    flow = Flow("district", Level.DISTRICT, "3702", Direction.UP)
    return lambda rows: gate.release(flow, batch, rows)


def column_plan(people: People) -> tuple[float, float]:
    """Rows per second through the gate, and through a bare copy of the rows that stay, over batches whose dictionaries came before."""
    decide, order = release(), Random(1)
    first = residents(people)
    batches = [first.take(pa.array(order.sample(range(ROWS), ROWS))) for _ in range(BATCHES)]
    stays = pa.array([row for row in range(ROWS) if row % people.listed_every])
    ours = median_s(lambda: [decide(rows) for rows in batches])
    raw = median_s(lambda: [rows.take(stays) for rows in batches])
    return BATCHES * ROWS / ours, BATCHES * ROWS / raw


def new_dictionaries(distinct: int) -> float:
    """Rows per second where no dictionary came before, though every value of it did."""
    decide = release()
    for seed in range(1, BATCHES):
        decide(residents(People(distinct, 2_000, seed)))
    news = [residents(People(distinct, 2_000, 1_000 + seed)) for seed in range(BATCHES)]
    return BATCHES * ROWS / timed(lambda: [decide(rows) for rows in news])


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


def compiling() -> Compiled:
    """The large catalogue from bundles to every plan, once."""
    large = large_catalogue()
    merged: list[Ruleset] = []
    merge_s = timed(lambda: merged.append(merge([PROVINCE, large])))
    (rules,) = merged
    first_s = timed(lambda: PlanBook(rules, now_us=NOW_US).plan(large.contents.catalogue[0].code, hops=1, way=Way.UP, level=Level.STREET))
    found: list[list[Plan]] = []
    all_s = timed(lambda: found.append(compile_all(rules)))
    return Compiled(len(found[0]), merge_s, first_s, all_s, timed(lambda: make_plainly(found[0])))


def compile_all(rules: Ruleset) -> list[Plan]:
    """Every plan for every target."""
    book = PlanBook(rules, now_us=NOW_US)
    flows = [book.plans(hops=hops, way=way, level=level) for hops, way, level in TARGETS]
    return [plans[code] for plans in flows for code in rules.resources]


def make_plainly(plans: Sequence[Plan]) -> list[object]:
    """As many values of the same kinds as these plans have, made of nothing."""
    made: list[object] = []
    for plan in plans:
        key = PlanKey("resource", Distance.PARENT, Way.UP, Level.STREET, "")
        grades = tuple([GradeRule(1, Verdict.ALLOW, Reason.NONE, tuple([_rule() for _ in rule.columns])) for rule in plan.grades])
        rows = tuple([RowRule("entry", None, (), Verdict.ALLOW, Reason.NONE, ()) for _ in plan.rows])
        steps = tuple([Step("default", Verdict.ALLOW, "share-by-default") for _ in plan.steps])
        made.append(Plan(key, plan.resource, grades, rows, steps, plan.known))
    return made


def _rule() -> ColumnRule:
    return ColumnRule("column", REDACT, Reason.CEILING)


def targets(rounds: int) -> list[Target]:
    """G16: each measure over its raw loop, medians of rounds."""
    found = [_look_ups(rounds), _columns(rounds, People(200, 2_000), COLUMNS_MIN), _columns(rounds, People(200, 50), SCATTERED_MIN)]
    return [*found, _compile(rounds)]


def _look_ups(rounds: int) -> Target:
    pairs = [look_ups() for _ in range(rounds)]
    note = f"{statistics.median(ours for ours, _ in pairs) / 1e6:.1f} M/s, 5 asked; load {psutil.getloadavg()[0]:.1f}"
    values = tuple(ours / raw for ours, raw in pairs)
    return Target("G16", "plan look-ups / look-ups in a dictionary", LOOK_UPS_MIN, True, values, FORM, (note,))


def _columns(rounds: int, people: People, bound: float) -> Target:
    pairs = [column_plan(people) for _ in range(rounds)]
    rate = statistics.median(ours for ours, _ in pairs) / 1e6
    notes = [f"{rate:.1f} M rows/s with dictionaries that came before, 15 asked; load {psutil.getloadavg()[0]:.1f}"]
    if people.listed_every > people.distinct:
        notes += [f"{column_plan(People(10_000, 2_000))[0] / 1e6:.1f} M rows/s with 10,000 persons in dictionaries that came before"]
        notes += [f"{new_dictionaries(many) / 1e6:.1f} M rows/s with {many:,} persons in dictionaries never seen" for many in (200, 10_000)]
    what = f"column plan, one row in {people.listed_every:,} withheld / Arrow's copy of the others, rows/s"
    form = f"{ROWS:,} rows in dictionary columns, {people.distinct} persons, four columns masked; {FORM}"
    return Target("G16", what, bound, True, tuple(ours / raw for ours, raw in pairs), form, tuple(notes))


def _compile(rounds: int) -> Target:
    found = [compiling() for _ in range(rounds)]
    merge_s, first_s, all_s = (statistics.median(getattr(one, name) for one in found) for name in ("merge_s", "first_s", "all_s"))
    parts = f"{merge_s:.2f} s to merge the bundles, {first_s * 1e3:.1f} ms to the first plan, {all_s:.2f} s for all {found[0].plans:,}"
    notes = (
        f"{parts}: {merge_s + all_s:.2f} s, 3 asked; load {psutil.getloadavg()[0]:.1f}",
        "a node compiles a plan when it is first asked for: before it enforces it has merged and compiled one",
    )
    values = tuple((one.merge_s + one.all_s) / one.plain_s for one in found)
    form = f"10,000 resources of 20 fields, 500 entries, five levels; {FORM}"
    return Target("G16", "merge and compile / making as many values", COMPILE_MAX, False, values, form, notes)


def main() -> int:
    """Print every measure; 1 when a ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    found = targets(parser.parse_args().rounds)
    for target in found:
        print("\n".join(target_lines(target)))
    return 1 if any(target.verdict == "FAIL" for target in found) else 0


if __name__ == "__main__":
    sys.exit(main())
