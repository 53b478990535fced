"""Which process serves which camera, and the folder of the frame rings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_ai.ground import GroundSpec
from edge_ai.spec import CameraKind, CameraSpec, DecodeMode, RuleKind, RuleSpec, decode_capture_spec, decode_spec
from node.cameras.grouping import (
    Group,
    Places,
    analysis_work,
    as_analysed,
    as_read,
    callers_for,
    capture_work,
    grouped,
    make_ring_folder,
    ring_folder,
)
from node.cameras.process import Work


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


def placed(groups: list[Group]) -> dict[str, list[str]]:
    return {name: [camera.id for camera in part] for group in groups for name, part in group.captures.items()}


def test_one_more_camera_joins_the_capture_with_the_fewest_and_moves_nobody() -> None:
    before = grouped(cameras(19))
    after = grouped([cameras(20)[19], *cameras(19)], before)
    assert placed(before) | {"capture-2": ["c16", "c17", "c18", "c19"]} == placed(after)


def test_a_camera_that_goes_leaves_its_place_to_the_next_that_comes() -> None:
    before = grouped(cameras(16))
    fewer = grouped([camera for camera in cameras(16) if camera.id != "c3"], before)
    assert placed(fewer)["capture-1"] == placed(before)["capture-1"]
    more = grouped([*(camera for camera in cameras(18) if camera.id != "c3")], fewer)
    assert (placed(more)["capture-0"][-1], placed(more)["capture-2"]) == ("c16", ["c17"])


def test_a_process_without_cameras_is_gone_and_its_name_is_free() -> None:
    before = grouped(cameras(65))
    fewer = grouped(cameras(65)[8:], before)
    assert [(group.analysis, list(group.captures)) for group in fewer] == [
        ("worker-0", [f"capture-{number}" for number in range(1, 8)]), ("worker-1", ["capture-8"]),
    ]  # fmt: skip
    assert [group.analysis for group in grouped(cameras(64)[:64], before)] == ["worker-0"]
    assert grouped([], before) == []
    many = [CameraSpec(id=f"d{index}", kind=CameraKind.RTSP, source="rtsp://x/", algorithm="motion-object") for index in range(8)]
    assert len(placed(grouped([*cameras(65)[8:], *many], fewer))["capture-0"]) == 1


@settings(max_examples=60, deadline=None)
@given(lists=st.lists(st.sets(st.integers(0, 150)), min_size=1, max_size=6))
def test_whatever_the_lists_each_camera_is_read_once_and_nobody_is_moved(lists: list[set[int]]) -> None:
    groups: list[Group] = []
    for numbers in lists:
        before = {camera: name for name, part in placed(groups).items() for camera in part}
        everyone = cameras(151)
        groups = grouped([everyone[number] for number in sorted(numbers)], groups)
        now = {camera: name for name, part in placed(groups).items() for camera in part}
        assert set(now) == {f"c{number}" for number in numbers}
        assert {camera: name for camera, name in now.items() if before.get(camera, name) != name} == {}
        assert all(0 < len(part) <= 8 for part in placed(groups).values())
        assert all(0 < len(group.captures) <= 8 for group in groups)
        assert sum(len(part) for part in placed(groups).values()) == len(numbers)


def works(group: Group, folder: Path) -> tuple[Work, list[Work]]:
    captures = [
        capture_work(name, part, places(folder), Random(1), bell=3, opens_per_s=lambda: 2.5) for name, part in group.captures.items()
    ]
    return analysis_work(group, places(folder), Random(1), bell=3, callers=2), captures


def test_analysis_is_told_the_rings_that_its_captures_make(tmp_path: Path) -> None:
    [group] = grouped(cameras(9))
    analysis, captures = works(group, tmp_path)
    told, made = decode_spec(analysis.describe()), [decode_capture_spec(work.describe()) for work in captures]
    assert [ring.path for ring in told.rings] == [spec.ring for spec in made]
    assert [ring.cameras for ring in told.rings] == [tuple(camera.id for camera in spec.cameras) for spec in made]
    assert [spec.opens_per_s for spec in made] == [2.5, 2.5]


def test_a_ring_of_other_cameras_is_another_file(tmp_path: Path) -> None:
    rings = {decode_capture_spec(works(grouped(each)[0], tmp_path)[1][0].describe()).ring for each in (cameras(2), cameras(3), cameras(2))}
    assert len(rings) == 2


RULED = CameraSpec(
    id="c0", kind=CameraKind.RTSP, source="rtsp://admin:word@x/", algorithm="motion-object", name="gate",
    ground=GroundSpec(size_m=(10.0, 10.0)),
    rules=(RuleSpec(name="r", kind=RuleKind.SPEED, points=((0, 0), (1, 0), (1, 1))),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "concerns"),
    [
        ({"rules": ()}, (False, True)),
        ({"name": "south gate"}, (False, True)),
        ({"algorithm": "fastestdet", "model": "m.onnx"}, (False, True)),
        ({"source": "rtsp://admin:other@x/"}, (True, False)),
        ({"analysed_fps": 2.0}, (True, True)),
        ({"mode": DecodeMode.KEYFRAME}, (True, True)),
    ],
)
def test_a_change_concerns_who_reads_or_who_looks_or_both(changes: dict[str, Any], concerns: tuple[bool, bool], tmp_path: Path) -> None:
    analysis, [capture] = works(grouped([RULED])[0], tmp_path)
    analysis_then, [capture_then] = works(grouped([replace(RULED, **changes)])[0], tmp_path)
    assert (capture_then != capture, analysis_then != analysis) == concerns


def test_who_looks_is_not_told_how_to_log_in_and_who_reads_not_what_to_look_for(tmp_path: Path) -> None:
    analysis, [capture] = works(grouped([RULED])[0], tmp_path)
    assert b"word" in capture.describe()
    assert b"word" not in analysis.describe()
    assert b'"speed"' not in capture.describe()
    assert as_analysed(replace(RULED, kind=CameraKind.FILE, source="a.mp4")).source == "a.mp4"
    assert as_read(RULED).source == RULED.source


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
