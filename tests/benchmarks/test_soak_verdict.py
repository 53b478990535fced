"""The verdict of a soak: slopes that one odd sample does not bend, and every way to fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.soak_cameras import cast
from benchmarks.soak_verdict import MIB, Grown, Quiet, Sample, Series, grown, quiet, slope
from simulations.devices.rtsp_camera import CameraFault

REST = Quiet(80 * MIB, 10, 5)


def samples(mib_per_hour: float, *, count: int = 300, pid: int = 1) -> list[Sample]:
    """One each 5 s, with 20 reconnects a minute and an allocator's noise."""
    noise = np.random.default_rng(1).normal(0, 0.05, count)
    return [
        Sample(5.0 * index, pid, round(MIB * (80 + mib_per_hour * 5 * index / 3600 + noise[index])), 10, 5, index * 20 // 12)
        for index in range(count)
    ]


def judged(of: list[Sample], before: Quiet = REST, after: Quiet = REST, *, restarts: int = 0) -> Grown:
    return grown("capture-0", of, before, after, restarts=restarts)


def test_the_slope_is_that_of_most_pairs() -> None:
    xs = np.arange(50.0)
    ys = 2 * xs
    ys[7] = 1e6
    assert slope(xs, ys, np.zeros(50, np.int64)) == pytest.approx(2)
    assert slope(np.zeros(5), xs[:5], np.zeros(5, np.int64)) == 0


def test_only_moments_with_the_same_cameras_are_compared() -> None:
    connected = [frozenset({"a"} if index > 150 + 100 * (index % 2) else ()) for index in range(300)]
    lean, leaking = (
        [replace(sample, connected=at, rss_bytes=sample.rss_bytes + 3 * MIB * len(at)) for sample, at in zip(of, connected, strict=True)]
        for of in (samples(0.0), samples(5.0))
    )
    assert judged([replace(sample, connected=frozenset()) for sample in lean]).mib_per_hour > 1, "the camera is there more often later"
    assert judged(lean).faults() == []
    assert judged(leaking).mib_per_hour == pytest.approx(5, abs=0.3)


def test_memory_that_stays_passes_and_memory_that_grows_fails_by_the_hour_and_by_the_reconnect() -> None:
    assert judged(samples(0.0)).faults() == []
    leaking = judged(samples(5.0))
    assert leaking.mib_per_hour == pytest.approx(5, abs=0.3)
    assert leaking.mib_per_1000_reconnects == pytest.approx(5 / 1.2, abs=0.3)
    assert [fault.split(" more per ")[1].split(",")[0] for fault in leaking.faults()] == ["hour", "1"]


def test_what_fills_up_flattens_and_what_leaks_goes_on() -> None:
    filling = [*samples(5.0)[:150], *(replace(sample, at_s=sample.at_s + 750, rss_bytes=81 * MIB) for sample in samples(0.0)[:150])]
    assert judged(filling).mib_per_hour_by_half == pytest.approx((5, 0), abs=0.3)
    assert judged(samples(5.0)).mib_per_hour_by_half == pytest.approx((5, 5), abs=0.3)


def test_a_packed_series_gives_back_what_it_was_given() -> None:
    series, given = Series(), [Sample(0.5, 7, 80 * MIB + 1, 10, 5, 3, frozenset({"a"})), Sample(5.5, 7, 81 * MIB, 11, 6, 4)]
    for sample in [*given, given[0]]:
        series.add(sample)
    assert series.samples() == [*given, given[0]]
    assert series.newest() == given[0]


def test_every_other_growth_is_a_fault() -> None:
    assert judged(samples(0.0), after=Quiet(80 * MIB, 11, 5)).faults() == ["capture-0: 1 more file descriptors"]
    assert judged(samples(0.0), after=Quiet(80 * MIB, 10, 6)).faults() == ["capture-0: 1 more threads"]
    assert judged(samples(0.0), restarts=2).faults() == ["capture-0: started again 2 times"]
    [short] = judged(samples(0.0, count=20)).faults()
    assert "tell nothing" in short


def test_the_longest_life_counts_and_a_moment_of_rest_is_the_least_of_some() -> None:
    both = [*samples(50.0, count=30, pid=1), *samples(0.0, pid=2)]
    assert judged(both).faults() == []
    assert quiet([Sample(0, 1, 7, 12, 6, 0), Sample(1, 1, 9, 10, 5, 0)]) == Quiet(7, 10, 5)


def test_the_street_has_sound_cameras_and_each_fault_that_a_soak_is_about() -> None:
    faults = {fault for options in cast() for fault in options.faults}
    assert faults >= {CameraFault.FLAP, CameraFault.STALL, CameraFault.CORRUPT, CameraFault.RESIZE, CameraFault.LOSS}
    assert sum(not options.faults for options in cast()) >= 10
    assert any(not options.faults for options in cast(8))
