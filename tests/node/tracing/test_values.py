"""No byte of a payload and no hash of one leaves a node in a recording; what equals stays equal."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec
import pytest

from node.tracing.errors import TraceError
from node.tracing.file import encoded
from node.tracing.outlines import outline
from node.tracing.values import STAND_IN_BYTES_MAX, StandIns, Veil
from sync.core.ready import Ready
from sync.model import EMPTY_CHAIN
from sync.model.writes import PutBack, Recall, StoreBatch, Write
from tests.node.tracing.samples import HASHES, INPUTS, READY, SECRET

VEIL = Veil(b"key")


@pytest.mark.parametrize("given", INPUTS, ids=lambda given: type(given).__name__)
def test_no_payload_and_no_hash_of_one_enters(given: msgspec.Struct) -> None:
    written = encoded(given.veiled(VEIL))  # type: ignore[attr-defined]
    leaks = [secret for secret in (SECRET, hashlib.sha256(SECRET).digest(), *HASHES) if secret in written]
    assert not leaks


def test_the_samples_are_full_of_what_must_not_enter() -> None:
    plain = b"".join(encoded(given) for given in INPUTS)
    assert all(secret in plain for secret in (SECRET, *HASHES[:7]))


def test_the_outline_of_a_write_is_the_same_for_the_node_and_for_the_replay() -> None:
    def filled(write: Write) -> Write:
        return replace(write, stored=StandIns().batches([write.stored])[0]) if isinstance(write, StoreBatch | PutBack | Recall) else write

    replayed = Ready(tuple(filled(VEIL.write(write)) for write in READY.writes))
    assert outline(replayed, Veil()) == outline(Ready(READY.writes), VEIL)


def test_hashes_that_say_nothing_stay() -> None:
    nothing = hashlib.sha256(b"").digest()
    assert [VEIL.hashed(value) for value in (b"", EMPTY_CHAIN, nothing)] == [b"", EMPTY_CHAIN, nothing]
    assert VEIL.hashed(HASHES[0]) == VEIL.hashed(HASHES[0]) != HASHES[0]
    assert VEIL.hashed(HASHES[0]) != Veil(b"another key").hashed(HASHES[0])


def test_one_record_cannot_ask_for_more_memory_than_a_job_takes() -> None:
    stand_ins = StandIns()
    stand_ins.payload(STAND_IN_BYTES_MAX.to_bytes(8, "big"))
    with pytest.raises(TraceError, match="payload of 1 bytes refused"):
        stand_ins.payload((1).to_bytes(8, "big"))
