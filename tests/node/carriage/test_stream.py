"""The encryption of a body: every chunk in its place, the last one marked, for one key only."""

from __future__ import annotations

import io

import pytest

from node.carriage.stream import (
    CHUNK_BYTES,
    POINT_BYTES,
    TAG_BYTES,
    BodyDamaged,
    ChunkWriter,
    opening_key,
    point_of,
    read_chunks,
    sealing_key,
)
from node.identity.keys import new_tls_key

KEY = bytes(range(32))
SEALED = CHUNK_BYTES + TAG_BYTES


def sealed(plain: bytes) -> bytes:
    file = io.BytesIO()
    writer = ChunkWriter(file, KEY)
    writer.write(plain)
    writer.close()
    assert writer.size == len(file.getvalue())
    return file.getvalue()


def opened(body: bytes, key: bytes = KEY) -> bytes:
    return b"".join(read_chunks(io.BytesIO(body), key, len(body)))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 7])
def test_what_was_written_is_read(size: int) -> None:
    plain = bytes(size)
    assert opened(sealed(plain)) == plain


def test_a_body_cut_at_the_end_of_a_chunk_is_damaged() -> None:
    body = sealed(bytes(2 * CHUNK_BYTES + 5))
    with pytest.raises(BodyDamaged, match="chunk 1"):
        opened(body[: 2 * SEALED])


def test_chunks_that_changed_places_are_damaged() -> None:
    body = sealed(bytes(2 * CHUNK_BYTES + 5))
    with pytest.raises(BodyDamaged, match="chunk 0"):
        opened(body[SEALED : 2 * SEALED] + body[:SEALED] + body[2 * SEALED :])


@pytest.mark.parametrize("at", [0, 100, -1])
def test_a_flipped_bit_is_damage(at: int) -> None:
    body = bytearray(sealed(b"rows"))
    body[min(at, len(body) - 1)] ^= 1
    with pytest.raises(BodyDamaged):
        opened(bytes(body))


def test_both_ends_agree_on_a_key_that_the_header_is_part_of() -> None:
    ephemeral, target, other = new_tls_key(), new_tls_key(), new_tls_key()
    point = point_of(ephemeral.public_key())
    assert len(point) == POINT_BYTES
    made = sealing_key(ephemeral, target.public_key(), b"header")
    assert opening_key(target, point, b"header") == made
    assert opening_key(target, point, b"another") != made
    assert opening_key(other, point, b"header") != made
    with pytest.raises(ValueError, match="point"):
        opening_key(target, bytes(POINT_BYTES), b"header")
