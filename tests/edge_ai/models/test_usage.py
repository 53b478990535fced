"""What a process counts of its models: steps of milliseconds, quantiles of their sum, and that nothing is told twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import msgspec
import pytest

from edge_ai.algorithm import Algorithm
from edge_ai.errors import MessageError
from edge_ai.models.usage import TELL_EVERY_S, UsageCounter, quantile_ms, step_of
from edge_ai.wire.parts import parse_from_worker, parts_of
from edge_ai.wire.states import LATENCY_STEPS, UsageRow
from sync.model import Instant
from tests.edge_ai.models.made import manifest

YARD = Algorithm(manifest(), Path("model.onnx"), "a" * 64)
NEWER = Algorithm(manifest("2"), Path("model.onnx"), "b" * 64)


@pytest.mark.parametrize("milliseconds", [0.0, 0.25, 0.26, 1.0, 7.3, 40.0, 900.0, 3_000.0, 1e9])
def test_every_time_has_a_step_and_longer_ones_no_lower_step(milliseconds: float) -> None:
    assert 0 <= step_of(milliseconds) <= step_of(milliseconds * 1.2) < LATENCY_STEPS


def test_quantiles_of_added_counts_are_right_to_nine_percent() -> None:
    rng = Random(1)
    times = [rng.lognormvariate(2.0, 0.6) for _ in range(4_000)]
    counts = Counter(step_of(one) for one in times[:1_000]) + Counter(step_of(one) for one in times[1_000:])
    for share in (0.5, 0.95):
        true = sorted(times)[int(share * len(times))]
        assert quantile_ms(counts, share) == pytest.approx(true, rel=0.1)
    assert quantile_ms({}, 0.5) == 0.0


def test_counts_are_told_once_a_minute_by_camera_and_model_and_not_again() -> None:
    counter = UsageCounter(Instant(0))
    for _ in range(3):
        counter.add("cam-1", YARD, 2, 0.010)
    counter.add("cam-2", YARD, None, 0.010)
    counter.add("cam-1", NEWER, 0, 0.002)
    assert counter.due(Instant(0).plus(TELL_EVERY_S - 1)) == []
    rows = {(row.camera, row.version): row for row in counter.due(Instant(0).plus(TELL_EVERY_S))}
    assert (rows["cam-1", "1"].frames, rows["cam-1", "1"].detections) == (3, 6)
    assert rows["cam-1", "1"].steps == ((step_of(10.0), 3),)
    assert (rows["cam-2", "1"].frames, rows["cam-2", "1"].failures) == (0, 1)
    assert rows["cam-1", "2"].sha256 == "b" * 64
    assert counter.rest() == []


def test_usage_travels_and_a_hostile_one_is_refused() -> None:
    counter = UsageCounter(Instant(0))
    counter.add("cam-1", YARD, 1, 0.01)
    (row,) = counter.rest()
    assert parse_from_worker(parts_of(row)) == row
    values = {"camera": "c", "algorithm": "a", "version": "1", "sha256": "a" * 64, "frames": 1, "detections": 0, "failures": 0}
    for key, value in (("frames", -1), ("steps", [[56, 1]]), ("sha256", "x"), ("detections", 1 << 40)):
        with pytest.raises(MessageError, match="refused as UsageRow"):
            parse_from_worker([b"usage", msgspec.json.encode({**values, key: value})])
    assert isinstance(parse_from_worker([b"usage", msgspec.json.encode(values)]), UsageRow)
