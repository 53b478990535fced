"""Which process serves which camera, and the folder of the frame rings."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from edge_ai.spec import CameraKind, CameraSpec, decode_capture_spec, decode_spec
from node.cameras.grouping import Places, analysis_work, callers_for, capture_work, grouped, make_ring_folder, ring_folder


def cameras(count: int) -> list[CameraSpec]:
    return [CameraSpec(id=f"c{index}", kind=CameraKind.RTSP, source="rtsp://x/", algorithm="motion-object") for index in range(count)]


def places(folder: Path) -> Places:
    return Places(endpoint="ipc://x", work_dir=folder, ring_dir=folder / "rings")


@pytest.mark.parametrize(("count", "captures"), [(1, [1]), (8, [1]), (9, [2]), (64, [8]), (65, [8, 1]), (130, [8, 8, 1])])
def test_eight_cameras_share_a_capture_and_sixty_four_an_analysis(count: int, captures: list[int]) -> None:
    groups = grouped(cameras(count))
    assert [len(group.captures) for group in groups] == captures
    assert [camera.id for group in groups for camera in group.cameras] == [f"c{index}" for index in range(count)]
    assert len({name for group in groups for name in group.captures}) == sum(captures)


def test_no_camera_is_no_process() -> None:
    assert grouped([]) == []


def test_analysis_is_told_the_rings_that_its_captures_make(tmp_path: Path) -> None:
    [group] = grouped(cameras(9))
    told = decode_spec(analysis_work(group, places(tmp_path), Random(1), bell=3, callers=2).describe())
    made = [
        decode_capture_spec(capture_work(name, part, places(tmp_path), Random(1), bell=3, captures=2).describe())
        for name, part in group.captures.items()
    ]
    assert [ring.path for ring in told.rings] == [spec.ring for spec in made]
    assert [ring.cameras for ring in told.rings] == [tuple(camera.id for camera in spec.cameras) for spec in made]
    assert sum(spec.opens_per_s for spec in made) == pytest.approx(5.0)


def test_each_start_has_a_nonce_of_its_own(tmp_path: Path) -> None:
    [group] = grouped(cameras(1))
    work = analysis_work(group, places(tmp_path), Random(1), bell=3, callers=1)
    assert decode_spec(work.describe()).nonce != decode_spec(work.describe()).nonce


def test_rings_lie_in_memory_where_there_is_such_a_folder_and_else_with_the_node(tmp_path: Path) -> None:
    in_memory = ring_folder(tmp_path / "n1", tmp_path)
    assert in_memory.parent == tmp_path
    assert in_memory != ring_folder(tmp_path / "n2", tmp_path)
    assert ring_folder(tmp_path / "n1", tmp_path / "none") == tmp_path / "n1" / "rings"


def test_what_an_earlier_life_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    for name in ("capture-0.ring", "capture-1.part", "worker-0.ledger", "notes.txt"):
        (tmp_path / name).touch()
    make_ring_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError, match="belongs to somebody else"):
        make_ring_folder(tmp_path / "link")


def test_callers_follow_the_cores_within_bounds() -> None:
    assert [callers_for(cores) for cores in (0, 1, 2, 64)] == [1, 1, 2, 8]
