"""Hashes of columns: the same for the same values however they are laid out, another for everything else."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from node.quality.hashing import SLICE_BYTES_MAX, hashes_of

SEED = 7
WORDS = pa.array(["周某", "", None, "r1", "r2", "周某"])
DICTIONARY = pa.dictionary(pa.int32(), pa.string())


def test_a_dictionary_and_a_slice_hash_as_the_plain_column() -> None:
    plain = hashes_of([WORDS], SEED)
    assert (hashes_of([WORDS.dictionary_encode().cast(DICTIONARY)], SEED) == plain).all()
    assert (hashes_of([WORDS.slice(1, 4)], SEED) == plain[1:5]).all()


def test_equal_values_have_one_hash_and_others_another() -> None:
    found = hashes_of([WORDS], SEED)
    assert found[0] == found[5]
    assert len(set(found.tolist())) == 5


def test_a_hundred_thousand_values_collide_nowhere() -> None:
    assert len(np.unique(hashes_of([pa.array([f"r{number}" for number in range(100_000)])], SEED))) == 100_000
    assert len(np.unique(hashes_of([pa.array(np.arange(100_000) + (1 << 60))], SEED))) == 100_000


def test_the_order_of_columns_and_the_seed_matter() -> None:
    left, right = pa.array(["a", "b"]), pa.array(["b", "a"])
    assert not set(hashes_of([left, right], SEED).tolist()) & set(hashes_of([pa.array(["ab", "ba"])], SEED).tolist())
    assert hashes_of([left, right], SEED)[0] == hashes_of([right, left], SEED)[1]
    assert hashes_of([left], SEED)[0] != hashes_of([left], SEED + 1)[0]


@pytest.mark.parametrize("column", [pa.array([1, None]), pa.array([True, False]), pa.array([1.5, -0.0]), pa.array([b"a", None])])
def test_every_type_of_the_catalogue_is_hashed(column: pa.Array) -> None:  # type: ignore[type-arg]
    assert len(set(hashes_of([column], SEED).tolist())) == 2


def test_long_texts_are_hashed_in_slices() -> None:
    long = pa.array(["x" * SLICE_BYTES_MAX, "y" * 10, "x" * SLICE_BYTES_MAX])
    found = hashes_of([long], SEED)
    assert (found[0] == found[2], found[0] == found[1]) == (True, False)
    assert len(hashes_of([pa.array([], pa.string())], SEED)) == 0
