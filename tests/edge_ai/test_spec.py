"""Descriptions for the worker: bounds and JSON."""

from __future__ import annotations

import pytest

from edge_ai.errors import SpecError
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec, WorkerSpec, decode_spec, encode_spec

LINE = RuleSpec(name="l", kind=RuleKind.LINE, points=((0, 0), (1, 1)))


def camera(name: str = "c", **changes: object) -> CameraSpec:
    values: dict[str, object] = {"id": name, "kind": CameraKind.FILE, "source": "a.mp4", "algorithm": "motion-object"}
    return CameraSpec(**(values | changes))  # type: ignore[arg-type]


def worker(*cameras: CameraSpec) -> WorkerSpec:
    return WorkerSpec(worker="w", endpoint="ipc://x", spool_dir="s", nonce="n", seed=1, parent_pid=1, cameras=cameras)


def test_description_survives_its_json() -> None:
    spec = worker(camera(rules=(LINE,)))
    assert decode_spec(encode_spec(spec)) == spec


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", encode_spec(worker(camera())).replace(b'"file"', b'"floppy"')])
def test_damaged_description_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(SpecError, match="worker description refused"):
        decode_spec(data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"points": ((0, 0),)}, "give exactly 2"),
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


def test_worker_takes_eight_cameras_and_refuses_nine() -> None:
    assert len(worker(*(camera(f"c{index}") for index in range(8))).cameras) == 8
    with pytest.raises(SpecError, match="has 9 cameras"):
        worker(*(camera(f"c{index}") for index in range(9)))
