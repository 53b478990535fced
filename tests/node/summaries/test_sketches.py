"""Sketches of a peer: what this program writes is read back, and nothing else reaches the sketch library."""

from __future__ import annotations

import struct
import subprocess
import sys
from random import Random

import datasketches as ds
import numpy as np
import pytest

from node.summaries.errors import SummaryError
from node.summaries.sketches import HLL_LG_K, HLL_TYPE, KLL_K, read_distinct, read_quantiles

SIZES = (1, 2, 7, 8, 20, 300, 3_000, 50_000)
MUTANTS = 2_000


def quantiles(size: int, *, merged: bool = False) -> bytes:
    sketch = ds.kll_doubles_sketch(KLL_K)
    sketch.update(np.random.default_rng(size).normal(size=size))
    if merged:
        other = ds.kll_doubles_sketch(KLL_K)
        other.update(np.random.default_rng(size + 1).normal(size=size))
        sketch.merge(other)
    return bytes(sketch.serialize())


def distinct(size: int, *, merged: bool = False) -> bytes:
    sketch, union = ds.hll_sketch(HLL_LG_K, HLL_TYPE), ds.hll_union(HLL_LG_K)
    for number in range(size):
        sketch.update(f"device-{number}")
    union.update(sketch)
    for number in range(size):
        union.update(f"other-{number}")
    return bytes(union.get_result(HLL_TYPE).serialize_compact() if merged else sketch.serialize_compact())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("merged", [False, True])
def test_every_form_this_program_writes_is_read_back(size: int, merged: bool) -> None:
    assert read_quantiles(quantiles(size, merged=merged)).n == size * (2 if merged else 1)
    assert read_distinct(distinct(size, merged=merged)).get_estimate() == pytest.approx(size * (2 if merged else 1), rel=0.08)


def test_a_level_that_points_behind_the_values_is_refused() -> None:
    data = bytearray(quantiles(3_000))
    struct.pack_into("<I", data, 24, 1 << 20)
    with pytest.raises(SummaryError, match="levels do not fit"):
        read_quantiles(bytes(data))


def test_a_count_that_the_levels_do_not_hold_is_refused() -> None:
    data = bytearray(quantiles(3_000))
    struct.pack_into("<Q", data, 8, 1 << 40)
    with pytest.raises(SummaryError, match="count"):
        read_quantiles(bytes(data))


def test_values_that_are_no_numbers_are_refused() -> None:
    data = quantiles(1)[:8] + struct.pack("<d", float("nan"))
    with pytest.raises(SummaryError, match="single value"):
        read_quantiles(data)


def test_a_sketch_of_another_size_is_refused() -> None:
    other = ds.kll_doubles_sketch(200)
    other.update(1.0)
    with pytest.raises(SummaryError, match="another kind or size"):
        read_quantiles(other.serialize())
    with pytest.raises(SummaryError, match="another kind or size"):
        read_distinct(ds.hll_sketch(21).serialize_compact())


def test_registers_that_contradict_their_own_sum_are_refused() -> None:
    data = bytearray(distinct(3_000))
    data[32] ^= 1
    with pytest.raises(SummaryError, match="registers"):
        read_distinct(bytes(data))


def test_repeated_coupons_are_refused() -> None:
    data = distinct(2)
    with pytest.raises(SummaryError, match="repeat"):
        read_distinct(data[:8] + data[8:12] * 2)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 8, b"\xff" * 4_200])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(SummaryError):
        read_quantiles(data)
    with pytest.raises(SummaryError):
        read_distinct(data)


def mutant(rng: Random, sound: list[bytes]) -> bytes:
    """A sketch with a few bytes changed, most of them in its head, or cut short."""
    data = bytearray(rng.choice(sound))
    for _ in range(rng.randint(1, 6)):
        data[rng.randrange(min(len(data), rng.choice((44, len(data)))))] = rng.randrange(256)
    return bytes(data[: rng.choice((len(data), rng.randrange(len(data))))])


def survive(seed: int) -> None:
    """Read mutants and use what is accepted; only SummaryError may come out. Runs in a process of its own."""
    rng = Random(seed)
    sound = [make(size, merged=merged) for make in (quantiles, distinct) for size in SIZES for merged in (False, True)]
    for _ in range(MUTANTS):
        data = mutant(rng, sound)
        try:
            kll, union = ds.kll_doubles_sketch(KLL_K), ds.hll_union(HLL_LG_K)
            if data[2:3] == b"\x0f":
                kll.merge(read_quantiles(data))
                kll.get_quantile(0.5)
            else:
                union.update(read_distinct(data))
                union.get_result(HLL_TYPE).serialize_compact()
        except SummaryError:
            continue


@pytest.mark.slow
def test_two_thousand_mutants_neither_crash_nor_hang_the_process() -> None:
    code = "from tests.node.summaries.test_sketches import survive; survive(20261121)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr.decode()[-500:]
