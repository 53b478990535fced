"""Descriptions for the worker: bounds and JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_ai.errors import SpecError
from edge_ai.spec import (
    CAMERAS_ANALYSED_MAX,
    CAMERAS_PER_WORKER_MAX,
    CameraKind,
    CameraSpec,
    CaptureSpec,
    RingSpec,
    RuleKind,
    RuleSpec,
    WorkerSpec,
    decode_capture_spec,
    decode_spec,
    encode_spec,
)

LINE = RuleSpec(name="l", kind=RuleKind.LINE, points=((0, 0), (1, 1)))


def camera(name: str = "c", **changes: object) -> CameraSpec:
    values: dict[str, object] = {"id": name, "kind": CameraKind.FILE, "source": "a.mp4", "algorithm": "motion-object"}
    return CameraSpec(**(values | changes))  # type: ignore[arg-type]


def worker(*cameras: CameraSpec) -> WorkerSpec:
    rings = (RingSpec(path="r", cameras=tuple(camera.id for camera in cameras)),)
    return WorkerSpec(
        worker="w", endpoint="ipc://x", spool_dir="s", nonce="n", parent_pid=1, cameras=cameras, rings=rings, bell=3, ledger="l"
    )  # fmt: skip


def capture(*cameras: CameraSpec) -> CaptureSpec:
    return CaptureSpec(worker="c", endpoint="ipc://x", ring="r", bell=3, seed=1, parent_pid=1, cameras=cameras)


def test_description_survives_its_json() -> None:
    spec = worker(camera(rules=(LINE,)))
    assert decode_spec(encode_spec(spec)) == spec
    assert decode_capture_spec(encode_spec(capture(camera()))) == capture(camera())


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", encode_spec(worker(camera())).replace(b'"file"', b'"floppy"')])
def test_damaged_description_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(SpecError, match="worker description refused"):
        decode_spec(data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": ((0, 0),)}, "give exactly 2"),
        ({"clip_s": (5.0,)}, "such as"),
        ({"clip_s": (11.0, 5.0)}, "0 to 10"),
        ({"clip_s": (5.0, 0.0)}, "more than 0, at most 20"),
        ({"clip_s": (-1.0, 21.0)}, "clip_s"),
        ({"points": ((0, 0), (1, 2))}, "outside 0-1"),
        ({"kind": RuleKind.ZONE}, "give 3 to 64"),
        ({"frames_min": 0}, "frames_min 0"),
    ],
)
def test_impossible_rule_is_refused(changes: dict[str, object], words: str) -> None:
    values: dict[str, object] = {"name": "l", "kind": RuleKind.LINE, "points": ((0, 0), (1, 1))}
    with pytest.raises(SpecError, match=words):
        RuleSpec(**(values | changes))  # type: ignore[arg-type]


def test_camera_with_two_rules_of_one_name_is_refused() -> None:
    with pytest.raises(SpecError, match="two rules of one name"):
        camera(rules=(LINE, LINE))


@pytest.mark.parametrize(("process", "most"), [(capture, CAMERAS_PER_WORKER_MAX), (worker, CAMERAS_ANALYSED_MAX)])
def test_process_takes_so_many_cameras_and_refuses_one_more(process: Callable[..., CaptureSpec | WorkerSpec], most: int) -> None:
    assert len(process(*(camera(f"c{index}") for index in range(most))).cameras) == most
    with pytest.raises(SpecError, match=f"has {most + 1} cameras"):
        process(*(camera(f"c{index}") for index in range(most + 1)))


def test_camera_in_no_frame_ring_is_refused() -> None:
    with pytest.raises(SpecError, match="camera 'c' in no frame ring"):
        replace(worker(camera()), rings=())
