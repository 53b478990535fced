"""How much room the packages of a node take, and whether one more may come. Called by the library, and by whoever fetches a package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_ai.errors import AlgorithmError
from edge_ai.models.manifest import VERSION
from edge_ai.reasons import reason

DISK_FLOOR_BYTES = 64 << 20
"""What packages leave free on their disk."""


class Room:
    """The room below one folder, which is there when it is asked; `bytes_max` 0: no bound but the disk's."""

    def __init__(self, root: Path, bytes_max: int) -> None:
        self._root = root
        self._bytes_max = bytes_max
        self._sizes: dict[str, int] = {}

    def check(self, what: str, size: int) -> None:
        """Raise AlgorithmError when `size` bytes more are over the bound, or leave the disk too little."""
        if self._bytes_max and (used := self.bytes_used()) + size > self._bytes_max:
            raise AlgorithmError(reason("library-full", what=what, bytes=size, used=used, most=self._bytes_max))
        if (free := shutil.disk_usage(self._root).free - size) < DISK_FLOOR_BYTES:
            raise AlgorithmError(reason("library-disk-low", what=what, bytes=size, left=max(free, 0), least=DISK_FLOOR_BYTES))

    def bytes_used(self) -> int:
        """What lies in the folder, with what is on its way. A version never changes, so it is added up once."""
        sizes: dict[str, int] = {}
        loose = 0
        for entry in _entries(self._root):
            for inner in _entries(entry.path) if entry.is_dir(follow_symlinks=False) else [entry]:
                if inner is not entry and VERSION.fullmatch(inner.name) and inner.is_dir(follow_symlinks=False):
                    sizes[inner.path] = self._sizes.get(inner.path) or _bytes_below(inner.path)
                else:
                    loose += _bytes_below(inner.path) or _size(inner.path)
        self._sizes = sizes
        return sum(sizes.values()) + loose


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing where it goes while it is looked at."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []


def _bytes_below(folder: str) -> int:
    return sum(_size(Path(inner) / name) for inner, _, names in os.walk(folder) for name in names)


def _size(path: str | Path) -> int:
    """Of a file that may go while it is looked at."""
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0
