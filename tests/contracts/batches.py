"""Small batches, ledger entries and commits for tests of the journal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sync.model import (
    EMPTY_CHAIN,
    NO_ROWS,
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    HybridTime,
    Lane,
    LedgerEntry,
    Manifest,
    Run,
    RunMap,
    Span,
    State,
    StoredBatch,
    Stream,
)
from sync.model.writes import AppendLedger, AppendRefusal, SetStream, StoreBatch, Write

NODE, INCARNATION = "qd-shinan", 77
PARENT = "qingdao"
RESOURCE = "air-quality"


def run(first: int, last: int, *, row: int = 0, state: State = State.PRESENT, reason: str = "", origin: str = NODE) -> Run:
    """A run of this node's own records; `row` counts only when the state has rows."""
    offset = row if state.has_rows else NO_ROWS
    decider = "" if state.has_rows else NODE
    return Run(origin, INCARNATION, first, last, offset, state, reason, decider, HybridTime(1_700_000_000_000_000, 3), ClockQuality(-5, 40))


def manifest(text: str = "word", *, inputs: int = 1) -> Manifest:
    """A manifest that nobody signed."""
    return Manifest(PARENT, hashlib.sha256(text.encode()).digest(), tuple(bytes((index,)) * 32 for index in range(inputs)), b"s" * 64)


def stored(
    lsn: int,
    runs: Iterable[Run],
    *,
    payload: bytes | None = None,
    lane: Lane = Lane.BULK,
    resource: str = RESOURCE,
    direction: Direction = Direction.UP,
    duplicates: tuple[int, ...] = (),
    source: str = NODE,
    backfill: bool = False,
) -> StoredBatch:
    """A batch whose rows are what `runs` say; the payload is any bytes."""
    runs = tuple(runs)
    rows = sum(entry.count for entry in runs if entry.state.has_rows)
    content = (b"payload of %d" % lsn if rows else b"") if payload is None else payload
    header = BatchHeader(
        resource=resource,
        lane=lane,
        schema_version=1,
        row_count=rows,
        runs=runs,
        payload_sha256=hashlib.sha256(content).digest(),
        payload_bytes=len(content),
        decoded_bytes=8 * rows,
        event_time_min_us=1_000,
        event_time_max_us=2_000,
        grade_max=2 if rows else 0,
        territories=("370202",) if rows else (),
        direction=direction,
        origin_distance=1,
        policy_version=b"v" * 32,
        plan_hash=b"p" * 32,
        backfill=backfill,
    )
    return StoredBatch(lsn, Batch(header, content, manifest(f"hop {lsn}"), manifest(f"origin {lsn}", inputs=0)), source, duplicates)


def streams_of(batches: Iterable[StoredBatch]) -> list[SetStream]:
    """The run maps that `batches` fold to."""
    maps: dict[Stream, RunMap] = {}
    for batch in batches:
        header = batch.batch.header
        for entry in batch.live_runs:
            maps.setdefault(entry.stream(header.lane, header.resource), RunMap()).set(entry.first, entry.last, entry.state)
    return [SetStream(stream, run_map.encode()) for stream, run_map in maps.items()]


def commit_of(*batches: StoredBatch, after: Iterable[StoredBatch] = ()) -> list[Write]:
    """The writes that append `batches` behind `after`, run maps included."""
    return [*(StoreBatch(batch) for batch in batches), *streams_of([*after, *batches])]


def entry(
    span: Span, runs: Iterable[Run], *, part: int = 0, parts: int = 1, chain: bytes = EMPTY_CHAIN, peer: str = PARENT, closed: bool = False
) -> AppendLedger:
    """A row of the share ledger toward the parent in the bulk lane; a closed one has part 0 of 0, as the engine writes it."""
    return AppendLedger(
        LedgerEntry(
            peer=peer,
            direction=Direction.UP,
            lane=Lane.BULK,
            span=span,
            part=0 if closed else part,
            parts=0 if closed else parts,
            resource=RESOURCE,
            runs=tuple(runs),
            plan_hash=b"p" * 32,
            policy_version=b"v" * 32,
            payload_sha256=b"h" * 32,
            manifest_digest=b"" if closed else b"m" * 32,
            chain=chain,
            closed=closed,
        )
    )


def refusal(span: Span, *, part: int = 0, by_peer: bool = True, reason: str = "looser-than-plan") -> AppendRefusal:
    """A refused frame of the bulk lane toward the parent, as the engine notes it."""
    return AppendRefusal(PARENT, Direction.UP, Lane.BULK, span, part, "", (), b"", reason, b"v" * 32, by_peer)
