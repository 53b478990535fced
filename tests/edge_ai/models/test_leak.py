"""Memory after changing a real model under a running camera again and again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest

from edge_ai.algorithm import SHIPPED, Algorithm
from edge_ai.capture.gate import GateState, Motion
from edge_ai.clock import SystemClock
from edge_ai.detectors.build import build_detector
from edge_ai.detectors.port import Detector
from edge_ai.models.hot import HotModel, open_hot
from edge_ai.models.library import Library
from edge_ai.models.manifest import decode_manifest
from edge_ai.spec import CameraKind, CameraSpec
from sync.model import Instant
from tests.edge_ai.models.made import add

STREET = SHIPPED / "street-s"
MANIFEST = decode_manifest((STREET / "manifest.toml").read_bytes(), "street-s")
CAMERA = CameraSpec(id="cam-1", kind=CameraKind.RENDERED, source="a.mp4", algorithm="yard")
STILL = Motion(GateState.QUIET, np.zeros((0, 4), np.float32), 0.0)
PICTURE = np.zeros((360, 640, 3), np.uint8)
SWAPS, GROWTH_MIB_MAX = 25, 12.0


class Hurried(SystemClock):
    """Each look at the clock is two seconds after the one before, so that the library is looked at with every picture."""

    us = 0

    def now(self) -> Instant:
        self.us += 2_000_000
        return Instant(self.us)


def real(algorithm: Algorithm) -> Detector:
    """The shipped net in place of the package's, whose model is no model."""
    return build_detector(Algorithm(MANIFEST, STREET / "model.onnx", algorithm.sha256))


def swap(hot: HotModel, library: Library, version: str) -> None:
    library.activate("yard", version, at_us=1, watch=False)
    for _ in range(3):
        hot.detect(PICTURE, STILL)
        if hot._loading is not None:
            hot._loading.wait()
    assert hot.algorithm.manifest.version == version


@pytest.mark.slow
def test_memory_does_not_grow_with_swaps(tmp_path: Path) -> None:
    library = Library(tmp_path / "models")
    for version in ("1", "2"):
        add(library, version, classes=MANIFEST.classes)
    library.activate("yard", "1", at_us=1)
    hot = open_hot(CAMERA, str(library.root), Hurried(), build=real)
    for number in range(6):
        swap(hot, library, str(2 - number % 2))
    before = psutil.Process().memory_info().rss
    for number in range(SWAPS):
        swap(hot, library, str(2 - number % 2))
    grown_mib = (psutil.Process().memory_info().rss - before) / (1 << 20)
    assert grown_mib < GROWTH_MIB_MAX, f"{grown_mib:.1f} MiB after {SWAPS} swaps"
