"""How a viewer beside a backlog on a thin link is judged."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks.thin_video import BEAT_AGE_S_MAX, RECORDS_SHARE, VIDEO_SHARE, Stretch, Viewer, faults
from sync.model import Level
from tests.e2e.cluster import Node, Place
from tests.network.shaper import Wire

WIRE = Wire(kbit_s=256, delay_ms=50)
ALONE = Stretch(30.0, 900_000, 0, 0.3, 2.0)
BESIDE = Stretch(30.0, 880_000, 0, 0.3, 2.0, waiting=5_000, answers=21)
FREE = Stretch(30.0, 0, 600_000, 0.0, 2.0, waiting=0, answers=14)


@pytest.mark.parametrize(
    ("beside", "free", "ends", "told"),
    [
        (BESIDE, FREE, [], ""), (BESIDE, FREE, ["link down with shandong: x"], "link down"),
        (replace(BESIDE, record_bytes=round(0.8 * RECORDS_SHARE * 900_000)), FREE, [], "records drain at 0.72 of their rate alone"),
        (replace(BESIDE, answers=0), FREE, [], "told nothing"), (replace(BESIDE, waiting=0), FREE, [], "through before the viewer was"),
        (replace(BESIDE, beat_age_s=BEAT_AGE_S_MAX + 1), FREE, [], "11.0 s old"),
        (BESIDE, replace(FREE, beat_age_s=BEAT_AGE_S_MAX + 1), [], "11.0 s old"),
        (BESIDE, replace(FREE, video_bytes=round(0.9 * 30 * VIDEO_SHARE * WIRE.bytes_s)), [], "a viewer alone gets 8,640 bytes/s"),
    ],
)  # fmt: skip
def test_what_held_up_records_or_was_not_told_is_a_fault(beside: Stretch, free: Stretch, ends: list[str], told: str) -> None:
    found = faults(ALONE, beside, free, ends, WIRE)
    assert told in "; ".join(found)
    assert len(found) == bool(told)


def test_the_words_that_a_viewer_was_told_are_in_what_is_printed() -> None:
    viewer = Viewer(Node(Place("shandong", Level.PROVINCIAL, "37"), Path("shandong"), {}), "case", words=Counter({"records-first": 21}))
    assert viewer.answers == 21
    printed = json.loads(json.dumps(asdict(replace(BESIDE, viewer=viewer.facts))))
    assert printed["viewer"]["words"] == {"records-first": 21}
