"""Rows of the journal's tables from and to the words of sync.model; no connection is touched here.

Called by write_set.py (to rows) and the readers (from rows). Refuses rows that make no value: JournalCorrupt with the batch's lsn.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from node.store.failures import WAY_OUT
from sync.model import (
    BATCH_FORMAT,
    NO_ROWS,
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    HybridTime,
    JournalCorrupt,
    Lane,
    LedgerEntry,
    Manifest,
    ModelError,
    Run,
    State,
    StoredBatch,
)

Row = tuple[Any, ...]
"""One row as sqlite3 takes and gives it."""

CODEC_ARROW = "arrow-ipc-stream"
CODEC_NONE = "none"
"""Codec of a batch without rows: the payload is empty."""

BATCH_COLUMNS = (
    "lsn, lane, direction, resource, schema_version, row_count, payload_bytes, decoded_bytes, codec, "
    "event_time_min_us, event_time_max_us, grade_max, origin_distance, backfill, source, territories, "
    "policy_version, plan_hash, payload_sha256, replaces, manifest, origin_manifest, freed, payload"
)
RUN_COLUMNS = (
    "lsn, idx, origin, incarnation, first_seq, last_seq, row_offset, state, reason, decider, duplicate, "
    "sealed_wall_us, sealed_counter, offset_us, uncertainty_us"
)

TERRITORIES_CACHED_MAX = 256
"""Sets of territory codes whose text is remembered."""

CLOCKS_CACHED_MAX = 4_096
"""Clock qualities kept between reads: a node's runs repeat few."""

_STATES = {int(state): state for state in State}
_LANES = {int(lane): lane for lane in Lane}
_DIRECTIONS = {int(direction): direction for direction in Direction}
"""Members by number: a job reads hundreds of batches, and asking an enumeration each time is what costs."""
_LENGTH_BYTES = 4


def encode_manifest(manifest: Manifest | None) -> bytes | None:
    """Format byte, then issuer, header hash, signature and each input hash, all prefixed with their length (4 bytes, big-endian)."""
    if manifest is None:
        return None
    parts = (manifest.issuer.encode(), manifest.header_sha256, manifest.signature, *manifest.inputs)
    return bytes((BATCH_FORMAT,)) + b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts)


def decode_manifest(blob: bytes | None) -> Manifest | None:
    """The inverse of `encode_manifest`; raises ModelError when `blob` is not a manifest of a known format."""
    if blob is None:
        return None
    if not blob or blob[0] != BATCH_FORMAT:
        raise ModelError(f"manifest of format {blob[:1].hex() or 'none'} refused: this program reads format {BATCH_FORMAT}")
    parts = list(_length_prefixed(blob, 1))
    if len(parts) < 3:
        raise ModelError(f"manifest of {len(parts)} parts refused: issuer, header hash and signature are due")
    issuer, header_sha256, signature, *inputs = parts
    return Manifest(issuer.decode(), header_sha256, tuple(inputs), signature)


def _length_prefixed(blob: bytes, start: int) -> Iterable[bytes]:
    while start < len(blob):
        stop = start + _LENGTH_BYTES + int.from_bytes(blob[start : start + _LENGTH_BYTES], "big")
        if stop > len(blob):
            raise ModelError(f"manifest of {len(blob)} bytes refused: a part ends at byte {stop}")
        yield blob[start + _LENGTH_BYTES : stop]
        start = stop


@lru_cache(maxsize=TERRITORIES_CACHED_MAX)
def encode_territories(codes: tuple[str, ...]) -> str:
    """The codes as a JSON array, for `json_each`; remembered, because a node's batches carry few different ones."""
    return json.dumps(codes, separators=(",", ":"))


@lru_cache(maxsize=TERRITORIES_CACHED_MAX)
def decode_territories(text: str) -> tuple[str, ...]:
    """The inverse of `encode_territories`; raises ValueError when `text` is no JSON."""
    return tuple(json.loads(text))


def batch_row(stored: StoredBatch) -> Row:
    """The row of table `batch`, in the order of BATCH_COLUMNS."""
    batch, header = stored.batch, stored.batch.header
    return (
        stored.lsn,
        int(header.lane),
        int(header.direction),
        header.resource,
        header.schema_version,
        header.row_count,
        header.payload_bytes,
        header.decoded_bytes,
        CODEC_ARROW if batch.payload else CODEC_NONE,
        header.event_time_min_us,
        header.event_time_max_us,
        header.grade_max,
        header.origin_distance,
        int(header.backfill),
        stored.source,
        encode_territories(header.territories),
        header.policy_version,
        header.plan_hash,
        header.payload_sha256,
        stored.lsn if stored.is_replaced else None,
        encode_manifest(batch.manifest),
        encode_manifest(batch.origin_manifest),
        int(stored.freed),
        batch.payload,
    )


def run_rows(stored: StoredBatch) -> Iterable[Row]:
    """The rows of table `batch_run`, in the order of RUN_COLUMNS."""
    hidden = frozenset(stored.duplicates)
    for index, run in enumerate(stored.batch.header.runs):
        yield (
            stored.lsn,
            index,
            run.origin,
            run.incarnation,
            run.first,
            run.last,
            run.row_offset if run.row_offset != NO_ROWS else None,
            int(run.state),
            run.reason,
            run.decider,
            int(index in hidden),
            run.at.wall_us,
            run.at.counter,
            run.clock.offset_us,
            run.clock.uncertainty_us,
        )


def account_rows(owner: int, runs: Sequence[Run]) -> Iterable[Row]:
    """Rows of `ledger_run` or `refusal_run`: what became of which numbers, without rows and clocks."""
    for index, run in enumerate(runs):
        yield (owner, index, run.origin, run.incarnation, run.first, run.last, int(run.state), run.reason, run.decider)


def ledger_row(ledger_id: int, entry: LedgerEntry) -> Row:
    """The row of table `ledger`."""
    return (
        ledger_id,
        entry.peer,
        int(entry.direction),
        int(entry.lane),
        entry.span.after,
        entry.span.upto,
        entry.part,
        entry.parts,
        entry.resource,
        entry.plan_hash,
        entry.policy_version,
        entry.payload_sha256,
        entry.manifest_digest,
        entry.chain,
        int(entry.closed),
    )


def stored_batch(row: Row, runs: Sequence[Row]) -> StoredBatch:
    """The batch of a `batch` row and its `batch_run` rows, its payload checked against its hash; raises JournalCorrupt with the lsn.

    A freed batch comes with an empty payload and the header it had.
    """
    lsn, freed, payload = row[0], row[22], row[-1]
    if freed and payload:
        raise JournalCorrupt(f"batch {lsn} of {row[3]} is freed and still has a payload; {WAY_OUT}", lsn=lsn)
    if not freed and hashlib.sha256(payload).digest() != row[18]:
        raise JournalCorrupt(f"batch {lsn} of {row[3]} does not match its checksum; repair it from a peer, or {WAY_OUT}", lsn=lsn)
    try:
        header = _header(row, tuple([_run(run) for run in runs]))
        batch = Batch(header, payload, decode_manifest(row[20]), decode_manifest(row[21]))
        why = _STATES[freed]
    except (ModelError, ValueError, TypeError, KeyError) as error:
        raise JournalCorrupt(f"batch {lsn} of {row[3]} cannot be read ({error}); {WAY_OUT}", lsn=lsn) from error
    return StoredBatch(lsn, batch, row[14], tuple([run[1] for run in runs if run[10]]), why, row[19] is not None)


def _header(row: Row, runs: tuple[Run, ...]) -> BatchHeader:
    return BatchHeader(
        resource=row[3],
        lane=_LANES[row[1]],
        schema_version=row[4],
        row_count=row[5],
        runs=runs,
        payload_sha256=row[18],
        payload_bytes=row[6],
        decoded_bytes=row[7],
        event_time_min_us=row[9],
        event_time_max_us=row[10],
        grade_max=row[11],
        territories=decode_territories(row[15]),
        direction=_DIRECTIONS[row[2]],
        origin_distance=row[12],
        policy_version=row[16],
        plan_hash=row[17],
        backfill=bool(row[13]),
    )


@lru_cache(maxsize=CLOCKS_CACHED_MAX)
def _clock(offset_us: int, uncertainty_us: int) -> ClockQuality:
    return ClockQuality(offset_us, uncertainty_us)


def _run(row: Row) -> Run:
    _, _, origin, incarnation, first, last, offset, state, reason, decider, _, wall_us, counter, offset_us, uncertainty_us = row
    at, clock = HybridTime(wall_us, counter), _clock(offset_us, uncertainty_us)
    return Run(origin, incarnation, first, last, NO_ROWS if offset is None else offset, _STATES[state], reason, decider, at, clock)
