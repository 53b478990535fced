"""Measuring a box: every figure is there, and what cannot be measured is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_ai.errors import SourceError
from edge_ai.looks import measuring
from edge_ai.looks.capacity import MeasuringTask
from edge_ai.looks.measuring import measure
from edge_ai.spec import CameraKind, CameraSpec


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "CLIP_FRAMES", 4)
    monkeypatch.setattr(measuring, "ROUNDS", 3)


def camera(algorithm: str) -> CameraSpec:
    return CameraSpec(id=algorithm, kind=CameraKind.RENDERED, source="", algorithm=algorithm)


@pytest.mark.slow
def test_every_stage_and_algorithm_has_its_cost_and_what_has_none_is_named() -> None:
    measured, unmeasured = measure(MeasuringTask(cameras=(camera("street-s"), camera("motion-object"), camera("nanodet"))))
    assert min(measured.decode_ms, measured.gate_ms, measured.copy_ms, measured.handle_ms) > 0
    assert sorted(measured.algorithms) == ["motion-object", "street-s"]
    assert measured.algorithms["street-s"].detect_ms > 0 < measured.algorithms["street-s"].run_ms
    assert measured.algorithms["motion-object"].run_ms == 0
    assert measured.cores >= 1
    assert len(unmeasured) == 1
    assert "set `model` of the camera" in unmeasured[0]


@pytest.mark.slow
def test_clip_that_is_no_video_is_refused(tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"no video at all" * 100)
    with pytest.raises(SourceError, match=r"noise\.mp4"):
        measure(MeasuringTask(cameras=(), clip=str(noise)))
