"""The newest frame wins, and cameras take turns."""

from __future__ import annotations

import numpy as np

from edge_ai.mailbox import Mailbox
from edge_ai.picture import Shot
from sync.model import Instant


def shot(camera: str, us: int) -> Shot:
    return Shot(camera, np.zeros((2, 2, 3), np.uint8), Instant(us), 0, 0)


def test_newest_frame_of_a_camera_replaces_the_older_and_is_counted() -> None:
    box = Mailbox()
    box.put(shot("a", 1))
    box.put(shot("a", 2))
    taken = box.take(0)
    assert taken is not None
    assert (taken.now.us, box.dropped("a"), box.take(0)) == (2, 1, None)


def test_busy_camera_does_not_push_a_quiet_one_aside() -> None:
    box = Mailbox()
    for us in range(1, 4):
        box.put(shot("busy", us))
        box.put(shot("quiet", 1))
    taken = [box.take(0), box.take(0)]
    assert [one.camera for one in taken if one is not None] == ["busy", "quiet"]
