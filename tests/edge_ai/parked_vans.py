"""The parked vans of a real clip, watched for hours: each is one event, however often the clip begins anew and the process starts again.

    python -m tests.edge_ai.parked_vans [--hours 24] [--restart-minutes 60]

The camera's pipeline gets what YOLOX-nano saw on PETS (tests/ground_truth/pets_yolox_nano.json) over and over; every loop is a new
generation, as for a camera that loops, and after `restart-minutes` a new pipeline reads the place memory of the one before, as after a
restart of the node. Prints every event; exit code 1 unless one or two begin, each at a place of its own, and none ends: a white van stands
in that corner all the time, and the model may take a thing beside it for another.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from edge_ai.algorithm import load_algorithm
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.capture.gate import Motion
from edge_ai.picture import NOTHING, Detections, Pixels, Shot
from edge_ai.presets import preset_named
from edge_ai.rule_spec import RuleSpec
from edge_ai.spec import CameraKind, CameraSpec
from sync.model import Instant
from tests.edge_ai.record_detections import FPS, recorded

CLASSES = ("person", "bicycle", "car", "motorbike", "aeroplane", "bus", "train", "truck", *(f"other-{index}" for index in range(72)))
CORNER = ((0.7, 0.0), (1.0, 0.0), (1.0, 0.25), (0.7, 0.25))
"""Where the vans are parked."""
VANS = 2
DWELL_S = 20.0
EMPTY: Pixels = np.zeros((360, 480, 3), np.uint8)
BEGUN_US = 1_800_000_000_000_000


@dataclass(slots=True)
class Recorded:
    """The names of what was recorded; it is asked for nothing."""

    classes: tuple[str, ...] = CLASSES

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        """Nothing: what was seen comes from the file."""
        return NOTHING


@dataclass(slots=True)
class Street:
    """One camera over restarts."""

    folder: Path
    at: int = 0
    """Pictures since the beginning."""
    told: list[tuple[float, str, str]] = field(default_factory=list)
    """Second, place, `begins` or `ends`."""
    _loops: count[int] = field(default_factory=count)

    def pipeline(self) -> CameraPipeline:
        """As the analysis process makes it when it starts."""
        preset = preset_named("illegal-parking")
        values = preset.rule | {"dwell_s": DWELL_S}
        rule = RuleSpec(name="parking", kind=preset.kind, points=CORNER, **values)  # type: ignore[arg-type]
        camera = CameraSpec(id="street", kind=CameraKind.FILE, source="pets", algorithm="motion-object", rules=(rule,))
        return CameraPipeline(camera, load_algorithm(camera), Recorded(), nonce=str(self.at), places=self.folder)

    def watch(self, seconds: float) -> None:
        """So many seconds of one life of the process, the clip from its beginning."""
        pipeline, until = self.pipeline(), self.at + round(seconds * FPS)
        while self.at < until:
            loop = next(self._loops)
            for seen in recorded()[: until - self.at]:
                at_us = round(self.at / FPS * 1e6)
                shot = Shot("street", EMPTY, Instant(at_us), BEGUN_US + at_us, loop)
                for message in (*pipeline.begin(shot), *pipeline.conclude(shot, seen)):
                    self.told.append((at_us / 1e6, message.row.place, "ends" if message.row.ended else "begins"))
                pipeline.remember()
                self.at += 1

    @property
    def holds(self) -> bool:
        """True when at least one van was told, none twice, and none has gone."""
        is_once = len(self.told) == len({place for _, place, _ in self.told}) <= VANS
        return is_once and {word for _, _, word in self.told} == {"begins"}


def main() -> int:
    """Watch for hours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--restart-minutes", type=float, default=60.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        street, lives = Street(Path(folder)), 0
        while street.at / FPS < args.hours * 3600:
            street.watch(args.restart_minutes * 60)
            lives += 1
    for at_s, place, word in street.told:
        sys.stdout.write(f"{at_s:.1f} s {place} {word}\n")
    sys.stdout.write(
        f"{'PASS' if street.holds else 'FAIL'}: {len(street.told)} messages in {street.at / FPS / 3600:.1f} h, {lives} lives\n"
    )
    return 0 if street.holds else 1


if __name__ == "__main__":
    sys.exit(main())
