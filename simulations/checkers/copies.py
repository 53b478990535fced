"""What one node holds, read from its journal file without the engine: every run, and the records of every resource as columns.

The file is read by SQL of its own and pyarrow, not by the product's readers; each payload is held against its hash here.
Called by the other checkers.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from simulations.checkers.records import Flags, Ints, Records, decode_rows, is_alike, places, unfolded
from sync.model import Direction, JournalCorrupt, Lane, Level, State, Stream

DECODED_MAX = 20_000
"""Decoded payloads that one cache keeps: more than the batches of a world."""

_BATCHES = "SELECT lsn, lane, direction, resource, backfill, row_count, payload_sha256, payload FROM batch ORDER BY lsn"
_RUNS = """
    SELECT r.lsn, r.origin, r.incarnation, b.lane, b.resource, r.first_seq, r.last_seq, r.row_offset, r.state, r.duplicate
    FROM batch_run r JOIN batch b ON b.lsn = r.lsn ORDER BY r.lsn, r.idx
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """A node whose journal is checked."""

    id: str
    level: Level
    territory: str
    parent: str
    """Node id; empty at the top."""
    journal: Path


@dataclass(frozen=True, slots=True)
class Runs:
    """Every run of a journal in its order, as columns of one length."""

    lsn: Ints
    stream: Ints
    """Index into Copy.streams."""
    first: Ints
    last: Ints
    state: Ints
    """State as it stands in the journal."""
    live: Flags
    backfill: Flags
    returned: Flags
    """True where it came down from above."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One journal."""

    holder: Holder
    streams: tuple[Stream, ...]
    runs: Runs
    records: Mapping[str, Records]
    """By resource; one without rows is left out."""
    lane_tops: Mapping[Lane, int]


@dataclass(slots=True)
class Decoded:
    """Payloads read before, by their bytes: on the wire, then twice in a journal, and forwarded ones at every hop."""

    batches: dict[bytes, pa.RecordBatch] = field(default_factory=dict)

    def stored(self, lsn: int, sha256: bytes, payload: bytes) -> pa.RecordBatch:
        """The rows of a stored payload; raises JournalCorrupt when its bytes are not those of its hash."""
        if hashlib.sha256(payload).digest() != sha256:
            raise JournalCorrupt(f"batch {lsn} does not match its checksum", lsn=lsn)
        return self.rows(payload)

    def rows(self, payload: bytes) -> pa.RecordBatch:
        """The rows of a payload; raises pyarrow.ArrowException."""
        known = self.batches.get(payload)
        if known is None:
            known = decode_rows(payload)
            if len(self.batches) < DECODED_MAX:
                self.batches[payload] = known
        return known


@dataclass(slots=True)
class _Pile:
    """Payloads of one resource in journal order."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    base: dict[int, int] = field(default_factory=dict)
    """Row at which the batch of an lsn begins."""
    rows: int = 0


@dataclass(frozen=True, slots=True)
class _Journal:
    """What was read of one journal, its rows not yet unfolded."""

    holder: Holder
    streams: tuple[Stream, ...]
    runs: Runs
    found: Sequence[tuple[object, ...]]
    """The runs as they were read."""
    piles: Mapping[str, _Pile]
    """By resource."""
    tops: Mapping[Lane, int]


def read_copy(holder: Holder, decoded: Decoded | None = None) -> Copy:
    """Read a journal; raises JournalCorrupt or pyarrow.ArrowException when a batch is damaged."""
    return read_copies([holder], decoded)[holder.id]


def read_copies(holders: Iterable[Holder], decoded: Decoded | None = None) -> dict[str, Copy]:
    """Read several journals, by node id; raises like `read_copy`. What they hold of one layout is unfolded together."""
    decoded = decoded or Decoded()
    journals = [_read(holder, decoded) for holder in holders]
    tables = _unfold([(journal.holder.id, resource, pile) for journal in journals for resource, pile in journal.piles.items()])
    copies = {}
    for journal in journals:
        records = {
            resource: _records(resource, pile, tables[journal.holder.id, resource], journal.found, journal.runs)
            for resource, pile in journal.piles.items()
        }
        copies[journal.holder.id] = Copy(journal.holder, journal.streams, journal.runs, records, journal.tops)
    return copies


def _read(holder: Holder, decoded: Decoded) -> _Journal:
    piles: dict[str, _Pile] = {}
    tops: dict[Lane, int] = {}
    kinds: dict[int, tuple[bool, bool]] = {}
    with closing(sqlite3.connect(f"{holder.journal.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for lsn, lane, direction, resource, backfill, count, sha256, payload in connection.execute(_BATCHES):
            tops[Lane(lane)] = lsn
            kinds[lsn] = bool(backfill), direction == Direction.RETURN
            if count and payload:
                pile = piles.setdefault(resource, _Pile())
                rows = decoded.stored(lsn, sha256, payload)
                pile.base[lsn] = pile.rows
                pile.batches.append(rows)
                pile.rows += rows.num_rows
        found = connection.execute(_RUNS).fetchall()
    keys = {key: index for index, key in enumerate(sorted({row[1:5] for row in found}))}
    streams = tuple(Stream(origin, life, Lane(lane), resource) for origin, life, lane, resource in keys)
    return _Journal(holder, streams, _runs(found, keys, kinds), found, piles, tops)


def _unfold(piles: Iterable[tuple[str, str, _Pile]]) -> dict[tuple[str, str], pa.Table]:
    """The rows of (node, resource, pile), by node and resource."""
    groups: dict[object, list[tuple[str, str, _Pile]]] = {}
    for node, resource, pile in piles:
        layout = (resource, pile.batches[0].schema.remove_metadata()) if is_alike(pile.batches) else (resource, node)
        groups.setdefault(layout, []).append((node, resource, pile))
    tables = {}
    for group in groups.values():
        together = unfolded([batch for _, _, pile in group for batch in pile.batches])
        start = 0
        for node, resource, pile in group:
            tables[node, resource] = together.slice(start, pile.rows)
            start += pile.rows
    return tables


def _runs(found: Sequence[tuple[object, ...]], keys: Mapping[tuple[object, ...], int], kinds: Mapping[int, tuple[bool, bool]]) -> Runs:
    def ints(index: int) -> Ints:
        return np.fromiter((row[index] for row in found), np.int64, len(found))

    lsns = ints(0)
    flags = np.array([kinds[int(lsn)] for lsn in lsns], np.bool_).reshape(-1, 2)
    return Runs(
        lsn=lsns,
        stream=np.fromiter((keys[row[1:5]] for row in found), np.int64, len(found)),
        first=ints(5),
        last=ints(6),
        state=ints(8),
        live=ints(9) == 0,
        backfill=flags[:, 0],
        returned=flags[:, 1],
    )


def _records(resource: str, pile: _Pile, rows: pa.Table, found: Sequence[tuple[object, ...]], runs: Runs) -> Records:
    chosen = [
        index
        for index, row in enumerate(found)
        if row[4] == resource and row[8] == State.PRESENT and row[7] is not None and row[0] in pile.base
    ]
    picked = np.array(chosen, np.int64)
    starts = np.array([pile.base[found[index][0]] + found[index][7] for index in chosen], np.int64)  # type: ignore[index,operator]
    counts = runs.last[picked] - runs.first[picked] + 1
    where, owner = places(starts, counts)
    inside = where < pile.rows
    where, owner = where[inside], owner[inside]
    stream, number = np.full(pile.rows, -1, np.int64), np.zeros(pile.rows, np.int64)
    lsn, live = np.zeros(pile.rows, np.int64), np.zeros(pile.rows, np.bool_)
    run = picked[owner]
    stream[where], lsn[where], live[where] = runs.stream[run], runs.lsn[run], runs.live[run]
    number[where] = runs.first[run] + (where - starts[owner])
    return Records(rows, stream, number, lsn, live)
