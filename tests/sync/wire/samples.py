"""One message of every type with every field set: what the golden fixtures hold and the mutations start from."""

from __future__ import annotations

import hashlib

from sync.core.messages import Ack, Answer, Bundles, Data, Heard, Heartbeat, Hello, InForce, Message, Position, Query, Refused, Stop, Wants
from sync.model import (
    NO_ROWS,
    Batch,
    BatchHeader,
    ClockQuality,
    Direction,
    Frame,
    HybridTime,
    Lane,
    Level,
    Manifest,
    PolicyVersion,
    Run,
    Span,
    State,
)

POLICY = PolicyVersion.of({"province": 7, "qingdao": 3})
SEALED_AT = HybridTime(1_763_600_000_000_000, 2)
PAYLOAD = bytes(range(200))

RUNS = (
    Run("grid-1", 77, 11, 14, 0, at=SEALED_AT, clock=ClockQuality(-250, 900)),
    Run("grid-1", 77, 15, 19, NO_ROWS, State.DENIED, "negative-list", "street-1", SEALED_AT),
    Run("grid-1", 77, 20, 25, 4, at=SEALED_AT),
    Run("grid-2", 1 << 62, 1, 3, NO_ROWS, State.RETENTION, "quota", "grid-2"),
)


def sample_header(**changes: object) -> BatchHeader:
    """A header with four runs, two of them without rows; `changes` replace fields."""
    fields: dict[str, object] = {
        "resource": "air-quality",
        "lane": Lane.BULK,
        "schema_version": 1,
        "row_count": 10,
        "runs": RUNS,
        "payload_sha256": hashlib.sha256(PAYLOAD).digest(),
        "payload_bytes": len(PAYLOAD),
        "decoded_bytes": 1_000,
        "event_time_min_us": 1_763_599_000_000_000,
        "event_time_max_us": 1_763_600_000_000_000,
        "grade_max": 2,
        "territories": ("370202001", "370202002"),
        "direction": Direction.RETURN,
        "origin_distance": 2,
        "policy_version": POLICY.digest,
        "plan_hash": bytes([5]) * 32,
        "backfill": True,
    }
    return BatchHeader(**{**fields, **changes})  # type: ignore[arg-type]


def sample_frame(header: BatchHeader | None = None, payload: bytes = PAYLOAD) -> Frame:
    """The second of three parts, with both manifests."""
    manifest = Manifest("street-1", bytes([1]) * 32, (bytes([2]) * 32, bytes([3]) * 32), bytes([4]) * 64)
    origin = Manifest("grid-1", bytes([1]) * 32, (), bytes([6]) * 64)
    batch = Batch(header or sample_header(), payload, manifest, origin)
    return Frame(Lane.BULK, Direction.RETURN, Span(40, 52), 1, 3, batch)


WANTS = Wants(("air-quality", "enterprises"), bytes(8) + bytes([1]) * 8, lacking=True)


def sample_messages() -> dict[str, Message]:
    """A message of each type by the name of its fixture."""
    heard = (Heard(Direction.UP, Lane.BULK, 12, 3),)
    positions = (Position(Direction.UP, Lane.ALARM, 12, bytes([9]) * 32), Position(Direction.RETURN, Lane.BULK, 0))
    return {
        "hello": Hello("street-1", 42, Level.STREET, "370202001", POLICY, positions, 43, 1, 2, "0.1.0", SEALED_AT),
        "data": Data(sample_frame()),
        "ack": Ack(Direction.UP, Lane.EVENT, 52, 40),
        "refused": Refused(Direction.UP, Lane.STATE, Span(1, 2), 0, "grade 3 may not leave level street", POLICY),
        "refused-under": Refused(Direction.UP, Lane.STATE, Span(1, 2), 0, "stale", POLICY, under=bytes([7]) * 32),
        "in-force": InForce(POLICY, ("provisional-hold", "stale-policy")),
        "bundles": Bundles((b"one", b"two")),
        "heartbeat": Heartbeat(b'{"nodes": []}', SEALED_AT),
        "query": Query(5, "summary", b"{}"),
        "answer": Answer(5, b'{"rows": []}', ""),
        "stop": Stop("停机维护"),
        "stop-with-order": Stop("grid-1 was moved", b'{"format": 1}'),
        "refused-by-program": Refused(Direction.UP, Lane.STATE, Span(1, 2), 0, "lane 9 is not known", POLICY, program="yunnao 0.1.0"),
        "hello-heard": Hello("street-1", 42, Level.STREET, "370202001", POLICY, positions, 43, heard=heard),
        "hello-wants": Hello("street-1", 42, Level.STREET, "370202001", POLICY, positions, 43, wants=WANTS),
        "hello-above": Hello("street-1", 42, Level.STREET, "370202001", POLICY, positions, 43, above_age_us=0),
        "heartbeat-above": Heartbeat(b'{"nodes": []}', SEALED_AT, above_age_us=3_600_000_000),
        "wants": WANTS,
        "bundles-with-slices": Bundles((b"one",), (b"root of one", b"slice of two")),
    }
