"""Which processes serve which cameras: capture processes of up to 8, an analysis process for up to 64, and what each is told.

Owns the names of their files, the folder of the frame rings, and what of a camera concerns whom: a process whose part of the cameras says
the same as before runs on. Called by node/cameras/crew.py.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

from edge_ai.spec import (
    CALLERS_MAX,
    CAMERAS_ANALYSED_MAX,
    CAMERAS_PER_WORKER_MAX,
    EVIDENCE_FLOOR_BYTES,
    CameraSpec,
    CaptureSpec,
    MaskWish,
    RingSpec,
    WorkerSpec,
    encode_spec,
)
from node.cameras.process import Work

CAPTURES_MAX = CAMERAS_ANALYSED_MAX // CAMERAS_PER_WORKER_MAX
"""Capture processes whose frames one analysis takes."""
CAPTURE_BYTES = (192 << 20, 64 << 20)
"""Own memory of a capture process before it is recycled: at rest, and for each camera (decoder, packets of ten seconds, pictures)."""
ANALYSIS_BYTES = (512 << 20, 48 << 20)
"""The same of an analysis process (models, and the newest pictures of each camera for evidence)."""
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - a folder below it of our own, checked for its owner
RING_SUFFIXES = (".ring", ".part", ".ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the processes find things."""

    endpoint: str
    work_dir: Path
    ring_dir: Path
    evidence_dir: Path | None = None
    evidence_floor_bytes: int = EVIDENCE_FLOOR_BYTES
    algorithms_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """The cameras of one analysis process, by the capture processes that read them."""

    analysis: str
    captures: dict[str, tuple[CameraSpec, ...]]

    @property
    def cameras(self) -> tuple[CameraSpec, ...]:
        """All of them."""
        return tuple(camera for part in self.captures.values() for camera in part)


def grouped(cameras: Sequence[CameraSpec], before: Sequence[Group] = ()) -> list[Group]:
    """Processes that may serve `cameras`. Whoever had a process `before` keeps it; the others fill up the one with the fewest cameras.

    So one more camera disturbs one capture process at most. The name of an analysis is that of its spool on disk.
    """
    wanted = {camera.id: camera for camera in cameras}
    groups = []
    for group in before:
        parts = {name: tuple(wanted.pop(camera.id) for camera in part if camera.id in wanted) for name, part in group.captures.items()}
        if any(parts.values()):
            groups.append(Group(group.analysis, {name: part for name, part in parts.items() if part}))
    for camera in wanted.values():
        _place(groups, camera)
    return groups


def _place(groups: list[Group], camera: CameraSpec) -> None:
    captures = [(group, name) for group in groups for name in group.captures]
    roomy = [(group, name) for group, name in captures if len(group.captures[name]) < CAMERAS_PER_WORKER_MAX]
    if roomy:
        group, name = min(roomy, key=lambda place: len(place[0].captures[place[1]]))
        group.captures[name] += (camera,)
        return
    if all(len(group.captures) == CAPTURES_MAX for group in groups):
        groups.append(Group(_free("worker", {group.analysis for group in groups}), {}))
    group = next(group for group in groups if len(group.captures) < CAPTURES_MAX)
    group.captures[_free("capture", {name for _, name in captures})] = (camera,)


def _free(word: str, taken: set[str]) -> str:
    return next(name for number in count() if (name := f"{word}-{number}") not in taken)


def as_read(camera: CameraSpec) -> CameraSpec:
    """What of a camera concerns the process that reads it: where its pictures come from and how often."""
    return replace(camera, name="", code="", territory="", algorithm="", model="", rules=(), ground=None, mask=MaskWish.BOXES, alarm=False)


def as_analysed(camera: CameraSpec) -> CameraSpec:
    """What of a camera concerns the process that looks at it: nothing of how to log in to it."""
    return camera if camera.kind.is_clip else replace(camera, source="")


def capture_work(
    identity: str, cameras: tuple[CameraSpec, ...], places: Places, rng: Random, *, bell: int, opens_per_s: Callable[[], float]
) -> Work:
    """What a capture process is for; `opens_per_s` is asked at each start."""
    read = tuple(map(as_read, cameras))

    def describe() -> bytes:
        return encode_spec(
            CaptureSpec(
                worker=identity, endpoint=places.endpoint, ring=str(_ring(places, identity, read)), bell=bell, seed=rng.getrandbits(32),
                parent_pid=os.getpid(), cameras=read, opens_per_s=opens_per_s(),
                evidence_dir=str(places.evidence_dir or ""), evidence_floor_bytes=places.evidence_floor_bytes,
            )
        )  # fmt: skip

    rest, each = CAPTURE_BYTES
    return Work(identity=identity, module="edge_ai.capture.worker", cameras=read, bytes_max=rest + each * len(read), describe=describe)


def analysis_work(group: Group, places: Places, rng: Random, *, bell: int, callers: int) -> Work:
    """What the analysis process of `group` is for."""
    analysed = tuple(map(as_analysed, group.cameras))
    rings = tuple(
        RingSpec(path=str(_ring(places, name, part)), cameras=tuple(camera.id for camera in part))
        for name, part in group.captures.items()
    )  # fmt: skip

    def describe() -> bytes:
        return encode_spec(
            WorkerSpec(
                worker=group.analysis, endpoint=places.endpoint, spool_dir=str(places.work_dir / f"{group.analysis}.spool"),
                nonce=f"{rng.getrandbits(64):016x}", parent_pid=os.getpid(), cameras=analysed, rings=rings, bell=bell,
                ledger=str(places.ring_dir / f"{group.analysis}.ledger"), callers=callers, evidence_dir=str(places.evidence_dir or ""),
                evidence_floor_bytes=places.evidence_floor_bytes, algorithms_dir=str(places.algorithms_dir or ""),
            )
        )  # fmt: skip

    rest, each = ANALYSIS_BYTES
    return Work(
        identity=group.analysis, module="edge_ai.analysis.worker", cameras=analysed, rings=rings,
        bytes_max=rest + each * len(analysed), describe=describe,
    )  # fmt: skip


def callers_for(cores: int) -> int:
    """Inference threads of an analysis process: two callers of one thread each do 1.5 to 2.1 times the work of one (EDGE_AI 1)."""
    return max(1, min(cores, CALLERS_MAX))


def ring_folder(work_dir: Path, memory: Path = MEMORY_FOLDER) -> Path:
    """The folder of a node's frame rings: in memory where there is such a place, for frames on a disk would wear it out."""
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        return work_dir / "rings"
    return memory / f"yunnao-{os.getuid()}-{hashlib.sha256(str(work_dir.resolve()).encode()).hexdigest()[:12]}"


def make_ring_folder(folder: Path) -> None:
    """Make it, for this user only, without what an earlier life left. Raises PermissionError when it is somebody else's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"folder {folder} of the frame rings belongs to somebody else: name another as [edge] ring_dir")
    clear_rings(folder)


def clear_rings(folder: Path, identity: str = "") -> None:
    """Take away the files of rings, all or those of one process."""
    for path in folder.glob(f"{identity or '*'}.*"):
        if path.suffix in RING_SUFFIXES:
            path.unlink(missing_ok=True)


def _ring(places: Places, capture: str, cameras: Sequence[CameraSpec]) -> Path:
    """Named after its cameras too: after a change nobody takes one camera's pictures out of the old ring for those of another."""
    names = "\n".join(camera.id for camera in cameras)
    return places.ring_dir / f"{capture}.{hashlib.sha256(names.encode()).hexdigest()[:8]}.ring"
