"""Which of a node's cameras its box has room for: reads what `yunnao bench ai` measured, and has it measured.

Owns bench-ai.json beside node.toml. A box without a measurement, or with that of another box, admits every camera; doctor says so. Called
by host.py, the verb `bench` and the doctor.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from edge_ai.errors import SpecError
from edge_ai.looks.capacity import Admission, Excess, Measured, MeasuringTask, admit, decode_measured
from edge_ai.spec import CameraKind, CameraSpec
from node.cameras.errors import MeasuringFailed
from node.cameras.process import environment
from node.config.config import NodeConfig
from node.files import write_durably

MEASUREMENT = "bench-ai.json"
MEASUREMENT_BYTES_MAX = 1_048_576
MEASURING_S_MAX = 300.0
SHIPPED = ("motion-object", "street-s")
"""Algorithms that are measured on every box."""


def measurement_of(folder: Path) -> Measured | None:
    """What was measured on this box; None when nothing was, or on another box. Raises SpecError when it cannot be read."""
    try:
        with (folder / MEASUREMENT).open("rb") as file:
            data = file.read(MEASUREMENT_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpecError(f"measurement {folder / MEASUREMENT} cannot be read: {error.strerror}") from error
    if len(data) > MEASUREMENT_BYTES_MAX:
        raise SpecError(f"measurement {folder / MEASUREMENT} refused: over {MEASUREMENT_BYTES_MAX} bytes")
    measured = decode_measured(data)
    return measured if measured.cores == cores() else None


def admission_of(cameras: Sequence[CameraSpec], config: NodeConfig) -> Admission | None:
    """Who of `cameras` may run on this box; None when there is no measurement to judge by, so that all may."""
    try:
        measured = measurement_of(config.folder)
    except SpecError:
        # As a box that was never measured; `yunnao doctor` says what is wrong with the file.
        return None
    return None if measured is None else admit(cameras, measured, Excess(config.file.edge.over_capacity))


def measure_box(config: NodeConfig, cameras: Sequence[CameraSpec], clip: Path | None) -> tuple[Measured, list[str]]:
    """Measure this box for `cameras` and keep the result; also, in words, what could not be measured. Raises MeasuringFailed."""
    asked = [*(_nameless(name) for name in SHIPPED), *(replace(camera, source="") for camera in cameras)]
    task = MeasuringTask(
        cameras=tuple(asked), clip="" if clip is None else str(clip.resolve()), algorithms_dir=str(config.data_dir / "models")
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "task.json"
        path.write_bytes(msgspec.json.encode(task))
        ended = _run(path)
    if ended.returncode != 0:
        raise MeasuringFailed(f"measuring ended with status {ended.returncode}: {_last_line(ended.stderr)}")
    try:
        measured = decode_measured(ended.stdout[:MEASUREMENT_BYTES_MAX])
    except SpecError as error:
        raise MeasuringFailed(str(error)) from error
    write_durably(config.folder / MEASUREMENT, msgspec.json.format(ended.stdout, indent=2))
    return measured, ended.stderr.decode(errors="replace").splitlines()


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def _nameless(algorithm: str) -> CameraSpec:
    return CameraSpec(id=algorithm, kind=CameraKind.RENDERED, source="", algorithm=algorithm)


def _run(task: Path) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own: the node imports neither cv2 nor onnxruntime."""
    command = [sys.executable, "-m", "edge_ai.looks.measuring", "--config", str(task)]
    try:
        return subprocess.run(command, env=environment(), capture_output=True, timeout=MEASURING_S_MAX, check=False)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        raise MeasuringFailed(f"measuring took over {MEASURING_S_MAX:g} s: stop other work on this box and try again") from None


def _last_line(words: bytes) -> str:
    return words.decode(errors="replace").strip().rpartition("\n")[2][:200] or "it said nothing"
