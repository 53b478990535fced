"""What the node tells a worker: cameras, rules and where to report, as plain values with a JSON form.

Owns the bounds of these values. Imports neither cv2 nor onnxruntime, so the node may import it. Called by node/cameras/supervisor.py and
the worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import msgspec

from edge_ai.errors import SpecError

CAMERAS_PER_WORKER_MAX = 8
"""Cameras one process serves: it bounds what one decoder crash takes down (EDGE_AI 1)."""
RULES_PER_CAMERA_MAX = 64
POINTS_MAX = 64
"""Corners of one zone."""
ANALYSED_FPS_MAX = 60.0
FRAMES_MIN_MAX = 10_000


class CameraKind(Enum):
    """Where pictures come from."""

    FILE = "file"
    RTSP = "rtsp"
    V4L2 = "v4l2"
    RENDERED = "rendered"
    """A clip from the renderer: the only kind a demo-only algorithm accepts."""

    @property
    def is_clip(self) -> bool:
        """True when the source is a file with an end."""
        return self in (CameraKind.FILE, CameraKind.RENDERED)


class RuleKind(Enum):
    """What a rule watches for."""

    LINE = "line"
    """A track's foot crosses the line; both ways, the way is in the place."""
    ZONE = "zone"
    """A track's foot enters the zone; ends when it leaves."""
    DWELL = "dwell"
    """A track's foot stays in the zone for `dwell_s`."""
    COUNT = "count"
    """At least `count_min` tracks are in the zone."""


COOLDOWN_S = {RuleKind.LINE: 1.0, RuleKind.ZONE: 10.0, RuleKind.DWELL: 60.0, RuleKind.COUNT: 10.0}
"""Seconds a place stays silent after an event there, where the rule names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """One rule of a camera; points are shares of the picture's width and height (0-1), so any resolution fits."""

    name: str
    kind: RuleKind
    points: tuple[tuple[float, float], ...]
    """Two for a line, three or more for a zone."""
    classes: tuple[str, ...] = ()
    """Class names that count; empty: all."""
    frames_min: int = 3
    """Analysed frames in a row that must agree."""
    dwell_s: float = 10.0
    count_min: int = 5
    cooldown_s: float | None = None
    """Seconds a place stays silent after an event; None: COOLDOWN_S of the kind."""

    def __post_init__(self) -> None:
        """Refuse what no picture could satisfy."""
        wanted = "exactly 2" if self.kind is RuleKind.LINE else f"3 to {POINTS_MAX}"
        fits = len(self.points) == 2 if self.kind is RuleKind.LINE else 3 <= len(self.points) <= POINTS_MAX
        if not fits:
            raise SpecError(f"rule {self.name!r} of kind {self.kind.value} has {len(self.points)} points: give {wanted}")
        if any(not 0 <= value <= 1 for point in self.points for value in point):
            raise SpecError(f"rule {self.name!r} has a point outside 0-1: points are shares of the picture's width and height")
        if not 1 <= self.frames_min <= FRAMES_MIN_MAX:
            raise SpecError(f"rule {self.name!r} has frames_min {self.frames_min}: give 1 to {FRAMES_MIN_MAX}")
        if self.dwell_s <= 0 or self.count_min < 1 or (self.cooldown_s is not None and self.cooldown_s < 0):
            raise SpecError(f"rule {self.name!r} has a negative or empty duration or count: dwell_s > 0, count_min >= 1, cooldown_s >= 0")

    @property
    def silence_s(self) -> float:
        """Seconds a place stays silent after an event there."""
        return COOLDOWN_S[self.kind] if self.cooldown_s is None else self.cooldown_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """One camera as the worker needs it."""

    id: str
    kind: CameraKind
    source: str
    """File path, rtsp:// address or /dev/videoN."""
    algorithm: str
    """Name of a folder with a manifest, see edge_ai/algorithms."""
    name: str = ""
    model: str = ""
    """Path of the ONNX file for algorithms that ship none; empty: the algorithm's own."""
    loop: bool = False
    """Begin again at the end of a file."""
    analysed_fps: float = 5.0
    territory: str = ""
    rules: tuple[RuleSpec, ...] = ()

    def __post_init__(self) -> None:
        """Refuse empty names and senseless rates."""
        if not self.id or len(self.id) > 64:
            raise SpecError(f"camera id {self.id!r} refused: give 1 to 64 characters")
        if not 0 < self.analysed_fps <= ANALYSED_FPS_MAX:
            raise SpecError(f"camera {self.id!r} has analysed_fps {self.analysed_fps}: give more than 0, at most {ANALYSED_FPS_MAX:g}")
        if len(self.rules) > RULES_PER_CAMERA_MAX:
            raise SpecError(f"camera {self.id!r} has {len(self.rules)} rules: at most {RULES_PER_CAMERA_MAX}, use a second camera entry")
        if len({rule.name for rule in self.rules}) < len(self.rules):
            raise SpecError(f"camera {self.id!r} has two rules of one name: rename one")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """All a worker process is told, as one JSON file."""

    worker: str
    """Identity on the socket."""
    endpoint: str
    """ZeroMQ address of the node."""
    spool_dir: str
    """Folder where events wait for the node's ack."""
    nonce: str
    """Random text from the node, new at each start; makes event ids unique over restarts."""
    seed: int
    """Seed of the jitter of reconnects."""
    parent_pid: int
    """The worker ends when this process is no longer its parent."""
    cameras: tuple[CameraSpec, ...]
    algorithms_dir: str = ""
    """Folder of further algorithms; empty: only those that ship."""

    def __post_init__(self) -> None:
        """Refuse more cameras than one process may serve."""
        if not 1 <= len(self.cameras) <= CAMERAS_PER_WORKER_MAX:
            raise SpecError(f"worker {self.worker!r} has {len(self.cameras)} cameras: give 1 to {CAMERAS_PER_WORKER_MAX}")


def encode_spec(spec: WorkerSpec) -> bytes:
    """The JSON form of `spec`."""
    return msgspec.json.encode(spec)


def decode_spec(data: bytes) -> WorkerSpec:
    """The inverse of `encode_spec`; raises SpecError naming the place and the value."""
    try:
        return msgspec.json.decode(data, type=WorkerSpec)
    except msgspec.MsgspecError as error:
        raise SpecError(f"worker description refused: {error}") from error
