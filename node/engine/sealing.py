"""Records that waited for a turn, sealed into batches of the size that storage and links are made for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pyarrow as pa

from node.engine.rowfacts import facts_of
from sync.core.ready import LocalBatch
from sync.model import DEFAULT_LIMITS, HybridTime, Lane
from sync.wire.payload import decoded_size, encode_payload

SEALED_ROWS_MAX = DEFAULT_LIMITS.batch_rows_target

SEALED_BYTES_MAX = 4 << 20
"""Payload bytes of one sealed batch, unless a single record weighs more: several make one frame, and a frame has a bound."""


def seal(
    rows: pa.RecordBatch, *, resource: str, lane: Lane, schema_version: int, at: HybridTime, ticket: int, bytes_max: int = SEALED_BYTES_MAX
) -> Iterator[LocalBatch]:
    """`rows` as one local batch, or as several in order when they are too many or too heavy for one; all carry `ticket`."""
    payload = encode_payload(rows, compression="lz4") if rows.num_rows <= SEALED_ROWS_MAX else b""
    if rows.num_rows > 1 and (not payload or len(payload) > bytes_max):
        half = rows.num_rows // 2
        for part in (rows.slice(0, half), rows.slice(half)):
            yield from seal(
                part, resource=resource, lane=lane, schema_version=schema_version, at=at, ticket=ticket, bytes_max=bytes_max
            )
        return
    facts = facts_of(rows)
    yield LocalBatch(
        resource=resource,
        lane=lane,
        schema_version=schema_version,
        row_count=rows.num_rows,
        payload=payload,
        payload_sha256=hashlib.sha256(payload).digest(),
        decoded_bytes=decoded_size(payload),
        event_time_min_us=facts.event_time_min_us,
        event_time_max_us=facts.event_time_max_us,
        grade_max=facts.grade_max,
        territories=facts.territories,
        at=at,
        ticket=ticket,
    )
