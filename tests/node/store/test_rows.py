"""The bytes in the journal's blobs are those of the golden files, and damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.store.rows import decode_manifest, encode_manifest
from node.store.schema import FORMAT_VERSION
from sync.model import BATCH_FORMAT, ModelError, RunMap, State, StateRange
from tests.contracts.batches import manifest

GOLDEN = Path(__file__).parent / "golden"
RUN_MAP = RunMap([StateRange(1, 5, State.PRESENT), StateRange(6, 6, State.DENIED), StateRange(9, 1 << 40, State.LOST)])


def golden(name: str) -> bytes:
    return bytes.fromhex((GOLDEN / name).read_text("ascii"))


def test_the_golden_files_are_of_the_formats_this_program_writes() -> None:
    assert (BATCH_FORMAT, FORMAT_VERSION) == (1, 2)


@pytest.mark.parametrize("inputs", [0, 2])
def test_a_manifest_is_written_as_in_the_golden_file(inputs: int) -> None:
    assert encode_manifest(manifest(inputs=inputs)) == golden(f"manifest_1_inputs_{inputs}.hex")
    assert decode_manifest(golden(f"manifest_1_inputs_{inputs}.hex")) == manifest(inputs=inputs)


def test_a_run_map_is_written_as_in_the_golden_file() -> None:
    assert RUN_MAP.encode() == golden("run_map_1.hex")
    assert RunMap.decode(golden("run_map_1.hex")) == RUN_MAP


def test_no_manifest_is_no_blob() -> None:
    assert encode_manifest(None) is None
    assert decode_manifest(None) is None


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "format none"),
        (b"\x02", "format 02"),
        (b"\x01", "0 parts"),
        (b"\x01\x00\x00\x00\x09ab", "a part ends at byte 14"),
        (b"\x01\x00\x00\x00\x01a", "1 parts"),
    ],
)
def test_a_damaged_manifest_is_refused(blob: bytes, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        decode_manifest(blob)
