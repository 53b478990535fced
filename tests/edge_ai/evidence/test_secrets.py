"""EDGE_AI (b) 19 as far as evidence goes: the password in a camera's address is in nothing that an event leaves on the disk or sends."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from edge_ai.algorithm import Algorithm, load_algorithm
from edge_ai.analysis.pipeline import CameraPipeline
from edge_ai.capture.gate import Motion
from edge_ai.detectors.port import Detector
from edge_ai.evidence.handing import Handing
from edge_ai.picture import Detections, Pixels, Shot
from edge_ai.spec import CameraKind, CameraSpec, RuleKind, RuleSpec
from edge_ai.spool import Spool
from edge_ai.wire.parts import parts_of
from sync.model import Instant

SECRET = "hunter2"
CAMERA = CameraSpec(
    id="gate", kind=CameraKind.RTSP, source=f"rtsp://admin:{SECRET}@10.1.2.3/stream", algorithm="motion-object",
    rules=(RuleSpec(name="all", kind=RuleKind.ZONE, points=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), frames_min=1),),
)  # fmt: skip


class Standing:
    """A detector that sees one thing in the same place."""

    classes = ("person-sized", "vehicle-sized")

    def detect(self, pixels: Pixels, motion: Motion) -> Detections:
        return Detections(np.array([[40, 40, 90, 110]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))


def test_nothing_that_an_event_leaves_holds_the_password_of_its_camera(tmp_path: Path) -> None:
    detector: Detector = Standing()
    algorithm: Algorithm = load_algorithm(CAMERA)
    pipeline = CameraPipeline(CAMERA, algorithm, detector, nonce="n")
    spool = Spool(tmp_path / "spool", Handing(tmp_path / "evidence", floor_bytes=0))
    rng = np.random.default_rng(1)
    for number in range(40):
        pixels = rng.integers(0, 30, (120, 160, 3), dtype=np.uint8)
        pixels[40:110, 40 + number % 7 : 90 + number % 7] = 200
        for message in pipeline.analyse(Shot("gate", pixels, Instant(number * 200_000), number, 0)):
            spool.add(message)
    sent = [part for message in spool.due(Instant(0)) for part in parts_of(message)]
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert sent
    assert any(path.suffix == ".jpg" for path in tmp_path.rglob("*"))
    assert not any(SECRET.encode() in data for data in (*sent, *kept))
    assert SECRET in msgspec.json.encode(CAMERA).decode(), "the search would find it"
