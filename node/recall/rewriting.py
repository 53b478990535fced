"""What a recall makes of one stored batch: the rows that go, the values that are masked, and the batch that takes its place.

Only records of other origins: an origin keeps its own. Only batches that came by a flow which the entry targets. Pure; called, off the
event loop, by eraser.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from node.engine.rowfacts import sealed_header
from node.recall.orders import Order
from policies.arrow import to_flags
from policies.catalogue import COMMON_COLUMNS, Resource
from policies.columns import compacted, mask_columns
from policies.compile import PlanBook
from policies.masks import TokenTable
from policies.plan import GradeRule, Plan, PlanKey, RowRule
from policies.words import GRADES, Distance, Reason, Verdict, Way
from sync.core.inbox import empty_header
from sync.model import BatchHeader, Level, Run, Segment, State, StoredBatch, split_runs
from sync.wire.payload import concat_rows, encode_payload, unfold_payload

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A batch after a recall."""

    stored: StoredBatch
    """What takes its place, at the same lsn."""
    erased: tuple[Run, ...] = ()
    """Stretches whose rows go, as they are accounted for from now on."""
    masked: tuple[Run, ...] = ()
    """Stretches of which values are masked."""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """One order over one resource at one node."""

    order: Order
    resource: Resource
    rule: RowRule
    node: str
    level: Level
    below: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Nodes attached below: what comes back to this one of theirs (after the loss of its journal) had come up."""

    @classmethod
    def of(cls, order: Order, resource: Resource, book: PlanBook, *, node: str, level: Level, below: frozenset[str]) -> Rewriting:
        """The order as the entry's own rule makes it; raises PredicateError when its predicate does not fit the resource."""
        return cls(order, resource, book.alone(order.entry, resource), node, level, below=below)

    @property
    def takes_all(self) -> bool:
        """True when no value of a row matters: every record of another origin goes."""
        return self._erases and self.rule.predicate is None and not self.rule.territories

    @property
    def _erases(self) -> bool:
        return not self.rule.verdict.passes

    def is_about(self, header: BatchHeader) -> bool:
        """True when a batch came by a flow that the entry targets."""
        if header.origin_distance < 1 or not (self._erases or self.rule.columns):
            return False
        ways = {Way.of(header.direction)}
        if any(run.origin in self.below for run in header.runs):
            ways.add(Way.UP)
        return any(self.order.entry.targets(way, self.level, self.resource.purpose) for way in ways)

    def has_own(self, stored: StoredBatch) -> bool:
        """True when a row of this node's own is in a batch."""
        return any(run.state.has_rows and run.origin == self.node for run in stored.batch.header.runs)

    def own(self, stored: StoredBatch, rows: pa.RecordBatch | None) -> list[Run]:
        """The stretches of this node's own records that the order is about, and that it keeps; `rows` None where `takes_all`."""
        chosen = np.ones(stored.batch.header.row_count, np.bool_) if rows is None else to_flags(self.rule.matches(rows))
        return [part for run in stored.live_runs if run.state.has_rows and run.origin == self.node for part in parts_of(run, chosen)]

    def without_rows(self, stored: StoredBatch) -> Rewritten:
        """The account that is left of a batch of others' records where `takes_all`, its payload not looked at."""
        return self._shortened(stored, None, np.ones(stored.batch.header.row_count, np.bool_))

    def rewritten(self, stored: StoredBatch, tokens: TokenTable) -> Rewritten | None:
        """What takes the place of a batch with its payload; None when nothing of it is recalled."""
        header = stored.batch.header
        rows = unfold_payload(stored.batch.payload)
        chosen = to_flags(self.rule.matches(rows)) & foreign_rows(header, self.node)
        if not chosen.any():
            return None
        return self._shortened(stored, rows, chosen) if self._erases else self._masked(stored, rows, chosen, tokens)

    def _shortened(self, stored: StoredBatch, rows: pa.RecordBatch | None, gone: Flags) -> Rewritten:
        header = stored.batch.header
        segments = _segments(gone)
        runs, duplicates = _cut(stored, segments, decider=self.node)
        kept = compacted(rows.filter(pa.array(~gone))) if rows is not None and not gone.all() else None
        before = {id(run) for run in header.runs}  # a run that is not cut is the same object
        erased = tuple([run for run in runs if run.state is State.RECALLED and id(run) not in before])
        return Rewritten(with_rows(stored, header, runs, duplicates, kept), erased=erased)

    def _masked(self, stored: StoredBatch, rows: pa.RecordBatch, chosen: Flags, tokens: TokenTable) -> Rewritten | None:
        plan = _mask_only(self.resource, self.rule, rows)
        foreign = _segments(foreign_rows(stored.batch.header, self.node))
        parts = [rows.slice(one.start, one.stop - one.start) for one in foreign]
        done = [
            part if one.state is State.PRESENT else mask_columns(plan, part, tokens).rows for one, part in zip(foreign, parts, strict=True)
        ]
        if all(before is after for before, after in zip(parts, done, strict=True)):
            return None
        header = stored.batch.header
        masked = tuple(part for run in header.runs if run.state.has_rows for part in parts_of(run, chosen))
        return Rewritten(with_rows(stored, header, header.runs, stored.duplicates, concat_rows(done)), masked=masked)


def foreign_rows(header: BatchHeader, node: str) -> Flags:
    """True for each row that another node made."""
    flags = np.zeros(header.row_count, np.bool_)
    for run in header.runs:
        if run.state.has_rows and run.origin != node:
            flags[run.row_offset : run.row_offset + run.count] = True
    return flags


def _segments(chosen: Flags) -> list[Segment]:
    """The rows as stretches; the chosen ones are recalled."""
    edges = (np.flatnonzero(chosen[1:] != chosen[:-1]) + 1).tolist()
    starts = [0, *edges]
    meaning = {True: (State.RECALLED, Reason.NEGATIVE_LIST.word), False: (State.PRESENT, "")}
    states, reasons = zip(*[meaning[is_gone] for is_gone in chosen[starts].tolist()], strict=True)
    return list(map(Segment, starts, [*edges, len(chosen)], states, reasons))


def _cut(stored: StoredBatch, segments: Sequence[Segment], *, decider: str) -> tuple[tuple[Run, ...], tuple[int, ...]]:
    """The runs without the rows that go, and which of them count elsewhere."""
    parts = split_runs(stored.batch.header.runs, segments, decider=decider)
    hidden = frozenset(stored.duplicates)
    duplicates, position = [], 0
    for index, run in enumerate(stored.batch.header.runs if hidden else ()):
        left = run.count
        while left:
            if index in hidden:
                duplicates.append(position)
            left -= parts[position].count
            position += 1
    return parts, tuple(duplicates)


def parts_of(run: Run, chosen: Flags) -> list[Run]:
    """The stretches of a run whose rows are chosen."""
    inside = chosen[run.row_offset : run.row_offset + run.count]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], inside, [False]))))
    state, reason, decider, at, clock = run.state, run.reason, run.decider, run.at, run.clock
    return [
        Run(run.origin, run.incarnation, run.first + start, run.first + stop - 1, run.row_offset + start, state, reason, decider, at, clock)
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    ]


def with_rows(
    stored: StoredBatch, header: BatchHeader, runs: tuple[Run, ...], duplicates: tuple[int, ...], rows: pa.RecordBatch | None
) -> StoredBatch:
    """The batch with other runs and rows. Nobody vouches for it any more: the manifests spoke of the bytes that are gone."""
    if rows is None or not rows.num_rows:
        made, payload = empty_header(header, runs), b""
    else:
        payload = encode_payload(rows, compression="lz4")
        made = sealed_header(replace(header, runs=runs), rows, payload)
    batch = replace(stored.batch, header=made, payload=payload, manifest=None, origin_manifest=None)
    return replace(stored, batch=batch, duplicates=duplicates, is_replaced=True)


def _mask_only(resource: Resource, rule: RowRule, rows: pa.RecordBatch) -> Plan:
    """A plan that does what one rule says and nothing else."""
    key = PlanKey(resource.code, Distance.PARENT, Way.UP, Level.PROVINCIAL, resource.purpose)
    grades = tuple(GradeRule(grade, Verdict.ALLOW, Reason.NONE, ()) for grade in GRADES)
    return Plan(key, resource, grades, (rule,), (), frozenset((*COMMON_COLUMNS, *rows.schema.names)))
