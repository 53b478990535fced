"""What the node tells a worker: cameras, rules and where to report, as plain values with a JSON form.

Owns the bounds of these values. Imports neither cv2 nor onnxruntime, so the node may import it. Called by node/cameras/supervisor.py and
the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

import msgspec

from edge_ai.errors import SpecError
from edge_ai.ground import GroundSpec
from edge_ai.rule_spec import RuleKind as RuleKind
from edge_ai.rule_spec import RuleSpec as RuleSpec

CAMERAS_PER_WORKER_MAX = 8
"""Cameras one capture process serves: it bounds what one decoder crash takes down (EDGE_AI 1)."""
CAMERAS_ANALYSED_MAX = 64
"""Cameras one analysis process serves."""
CALLERS_MAX = 8
"""Inference threads of one analysis process."""
OPENS_PER_S = 5.0
"""Cameras a node opens in a second, over all its capture processes (EDGE_AI failure 2)."""
RULES_PER_CAMERA_MAX = 64
ANALYSED_FPS_MAX = 60.0
STILL_EVERY_S_MIN, STILL_EVERY_S_MAX = 5.0, 86_400.0
EVIDENCE_FLOOR_BYTES = 512 << 20
"""Free space on the disk below which no picture is written, where the node names none."""


T = TypeVar("T")


class MaskWish(Enum):
    """How much of a picture may leave sharp."""

    BOXES = "boxes"
    """What the algorithm's classes allow."""
    MOSAIC = "mosaic"
    """Nothing, whatever it finds."""


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


class DecodeMode(Enum):
    """How much of a live camera is decoded; files are always decoded whole."""

    FULL = "full"
    KEYFRAME = "keyframe"
    """Key pictures only, every 1 to 10 s as the camera sends them: about an eighth of the cost."""
    STILL = "still"
    """Opened for one picture every `still_every_s` seconds."""
    OFF = "off"
    """Neither opened nor decoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSpec:
    """One camera as the worker needs it."""

    id: str
    kind: CameraKind
    source: str = field(repr=False)
    """File path, rtsp:// address or /dev/videoN; not shown, because an address may hold a password."""
    algorithm: str
    """Name of a folder with a manifest, see edge_ai/algorithms."""
    name: str = ""
    model: str = ""
    """Path of the ONNX file for algorithms that ship none; empty: the algorithm's own."""
    loop: bool = False
    """Begin again at the end of a file."""
    analysed_fps: float = 5.0
    mode: DecodeMode = DecodeMode.FULL
    still_every_s: float = 60.0
    """Seconds between pictures in still mode."""
    territory: str = ""
    code: str = ""
    """National code of twenty digits (GB/T 28181), carried by every event; empty: none."""
    rules: tuple[RuleSpec, ...] = ()
    ground: GroundSpec | None = None
    """The ground plane, for rules about speed; None: not known."""
    mask: MaskWish = MaskWish.BOXES
    utc_offset_minutes: int = 480
    """Local time of the rules' schedules."""
    alarm: bool = False
    """True: its pictures are analysed before all others, such as for fire."""
    stream_width: int = 1280
    stream_height: int = 720
    stream_fps: float = 25.0
    """What the camera sends, for the question whether the box has room for it."""

    def __post_init__(self) -> None:
        """Refuse empty names and senseless rates."""
        if not self.id or len(self.id) > 64:
            raise SpecError(f"camera id {self.id!r} refused: give 1 to 64 characters")
        if not 0 < self.analysed_fps <= ANALYSED_FPS_MAX:
            raise SpecError(f"camera {self.id!r} has analysed_fps {self.analysed_fps}: give more than 0, at most {ANALYSED_FPS_MAX:g}")
        if not STILL_EVERY_S_MIN <= self.still_every_s <= STILL_EVERY_S_MAX:
            least, most = STILL_EVERY_S_MIN, STILL_EVERY_S_MAX
            raise SpecError(f"camera {self.id!r} has still_every_s {self.still_every_s}: give {least:g} to {most:g}")
        if len(self.rules) > RULES_PER_CAMERA_MAX:
            raise SpecError(f"camera {self.id!r} has {len(self.rules)} rules: at most {RULES_PER_CAMERA_MAX}, use a second camera entry")
        if len({rule.name for rule in self.rules}) < len(self.rules):
            raise SpecError(f"camera {self.id!r} has two rules of one name: rename one")
        blind = [rule.name for rule in self.rules if rule.kind is RuleKind.SPEED and self.ground is None]
        if blind:
            raise SpecError(f"camera {self.id!r} has speed rule {blind[0]!r} and no ground plane: give `ground` of the camera")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingSpec:
    """One frame ring: its file and the cameras in it, in their order."""

    path: str
    cameras: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSpec:
    """All a capture process is told, as one JSON file."""

    worker: str
    """Identity on the socket."""
    endpoint: str
    """ZeroMQ address of the node."""
    ring: str
    """File of the frame ring that this process makes."""
    bell: int
    """Inherited handle that wakes the analysis, see edge_ai/analysis/bell.py."""
    seed: int
    """Seed of the jitter of reconnects."""
    parent_pid: int
    """The process ends when this one is no longer its parent."""
    cameras: tuple[CameraSpec, ...]
    opens_per_s: float = OPENS_PER_S
    """Cameras this process may open in a second: its part of what the node may."""
    evidence_dir: str = ""
    """The node's folder of evidence, where clips are handed over; empty: none are kept."""
    evidence_floor_bytes: int = EVIDENCE_FLOOR_BYTES
    """Free space that clips leave on the disk."""

    def __post_init__(self) -> None:
        """Refuse more cameras than one process may serve."""
        if not 1 <= len(self.cameras) <= CAMERAS_PER_WORKER_MAX:
            raise SpecError(f"capture {self.worker!r} has {len(self.cameras)} cameras: give 1 to {CAMERAS_PER_WORKER_MAX}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSpec:
    """All an analysis process is told, as one JSON file."""

    worker: str
    """Identity on the socket."""
    endpoint: str
    """ZeroMQ address of the node."""
    spool_dir: str
    """Folder where events wait for the node's ack."""
    nonce: str
    """Random text from the node, new at each start; makes event ids unique over restarts."""
    parent_pid: int
    """The process ends when this one is no longer its parent."""
    cameras: tuple[CameraSpec, ...]
    rings: tuple[RingSpec, ...]
    """Where the cameras' frames come from; each camera is in one of them."""
    bell: int
    """Inherited handle that the capture processes ring, see edge_ai/analysis/bell.py."""
    ledger: str
    """File of counts that outlives the process, see edge_ai/analysis/ledger.py."""
    callers: int = 1
    """Inference threads."""
    evidence_dir: str = ""
    """The node's folder of evidence, where originals are handed over; empty: none are kept."""
    evidence_floor_bytes: int = EVIDENCE_FLOOR_BYTES
    """Free space that pictures leave on the disk."""
    algorithms_dir: str = ""
    """Folder of further algorithms; empty: only those that ship."""

    def __post_init__(self) -> None:
        """Refuse more than one process may serve, and cameras whose frames come from nowhere."""
        if not 1 <= len(self.cameras) <= CAMERAS_ANALYSED_MAX:
            raise SpecError(f"worker {self.worker!r} has {len(self.cameras)} cameras: give 1 to {CAMERAS_ANALYSED_MAX}")
        if not 1 <= self.callers <= CALLERS_MAX:
            raise SpecError(f"worker {self.worker!r} has {self.callers} callers: give 1 to {CALLERS_MAX}")
        missing = {camera.id for camera in self.cameras} - {camera for ring in self.rings for camera in ring.cameras}
        if missing:
            raise SpecError(f"worker {self.worker!r} has camera {min(missing)!r} in no frame ring")


def encode_spec(spec: WorkerSpec | CaptureSpec) -> bytes:
    """The JSON form of `spec`."""
    return msgspec.json.encode(spec)


def decode_spec(data: bytes) -> WorkerSpec:
    """The analysis process's description in its JSON form; raises SpecError naming the place and the value."""
    return _decode(data, WorkerSpec)


def decode_capture_spec(data: bytes) -> CaptureSpec:
    """The capture process's description in its JSON form; raises SpecError naming the place and the value."""
    return _decode(data, CaptureSpec)


def _decode(data: bytes, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=wanted)
    except msgspec.MsgspecError as error:
        raise SpecError(f"worker description refused: {error}") from error
