"""Why one record, or a resource, reaches a node of the tree or not: the record is read from the journal and judged by the gate in force.

Owns the name of a record, `ORIGIN/RESOURCE#NUMBER`, and what way and distance lead to a node: up to an ancestor, in return to a node below.
Refuses nodes that were never heard of, and records that were never here. Answers hold no value of the record. Called by node/api.py.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from node.errors import NodeError
from node.store.journal import SqliteJournal
from node.store.records import decode_rows
from node.tree.directory import NodeStatus
from policies.explain import explain, explain_record
from policies.gate import CompiledGate
from policies.words import Way
from sync.model import BatchHeader, Direction, Level, Run, State, StoredBatch
from sync.ports import Flow

_RECORD = re.compile(r"(?P<origin>[^/#\s]{1,63})/(?P<resource>[^/#\s]{1,200})#(?P<number>[0-9]{1,18})")
_BATCHES = """
    SELECT b.lsn, r.idx, r.duplicate FROM batch b CROSS JOIN batch_run r ON r.lsn = b.lsn
    WHERE b.resource = ? AND r.origin = ? AND r.first_seq <= ? AND r.last_seq >= ? ORDER BY r.duplicate, b.lsn DESC LIMIT 1
"""
"""The newest account of a number counts; a node that began a new life has numbers of its own again."""

Plain = dict[str, Any]


class ExplainError(NodeError):
    """A record or a node that is not known here; the text says where to ask."""


@dataclass(frozen=True, slots=True)
class RecordName:
    """One record of a stream."""

    origin: str
    resource: str
    number: int


def record_name(text: str) -> RecordName | None:
    """The record that `text` names; None when it names none (then it is the code of a resource)."""
    match = _RECORD.fullmatch(text)
    return None if match is None else RecordName(match["origin"], match["resource"], int(match["number"]))


@dataclass(frozen=True, slots=True)
class Target:
    """A node of the tree, seen from here."""

    node: str
    level: Level
    territory: str
    direction: Direction
    hops: int
    """Steps of the tree from here to it."""
    below: frozenset[str] = frozenset()
    """Nodes at or below it, for a return."""

    def flow(self) -> Flow:
        """What the gate is asked about."""
        return Flow(self.node, self.level, self.territory, self.direction, self.below)

    def plain(self, distance: int) -> Plain:
        """For the answer; `distance` counts from the record's origin."""
        return {"node": self.node, "level": self.level.word, "direction": self.direction.word, "distance": distance}


def target_of(tree: Sequence[NodeStatus], own: str, node: str) -> Target:
    """Where `node` stands in the tree as it is known here; raises ExplainError for an unknown one, or for this node itself."""
    known = {status.id: status for status in tree}
    if not node:
        raise ExplainError(f"{own} has no parent: name a node with --to")
    if node == own:
        raise ExplainError(f"{node} is this node: name one above or below it")
    if node not in known:
        others = ", ".join(sorted(set(known) - {own})) or "none yet: no link has been up"
        raise ExplainError(f"no node {node} is known here; known above and below are {others}")
    way_up = _line(known, own)
    if node in way_up:
        return _target(known[node], Direction.UP, way_up.index(node) + 1)
    way_here = _line(known, node)
    below = frozenset(name for name in known if name == node or node in _line(known, name))
    return _target(known[node], Direction.RETURN, way_here.index(own) + 1 if own in way_here else len(way_here) or 1, below)


def _line(known: dict[str, NodeStatus], node: str) -> list[str]:
    """The ancestors of a node, nearest first."""
    line: list[str] = []
    while node in known and known[node].parent and known[node].parent not in line:
        node = known[node].parent
        line.append(node)
    return line


def _target(status: NodeStatus, direction: Direction, hops: int, below: frozenset[str] = frozenset()) -> Target:
    return Target(status.id, Level.from_word(status.level), status.territory, direction, hops, below)


@dataclass(frozen=True, slots=True)
class Explainer:
    """Answers for one node. Blocking."""

    own: str
    journal: SqliteJournal
    gate: Callable[[], CompiledGate]

    def resource(self, code: str, target: Target) -> Plain:
        """Records of this node's own: why they reach `target` or not."""
        way = Way.of(target.direction)
        answer = explain(self.gate().book, code, way, hops=target.hops, level=target.level).encoded()
        return answer | {"to": target.plain(target.hops)}

    def record(self, name: RecordName, target: Target) -> Plain:
        """One record: where it is, what was decided about it and why, what would release it. Raises ExplainError, JournalCorrupt."""
        found = self.journal.look("search for a record", lambda connection: _found(connection, name))
        here = f"{name.origin}/{name.resource}#{name.number}"
        if found is None:
            raise ExplainError(f"record {here} was never here: ask at {name.origin}, or at a node between")
        lsn, index = found
        stored = self.journal.batch(lsn)
        assert stored is not None, "a run without its batch"
        run = stored.batch.header.runs[index]
        steps_up = stored.batch.header.origin_distance + (target.hops if target.direction is Direction.UP else 0)
        answer = {"record": here, "batch": lsn, "to": target.plain(max(steps_up, target.hops))}
        if not run.state.has_rows or stored.freed is not State.PENDING:
            state = stored.freed if run.state.has_rows else run.state
            gone = {"outcome": "not-here", "state": state.name.lower().replace("_", "-"), "reason": run.reason, "decider": run.decider}
            return answer | gone
        one, row = _alone(stored, run, name.number)
        distance = steps_up - 1 if target.direction is Direction.UP else one.batch.header.origin_distance
        header = replace(one.batch.header, origin_distance=max(distance, 0))
        return answer | explain_record(self.gate(), target.flow(), replace(one, batch=replace(one.batch, header=header)), row)


def _found(connection: sqlite3.Connection, name: RecordName) -> tuple[int, int] | None:
    row = connection.execute(_BATCHES, (name.resource, name.origin, name.number, name.number)).fetchone()
    return None if row is None else (row[0], row[1])


def _alone(stored: StoredBatch, run: Run, number: int) -> tuple[StoredBatch, pa.RecordBatch]:
    """The batch as if the record were the only one in it, and its row."""
    rows = decode_rows(stored.batch.payload).slice(run.row_offset + number - run.first, 1)
    header = _header_of(stored.batch.header, replace(run, first=number, last=number, row_offset=0), rows)
    return StoredBatch(stored.lsn, replace(stored.batch, header=header, manifest=None, origin_manifest=None), stored.source), rows


def _header_of(header: BatchHeader, run: Run, rows: pa.RecordBatch) -> BatchHeader:
    codes = rows.column("territory").to_pylist() if "territory" in rows.schema.names else []
    return replace(header, runs=(run,), row_count=1, territories=tuple(sorted({str(code) for code in codes if code})))
