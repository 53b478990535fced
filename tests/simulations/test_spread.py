"""A change of policy reaches every grid of a small tree in time; the tree of 500 grids is benchmarks/policy_spread.py."""

from __future__ import annotations

import pytest

from benchmarks.policy_spread import RATIO_MAX, SECONDS_MAX, Found, is_met, lines_of, measure


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return measure(tmp_path_factory.mktemp("spread"), grids=20, streets=2, resources=240)


@pytest.mark.slow
def test_every_grid_enforces_a_change_within_a_minute_of_simulated_time(found: Found) -> None:
    assert [wave.name for wave in found.waves if wave.seconds > SECONDS_MAX / 5] == []
    assert len(found.waves) == 4


@pytest.mark.slow
def test_a_grid_is_sent_its_slices_and_then_what_changed(found: Found) -> None:
    first, *changes = found.waves
    assert first.bytes_mean < found.whole_bytes / 20
    assert max(wave.bytes_max for wave in changes) < first.bytes_mean / 4
    assert max(wave.bytes_max for wave in changes) < found.whole_change_bytes / 20


@pytest.mark.slow
def test_the_figures_are_printed_with_their_bounds(found: Found) -> None:
    text = "\n".join(lines_of(found))
    assert "20 grids; links of grids 50 kbit/s, 600 ms round trip" in text
    assert f"(at most {RATIO_MAX})" in text
    assert is_met(found) == (found.ratio <= RATIO_MAX)
