"""The preset city as a fixture: its rules, gates at each level, and batches of residents."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from policies import CompiledGate, KeyRing, Resource, Ruleset, Station, highest_grade, merge
from policies.catalogue import Scalar
from policies.explain import row_batch
from policies.presets import preset_bundle
from sync.model import Batch, BatchHeader, Direction, Level, Run, State, StoredBatch
from sync.ports import Flow, Released

NOW_US = 1_790_000_000_000_000
"""2026-09-21, inside the validity of the demonstration entry."""
END_US = 4_000_000_000_000_000
KEYS = KeyRing({"residents-district": b"k" * 32})
STREET = "370202001"


def city() -> Ruleset:
    """The two preset bundles in force."""
    province = preset_bundle(Level.PROVINCIAL, issuer="shandong", not_before_us=0, not_after_us=END_US)
    return merge([province, preset_bundle(Level.MUNICIPAL, issuer="qingdao", not_before_us=0, not_after_us=END_US)])


def gate(level: Level, rules: Ruleset | None = None, *, now_us: int = NOW_US) -> CompiledGate:
    """The gate of a node of this level; nodes are named after their level."""
    return CompiledGate(rules or city(), Station(level.word, level, KEYS), now_us=now_us)


def up_to(level: Level) -> Flow:
    """The flow up to a node of this level."""
    return Flow(level.word, level, "37", Direction.UP)


def back_to(territory: str, *, subtree: frozenset[str] = frozenset()) -> Flow:
    """The return flow to a street's territory."""
    return Flow("street", Level.STREET, territory, Direction.RETURN, subtree)


def rows_of(resource: Resource, rows: Sequence[dict[str, Scalar]]) -> pa.RecordBatch:
    """Rows of the resource, what is left out taken from its specimen."""
    full = [row_batch(resource, {**dict(resource.specimen), **row}) for row in rows]
    table = pa.Table.from_batches(full).unify_dictionaries().combine_chunks()
    return table.to_batches()[0]


def stored(
    resource: Resource,
    rows: pa.RecordBatch,
    *,
    distance: int = 0,
    origins: Sequence[str] = (),
    direction: Direction = Direction.UP,
    version: bytes = b"",
    runs: tuple[Run, ...] = (),
) -> StoredBatch:
    """A journal row for `rows`: one run per origin in `origins` (one row each), or a single run."""
    many = tuple(Run(origin, 1, index + 1, index + 1, index) for index, origin in enumerate(origins))
    single = (Run("street", 1, 1, max(rows.num_rows, 1), 0),)
    header = BatchHeader(
        resource.code,
        resource.lane,
        resource.schema_version,
        rows.num_rows,
        runs or many or single,
        bytes(32),
        0,
        0,
        grade_max=highest_grade(rows),
        territories=tuple(sorted({code or "" for code in rows.column("territory").to_pylist()})),
        direction=direction,
        origin_distance=distance,
        policy_version=version,
    )
    return StoredBatch(1, Batch(header, b""), "street")


def onward(resource: Resource, before: StoredBatch, released: Released, rows: pa.RecordBatch, *, version: bytes) -> StoredBatch:
    """What the next hop stores of a released batch."""
    kept = rows if released.rows is None else released.rows
    header = before.batch.header
    return stored(resource, kept, distance=header.origin_distance + 1, direction=header.direction, version=version, runs=released.runs)


def states(released: Released) -> list[tuple[State, str, int]]:
    """State, reason and count of each run."""
    return [(run.state, run.reason, run.count) for run in released.runs]
