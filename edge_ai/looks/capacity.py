"""What a box can analyse and what its cameras ask for: measured costs, asked load, and who is admitted. Pure.

Owns the model: a camera costs the decoding of its stream, and for each analysed picture conversion, gate, two copies, its detector, and
tracker and rules.
Imports neither cv2 nor onnxruntime. Called by edge_ai/looks/measuring.py (which measures) and node/cameras/admission.py (which asks).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_ai.errors import SpecError
from edge_ai.reasons import reason, told
from edge_ai.spec import CameraSpec, DecodeMode

LOAD_SHARE_MAX = 0.7
"""Share of the cores that cameras may ask for: above it other work of the box makes frames late (EDGE_AI 1)."""
KEYFRAMES_PER_S = 0.5
"""Whole pictures in a second of most cameras' streams."""
KEYFRAME_SHARE = 0.12
"""CPU of decoding a stream's keyframes only, by that of all its frames (EDGE_AI 1)."""
FPS_DEGRADED_MIN = 1.0
"""Analysed pictures a second below which a camera is refused rather than slowed further."""
PIXELS_MEASURED = 1280 * 720
PROCESSES_BY_STEPS = 1.25
"""CPU of capture and analysis processes by that of their measured steps: waking up, handing over, telling states (2 x 720p, FastestDet)."""

Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]


class AlgorithmCost(msgspec.Struct, frozen=True, kw_only=True):
    """CPU of one picture of 1280x720 in one algorithm."""

    detect_ms: Milliseconds
    """Preprocessing, model and postprocessing."""
    run_ms: Milliseconds = 0.0
    """The model alone; 0 for algorithms without one."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What `yunnao bench ai` found on a box. CPU milliseconds of pictures of 1280x720 on one core."""

    version: Annotated[int, Meta(ge=1, le=1)] = 1
    at_us: Annotated[int, Meta(ge=0)]
    cpu: Annotated[str, Meta(max_length=256)]
    cores: Annotated[int, Meta(ge=1, le=4_096)]
    software: dict[str, str]
    clip: Annotated[str, Meta(max_length=256)]
    """What was decoded."""
    decode_ms: Milliseconds
    """H.264 without conversion to a picture."""
    convert_ms: Milliseconds
    gate_ms: Milliseconds
    copy_ms: Milliseconds
    """Into a frame ring and out of it."""
    handle_ms: Milliseconds = 0.0
    """Tracker, rules and the memory of recent pictures, for eight things that move."""
    algorithms: dict[str, AlgorithmCost]

    @property
    def capacity_ms(self) -> float:
        """CPU milliseconds a second that cameras may ask for."""
        return LOAD_SHARE_MAX * self.cores * 1_000


class MeasuringTask(msgspec.Struct, frozen=True, kw_only=True):
    """What the measuring process is asked."""

    cameras: tuple[CameraSpec, ...]
    """Their algorithms are measured, each once."""
    clip: str = ""
    """A video of the site's own cameras; empty: one that is made for it."""
    algorithms_dir: str = ""


class Excess(Enum):
    """What becomes of cameras beyond the capacity."""

    REFUSE = "refuse"
    DEGRADE = "degrade"


@dataclass(frozen=True, slots=True)
class Admission:
    """Which cameras may run, and how."""

    cameras: tuple[CameraSpec, ...]
    """Those that may, some of them slower than asked; in the order asked."""
    refused: dict[str, str]
    """Why others may not, by camera."""
    slowed: dict[str, str]
    """What was done to those that run slower, by camera."""
    asked_ms: float
    """CPU milliseconds a second asked for by all."""
    granted_ms: float


def decode_measured(data: bytes) -> Measured:
    """The measurement in its JSON form; raises SpecError."""
    try:
        return msgspec.json.decode(data, type=Measured)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SpecError(reason("measurement-bad", what=error)) from error


def load_ms(camera: CameraSpec, measured: Measured) -> float:
    """CPU milliseconds a second that `camera` asks for. An algorithm that was not measured counts as the dearest that was."""
    size = camera.stream_width * camera.stream_height / PIXELS_MEASURED
    frames, share = _rate(camera)
    dearest = max((cost.detect_ms for cost in measured.algorithms.values()), default=0.0)
    cost = measured.algorithms.get(camera.algorithm)
    each = measured.convert_ms * size + measured.gate_ms + measured.copy_ms * min(size, 1.0) + measured.handle_ms
    each += cost.detect_ms if cost else dearest
    return PROCESSES_BY_STEPS * (camera.stream_fps * share * measured.decode_ms * size + frames * each)


def _rate(camera: CameraSpec) -> tuple[float, float]:
    """Analysed pictures a second, and the share of a full decoding that the mode costs."""
    if camera.mode is DecodeMode.OFF:
        return 0.0, 0.0
    if camera.mode is DecodeMode.STILL:
        return 1 / camera.still_every_s, KEYFRAME_SHARE * 2 / camera.still_every_s
    if camera.mode is DecodeMode.KEYFRAME:
        return min(camera.analysed_fps, KEYFRAMES_PER_S), KEYFRAME_SHARE
    return min(camera.analysed_fps, camera.stream_fps), 1.0


def admit(cameras: Sequence[CameraSpec], measured: Measured, excess: Excess) -> Admission:
    """Admit cameras of the alarm class first, then in their order, while the capacity lasts."""
    granted: dict[str, CameraSpec] = {}
    refused: dict[str, str] = {}
    slowed: dict[str, str] = {}
    used = 0.0
    for camera in sorted(cameras, key=lambda camera: not camera.alarm):
        left = measured.capacity_ms - used
        taken = camera if load_ms(camera, measured) <= left else _slower(camera, measured, left) if excess is Excess.DEGRADE else None
        if taken is None:
            refused[camera.id] = _refusal(camera, measured, left)
            continue
        if taken is not camera:
            numbers = _numbers(camera, measured, left)
            slowed[camera.id] = told(reason("slowed", fps=f"{taken.analysed_fps:g}", wanted=f"{camera.analysed_fps:g}", **numbers))
        granted[camera.id] = taken
        used += load_ms(taken, measured)
    order = tuple(granted[camera.id] for camera in cameras if camera.id in granted)
    return Admission(order, refused, slowed, sum(load_ms(camera, measured) for camera in cameras), used)


def _slower(camera: CameraSpec, measured: Measured, left_ms: float) -> CameraSpec | None:
    """The camera at the highest rate that fits; None when not even FPS_DEGRADED_MIN does, or its mode has no rate to lower."""
    if camera.mode is not DecodeMode.FULL:
        return None
    rest = load_ms(replace(camera, analysed_fps=FPS_DEGRADED_MIN), measured)
    each = load_ms(replace(camera, analysed_fps=2 * FPS_DEGRADED_MIN), measured) - rest
    fps = FPS_DEGRADED_MIN + (left_ms - rest) / each if each > 0 else 0.0
    fps = min(camera.analysed_fps, int(fps * 10) / 10)
    return replace(camera, analysed_fps=fps) if fps >= FPS_DEGRADED_MIN else None


def _refusal(camera: CameraSpec, measured: Measured, left_ms: float) -> str:
    return told(reason("no-capacity", camera=camera.id, **_numbers(camera, measured, left_ms)))


def _numbers(camera: CameraSpec, measured: Measured, left_ms: float) -> dict[str, str]:
    """Milliseconds of CPU a second, and what they are of the box."""
    asked, left, whole = (f"{value:.0f}" for value in (load_ms(camera, measured), max(left_ms, 0), measured.capacity_ms))
    return {"asked": asked, "left": left, "all": whole, "share": f"{LOAD_SHARE_MAX:.0%}", "cores": str(measured.cores)}
