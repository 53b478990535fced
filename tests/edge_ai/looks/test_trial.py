"""A rule tried on a clip: its marked pictures are not masked, so they are for whoever tries alone."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from edge_ai.looks.trial import try_rule
from edge_ai.rule_spec import RuleKind, RuleSpec
from edge_ai.spec import CameraKind, CameraSpec

WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def test_marked_pictures_may_be_read_by_nobody_else(tmp_path: Path) -> None:
    clip, folder = tmp_path / "clip.avi", tmp_path / "tried"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (160, 120))
    for index in range(60):
        picture = np.full((120, 160, 3), 90, np.uint8)
        cv2.rectangle(picture, (index * 3 - 60, 30), (index * 3 - 30, 100), (200, 220, 240), -1)
        writer.write(picture)
    writer.release()
    rule = RuleSpec(name="yard", kind=RuleKind.ZONE, points=WHOLE)
    camera = CameraSpec(id="gate", kind=CameraKind.FILE, source=str(clip), algorithm="motion-object", rules=(rule,))
    before = os.umask(0)
    try:
        tried = try_rule(camera, rule, folder, wall_us=0)
    finally:
        os.umask(before)
    assert tried.events
    assert [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())] == [0o700] + [0o600] * len(list(folder.iterdir()))
    assert list(folder.iterdir())
