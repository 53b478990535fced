"""Which processes serve which cameras: capture processes of up to 8, an analysis process for up to 64, and what each is told.

Owns the names of their files and the folder of the frame rings. Called by node/cameras/supervisor.py.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeVar

from edge_ai.spec import (
    CALLERS_MAX,
    CAMERAS_ANALYSED_MAX,
    CAMERAS_PER_WORKER_MAX,
    EVIDENCE_FLOOR_BYTES,
    CameraSpec,
    CaptureSpec,
    RingSpec,
    WorkerSpec,
    encode_spec,
)
from node.cameras.process import Work

CAPTURE_BYTES = (192 << 20, 64 << 20)
"""Own memory of a capture process before it is recycled: at rest, and for each camera (decoder, packets of ten seconds, pictures)."""
ANALYSIS_BYTES = (512 << 20, 48 << 20)
"""The same of an analysis process (models, and the newest pictures of each camera for evidence)."""
OPENS_PER_S = 5.0
"""Cameras a node opens in a second, over all its capture processes."""
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 - a folder below it of our own, checked for its owner
RING_SUFFIXES = (".ring", ".part", ".ledger")

T = TypeVar("T")


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


def grouped(cameras: Sequence[CameraSpec]) -> list[Group]:
    """The fewest processes that may serve `cameras`, in their order. The name of an analysis is that of its spool on disk."""
    captures = {f"capture-{index}": part for index, part in enumerate(_parts(cameras, CAMERAS_PER_WORKER_MAX))}
    names = _parts(list(captures), CAMERAS_ANALYSED_MAX // CAMERAS_PER_WORKER_MAX)
    return [Group(f"worker-{index}", {name: captures[name] for name in part}) for index, part in enumerate(names)]


def _parts(things: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    return (tuple(things[start : start + size]) for start in range(0, len(things), size))


def capture_work(identity: str, cameras: tuple[CameraSpec, ...], places: Places, rng: Random, *, bell: int, captures: int) -> Work:
    """What one of `captures` capture processes is for."""

    def describe() -> bytes:
        return encode_spec(
            CaptureSpec(
                worker=identity, endpoint=places.endpoint, ring=str(_ring(places, identity)), bell=bell, seed=rng.getrandbits(32),
                parent_pid=os.getpid(), cameras=cameras, opens_per_s=OPENS_PER_S / captures,
            )
        )  # fmt: skip

    names = tuple(camera.id for camera in cameras)
    rest, each = CAPTURE_BYTES
    return Work(
        identity=identity, module="edge_ai.capture.worker", cameras=names, bytes_max=rest + each * len(names), describe=describe
    )  # fmt: skip


def analysis_work(group: Group, places: Places, rng: Random, *, bell: int, callers: int) -> Work:
    """What the analysis process of `group` is for."""
    rings = tuple(
        RingSpec(path=str(_ring(places, name)), cameras=tuple(camera.id for camera in part)) for name, part in group.captures.items()
    )

    def describe() -> bytes:
        return encode_spec(
            WorkerSpec(
                worker=group.analysis, endpoint=places.endpoint, spool_dir=str(places.work_dir / f"{group.analysis}.spool"),
                nonce=f"{rng.getrandbits(64):016x}", parent_pid=os.getpid(), cameras=group.cameras, rings=rings, bell=bell,
                ledger=str(places.ring_dir / f"{group.analysis}.ledger"), callers=callers, evidence_dir=str(places.evidence_dir or ""),
                evidence_floor_bytes=places.evidence_floor_bytes, algorithms_dir=str(places.algorithms_dir or ""),
            )
        )  # fmt: skip

    names = tuple(camera.id for camera in group.cameras)
    rest, each = ANALYSIS_BYTES
    return Work(
        identity=group.analysis, module="edge_ai.analysis.worker", cameras=names, bytes_max=rest + each * len(names), describe=describe
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


def _ring(places: Places, capture: str) -> Path:
    return places.ring_dir / f"{capture}.ring"
