"""Manifests, chains and batches: what a signature covers, and which runs count."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sync.model import (
    EMPTY_CHAIN,
    NO_ROWS,
    Batch,
    BatchHeader,
    Direction,
    Frame,
    Lane,
    Manifest,
    Run,
    Span,
    State,
    StoredBatch,
    next_chain,
    signed_bytes,
)

HASHES = st.binary(min_size=0, max_size=8)
PARTS = st.tuples(st.text(max_size=6), HASHES, st.lists(HASHES, max_size=4).map(tuple))
RUNS = (
    Run("grid-1", 7, 1, 10, 0),
    Run("grid-1", 7, 11, 15, NO_ROWS, State.DENIED, "rule", "street-1"),
    Run("grid-2", 8, 1, 5, 10),
)
HEADER = BatchHeader(
    resource="air-quality",
    lane=Lane.BULK,
    schema_version=1,
    row_count=15,
    runs=RUNS,
    payload_sha256=hashlib.sha256(b"rows").digest(),
    payload_bytes=4,
    decoded_bytes=4,
)


@given(PARTS, PARTS)
def test_two_manifests_share_signed_bytes_only_when_they_are_equal(
    left: tuple[str, bytes, tuple[bytes, ...]], right: tuple[str, bytes, tuple[bytes, ...]]
) -> None:
    assert (signed_bytes(*left) == signed_bytes(*right)) == (left == right)


def test_the_digest_of_a_manifest_covers_its_signature() -> None:
    manifest = Manifest("grid-1", b"h" * 32, (), b"s" * 64)
    assert manifest.digest != replace(manifest, signature=b"t" * 64).digest


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=5, unique=True))
def test_a_chain_names_the_manifests_and_their_order(digests: list[bytes]) -> None:
    def chain(names: list[bytes]) -> bytes:
        reached = EMPTY_CHAIN
        for name in names:
            reached = next_chain(reached, name)
        return reached

    assert chain(digests) != chain(digests[::-1])
    assert chain(digests) != chain(digests[:-1])


def test_withheld_rows_are_those_that_are_not_in_the_payload() -> None:
    assert HEADER.rows_withheld == 5


def test_runs_marked_duplicate_do_not_count() -> None:
    stored = StoredBatch(1, Batch(HEADER, b"rows"), "grid-1", duplicates=(0, 2))
    assert stored.live_runs == (RUNS[1],)
    assert replace(stored, duplicates=()).live_runs == RUNS


def test_only_the_last_part_of_a_span_moves_the_position() -> None:
    frames = [Frame(Lane.BULK, Direction.UP, Span(0, 9), part, 3, Batch(HEADER, b"rows")) for part in range(3)]
    assert [frame.is_last for frame in frames] == [False, False, True]
