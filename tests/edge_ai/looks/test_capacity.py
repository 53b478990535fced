"""Asked load against measured capacity."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec
import pytest

from edge_ai.errors import SpecError
from edge_ai.looks.capacity import (
    FPS_DEGRADED_MIN,
    PROCESSES_BY_STEPS,
    AlgorithmCost,
    Excess,
    Measured,
    admit,
    decode_measured,
    load_ms,
)
from edge_ai.spec import CameraKind, CameraSpec, DecodeMode

MEASURED = Measured(
    at_us=1, cpu="a cpu", cores=2, software={}, clip="clip", decode_ms=2.0, convert_ms=0.5, gate_ms=0.1, copy_ms=0.4,
    algorithms={"small": AlgorithmCost(detect_ms=3.0, run_ms=2.0), "large": AlgorithmCost(detect_ms=50.0)},
)  # fmt: skip


def camera(name: str = "c", **changes: object) -> CameraSpec:
    values: dict[str, object] = {"id": name, "kind": CameraKind.RTSP, "source": "rtsp://x/", "algorithm": "small"}
    return CameraSpec(**(values | changes))  # type: ignore[arg-type]


def test_load_is_the_stream_and_each_analysed_picture_and_what_processes_add() -> None:
    assert load_ms(camera(), MEASURED) == pytest.approx(PROCESSES_BY_STEPS * (25 * 2.0 + 5 * (0.5 + 0.1 + 0.4 + 3.0)))
    handled = msgspec.structs.replace(MEASURED, handle_ms=0.6)
    assert load_ms(camera(), handled) == pytest.approx(PROCESSES_BY_STEPS * (25 * 2.0 + 5 * (0.5 + 0.1 + 0.4 + 0.6 + 3.0)))


def test_sub_stream_keyframes_and_stills_cost_less_in_this_order() -> None:
    asked = [camera(), camera(stream_width=640, stream_height=360), camera(mode=DecodeMode.KEYFRAME), camera(mode=DecodeMode.STILL)]
    loads = [load_ms(each, MEASURED) for each in asked]
    assert loads == sorted(loads, reverse=True)
    assert loads[0] > 1.9 * loads[1]
    assert loads[0] > 5 * loads[2]
    assert load_ms(camera(mode=DecodeMode.OFF), MEASURED) == 0


def test_algorithm_that_was_not_measured_counts_as_the_dearest() -> None:
    assert load_ms(camera(algorithm="new"), MEASURED) == load_ms(camera(algorithm="large"), MEASURED)


def test_cameras_beyond_the_capacity_are_refused_with_the_numbers() -> None:
    admission = admit([camera(f"c{index}") for index in range(30)], MEASURED, Excess.REFUSE)
    assert len(admission.cameras) == 16
    assert list(admission.refused) == [f"c{index}" for index in range(16, 30)]
    assert "camera c16 refused: it asks 88 ms of CPU a second, 0 of 1400 are left (70% of 2 cores)" in admission.refused["c16"]


def test_camera_without_room_runs_slower_where_that_is_wanted() -> None:
    cameras = [camera(f"c{index}", algorithm="large") for index in range(4)]
    admission = admit(cameras, MEASURED, Excess.DEGRADE)
    assert [each.analysed_fps for each in admission.cameras] == [5.0, 5.0, 5.0, 3.0]
    assert "analysed at 3 of 5 pictures/s" in admission.slowed["c3"]
    assert admission.granted_ms <= MEASURED.capacity_ms


def test_alarm_class_is_admitted_first() -> None:
    admission = admit([*(camera(f"c{index}") for index in range(16)), camera("fire", alarm=True)], MEASURED, Excess.REFUSE)
    assert list(admission.refused) == ["c15"]
    assert [each.id for each in admission.cameras][-1] == "fire"


@pytest.mark.parametrize("seed", range(8))
def test_admitted_load_never_exceeds_the_capacity(seed: int) -> None:
    rng = Random(seed)
    cameras = [
        camera(
            f"c{index}", algorithm=rng.choice(["small", "large", "new"]), analysed_fps=rng.uniform(0.5, 25), alarm=rng.random() < 0.2,
            mode=rng.choice(list(DecodeMode)), stream_width=rng.choice([640, 1280, 1920]),
        )
        for index in range(40)
    ]  # fmt: skip
    for excess in Excess:
        admission = admit(cameras, MEASURED, excess)
        assert admission.granted_ms <= MEASURED.capacity_ms
        assert {each.id for each in admission.cameras} | set(admission.refused) == {each.id for each in cameras}
        for each in admission.cameras:
            assert each.id not in admission.slowed or each.analysed_fps >= FPS_DEGRADED_MIN
        assert excess is Excess.DEGRADE or not admission.slowed


def test_camera_that_fits_is_left_as_it_is() -> None:
    asked = [camera(), replace(camera("d"), analysed_fps=1.0)]
    assert list(admit(asked, MEASURED, Excess.DEGRADE).cameras) == asked


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"version": 2}'])
def test_damaged_measurement_is_refused_with_the_way_out(data: bytes) -> None:
    with pytest.raises(SpecError, match="measure again with `yunnao bench ai`"):
        decode_measured(data)
