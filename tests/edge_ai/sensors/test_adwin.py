"""ADWIN against its paper's promises: few false cuts, and a change found soon and dated right."""

from __future__ import annotations

import json
from random import Random

import pytest

from edge_ai.sensors.adwin import Adwin

DELTA = 1e-3


def fed(values: list[float], window: Adwin) -> list[tuple[int, float]]:
    return [(index, before) for index, value in enumerate(values) if (before := window.add(value)) is not None]


def coins(rng: Random, count: int, mean: float) -> list[float]:
    return [float(rng.random() < mean) for _ in range(count)]


def test_a_constant_mean_is_cut_no_more_often_than_delta_allows() -> None:
    cuts = sum(len(fed(coins(Random(seed), 2_000, 0.5), Adwin(DELTA))) for seed in range(10))
    assert cuts <= 20_000 * DELTA


def test_a_change_is_found_soon_with_the_mean_before_it() -> None:
    window, rng = Adwin(DELTA), Random(7)
    (index, before), *_ = fed(coins(rng, 1_000, 0.2) + coins(rng, 300, 0.8), window)
    assert 1_000 < index < 1_060
    assert before == pytest.approx(0.2, abs=0.05)
    assert window.mean == pytest.approx(0.8, abs=0.08)
    assert window.width < 320


def test_sums_are_those_of_the_values_still_held() -> None:
    window, rng = Adwin(DELTA), Random(3)
    values = coins(rng, 500, 0.1) + coins(rng, 500, 0.9)
    fed(values, window)
    assert window.total == pytest.approx(sum(values[-window.width :]))


def test_memory_grows_with_the_logarithm() -> None:
    window = Adwin(DELTA)
    fed([0.5] * 20_000, window)
    assert sum(map(len, window.state())) < 5 * 15


def test_a_window_comes_back_from_json_and_goes_on_alike() -> None:
    window, rng = Adwin(DELTA), Random(9)
    fed([rng.random() for _ in range(777)], window)
    again = Adwin.restored(DELTA, json.loads(json.dumps(window.state())))
    assert again.width == window.width
    assert again.total == pytest.approx(window.total)
    later = coins(rng, 400, 0.9)
    assert [index for index, _ in fed(later, again)] == [index for index, _ in fed(later, window)]


@pytest.mark.parametrize("state", [[], [[[1.0, 0.0]] * 9], [[[1.0]]]])
def test_what_is_no_window_is_refused(state: list[list[list[float]]]) -> None:
    with pytest.raises(ValueError, match=r"not the buckets|not enough values"):
        Adwin.restored(DELTA, state)
