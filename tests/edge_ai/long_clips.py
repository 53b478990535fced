"""Plays clips without fire over and over through the fire rule, as a camera's hour, and prints every event.

    python -m tests.edge_ai.long_clips --seconds 3600 [CLIP ...]

Clips lie in ../shared/data/video; without names, all but house6. Exit code 1 when anything was told. Each loop begins a new generation, as
it does for a camera that loops.
"""

from __future__ import annotations

import argparse
import sys

from edge_ai.picture import Shot
from edge_ai.presets import preset_named
from edge_ai.sources.opening import open_source
from edge_ai.spec import CameraKind, CameraSpec, RuleSpec
from sync.model import Instant
from tests.edge_ai.replay import DATA, pipeline_for

QUIET = ("vtest_pets2009_480x360.avi", "highway_640x360.mp4", "car-detection.mp4", "one-by-one-person-detection.mp4")
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def play(clip: str, seconds: float) -> int:
    """Events told in `seconds` of clip time."""
    preset = preset_named("fire-smoke")
    rule = RuleSpec(name="fire", kind=preset.kind, points=WHOLE, **preset.rule)  # type: ignore[arg-type]
    camera = CameraSpec(id="c", kind=CameraKind.FILE, source=str(DATA / "video" / clip), algorithm="fire-smoke", rules=(rule,))
    pipeline, at_s, loops, told = pipeline_for(camera), 0.0, 0, 0
    while at_s < seconds:
        source, begun_s, index, due_s = open_source(camera), at_s, 0, at_s
        while at_s < seconds:
            at_s = begun_s + index / source.fps
            index += 1
            if at_s < due_s - 1e-9:
                if not source.skip():
                    break
                continue
            pixels = source.read()
            if pixels is None:
                break
            due_s += 1 / camera.analysed_fps
            for message in pipeline.analyse(Shot("c", pixels, Instant(round(at_s * 1e6)), round(at_s * 1e6), loops)):
                told += 1
                sys.stdout.write(f"{clip} {at_s:.1f} s {message.row.label} at {message.row.place}, loop {loops}\n")
        source.close()
        loops += 1
    counts = pipeline.counts
    sys.stdout.write(f"{clip}: {told} events in {at_s:.0f} s, {loops} loops, {counts.frames} pictures, {counts.analysed} analysed\n")
    return told


def main() -> int:
    """Play every clip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", default=QUIET)
    parser.add_argument("--seconds", type=float, default=3600.0)
    args = parser.parse_args()
    return 1 if sum([play(clip, args.seconds) for clip in args.clips]) else 0


if __name__ == "__main__":
    sys.exit(main())
