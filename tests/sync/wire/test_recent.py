"""What is remembered of payloads that were read lately, and what bounds it."""

import pyarrow as pa

from sync.wire.payload import decode_payload, encode_payload, unfold_payload
from sync.wire.recent import ROWS_BYTES_MAX, RecentRows


def rows_of(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"value": list(values)})


def test_rows_are_known_by_the_bytes_of_their_payload() -> None:
    recent = RecentRows()
    recent.keep(b"payload", rows_of(1))
    assert recent.of(bytes(bytearray(b"payload"))) == rows_of(1)
    assert recent.of(b"Payload") is None


def test_large_rows_are_not_kept() -> None:
    recent = RecentRows()
    recent.keep(b"payload", rows_of(*range(ROWS_BYTES_MAX // 8 + 1)))
    assert recent.of(b"payload") is None
    assert recent.kept_bytes == 0


def test_what_nobody_asked_for_longest_goes_first() -> None:
    weight = len(b"1") + rows_of(1).nbytes
    recent = RecentRows(kept_bytes_max=2 * weight)
    for name in (b"1", b"2"):
        recent.keep(name, rows_of(1))
    recent.of(b"1")
    recent.keep(b"3", rows_of(1))
    assert [recent.of(name) is not None for name in (b"1", b"2", b"3")] == [True, False, True]
    assert recent.kept_bytes == 2 * weight


def test_keeping_the_same_payload_again_weighs_nothing() -> None:
    recent = RecentRows()
    recent.keep(b"payload", rows_of(1))
    before = recent.kept_bytes
    recent.keep(b"payload", rows_of(1))
    assert recent.kept_bytes == before


def test_a_payload_that_was_checked_is_unfolded_to_the_same_rows() -> None:
    payload = encode_payload(rows_of(1, 2, 3), compression="zstd")
    checked = decode_payload(payload, decoded_bytes_max=1 << 20, rows_max=10)
    assert unfold_payload(bytes(bytearray(payload))) is checked
