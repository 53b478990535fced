"""Where worlds lie: a folder for each run, on a fast disk that has room for it, and what killed runs left behind.

Refuses a disk without room: a world on a full one breaks promises that the product keeps. A folder is locked for as long as its run lives;
the next run on the machine removes those that nobody locks any more. Called by simulations/run.py.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from node.errors import NodeError

SHM = Path("/dev/shm")  # noqa: S108 - a fast disk where there is one; every run makes a folder of its own in it
PREFIX = "yunnao-sim-"
BEGUN_PREFIX = "yunnao-new-"
"""Of a folder whose lock is not yet taken, so that nobody takes it for one left behind."""
LOCK = "lock"
FULL_PART = 32
"""A disk with less room than this part of what a run needs is full."""
MIB = 1 << 20


class ScratchError(NodeError):
    """There is no room for simulated disks."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A run's folder."""

    folder: Path
    bytes_needed: int

    def check_room(self) -> None:
        """Raise ScratchError when the disk was filled meanwhile: what broke then, the full disk broke."""
        if (free := _free(self.folder)) < self.bytes_needed // FULL_PART:
            raise ScratchError(_message(self.folder.parent, free, self.bytes_needed))


@contextmanager
def scratch(bytes_needed: int) -> Iterator[Scratch]:
    """A folder on the first disk that has room, removed in the end; raises ScratchError when none has."""
    place = _place(bytes_needed)
    _sweep(place)
    begun = Path(tempfile.mkdtemp(prefix=BEGUN_PREFIX, dir=place))
    folder = begun.with_name(begun.name.replace(BEGUN_PREFIX, PREFIX))
    with (begun / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun.rename(folder)
        try:
            yield Scratch(folder, bytes_needed)
        finally:
            shutil.rmtree(folder)


def _place(bytes_needed: int) -> Path:
    places = [place for place in (SHM, Path(tempfile.gettempdir())) if place.is_dir()]
    for place in places:
        if _free(place) >= bytes_needed:
            return place
    roomiest = max(places, key=_free)
    raise ScratchError(_message(roomiest, _free(roomiest), bytes_needed))


def _sweep(place: Path) -> None:
    for lock in place.glob(f"{PREFIX}*/{LOCK}"):
        # Somebody else's, or gone by now: not ours to remove.
        with suppress(OSError), lock.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent)


def _free(place: Path) -> int:
    return shutil.disk_usage(place).free


def _message(place: Path, free: int, needed: int) -> str:
    return (
        f"no room for simulated disks: {place} has {free // MIB} MiB free, {needed // MIB} MiB are needed; free some, run fewer processes, "
        "or name a folder on a larger disk in TMPDIR"
    )
