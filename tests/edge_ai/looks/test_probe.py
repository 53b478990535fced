"""A look at a camera: what it leaves is for whoever looked alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_ai.clock import SystemClock
from edge_ai.errors import EdgeError
from edge_ai.looks.probe import look
from edge_ai.looks.values import Look, Shape
from edge_ai.spec import CameraKind, CameraSpec

SQUARE = Shape(name="yard", points=((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)))


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Whoever looks leaves what they make to everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def camera(tmp_path: Path) -> CameraSpec:
    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (64, 48))
    for shade in (90, 120, 150):
        writer.write(np.full((48, 64, 3), shade, np.uint8))
    writer.release()
    return CameraSpec(id="gate", kind=CameraKind.FILE, source=str(clip), algorithm="motion-object")


@pytest.mark.usefixtures("open_umask")
def test_stills_are_not_masked_so_nobody_else_may_read_them(camera: CameraSpec, tmp_path: Path) -> None:
    still, marked = tmp_path / "still.jpg", tmp_path / "marked.jpg"
    found = look(Look(camera=camera, still=str(still), marked=str(marked), shapes=(SQUARE,), has_grid=True), SystemClock())
    assert (found.width, found.height) == (64, 48)
    assert [path.stat().st_mode & 0o777 for path in (still, marked)] == [0o600, 0o600]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.avi", "marked.jpg", "still.jpg"]


def test_a_still_that_cannot_be_written_is_refused(camera: CameraSpec, tmp_path: Path) -> None:
    with pytest.raises(EdgeError):
        look(Look(camera=camera, still=str(tmp_path / "gone" / "still.jpg")), SystemClock())
